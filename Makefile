# Two commands: `make book` and `make test`. Both set up what they need on a machine with python3, pip, git and make.

PYTHON ?= python3
UV_VERSION := 0.13.9
SNAKEMAKE_VERSION := 9.27.1
UV := .tools/bin/uv
BIN := .venv/bin

export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
# The kernel is that of this environment, whatever the user has set up for Jupyter.
export JUPYTER_PREFER_ENV_PATH := 1
unexport JUPYTER_PATH JUPYTER_CONFIG_PATH
# Each module is compiled once, not in every process: a third of the time that a kernel or a test worker needs to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help book pdf test paper mutate refresh setup lock clean
.DEFAULT_GOAL := help

help: ## Show this help
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

book: setup ## Execute the chapters and render the site into _build/html
	$(BIN)/companion book

pdf: setup ## The same as one PDF, _build/companion.pdf; Chromium must be installed
	$(BIN)/companion book --pdf

test: export OMP_NUM_THREADS := 1
test: setup ## Lint, types, chapters against their committed outputs, strict build of these outputs, unit tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	rm -rf _build/downloads
	$(BIN)/pytest -n 2 --dist loadscope --nbval-lax --nbval-current-env notebooks
	$(BIN)/companion book --committed
	$(BIN)/pytest -n 2

paper: setup .tools/snakemake/bin/snakemake ## Train all that is missing of the papers' size, here, then build the book (a GPU, days)
	.tools/snakemake/bin/snakemake --profile workflow/profiles/local --resources gpu=$$(nvidia-smi -L 2>/dev/null | grep -c . || true) \
	  --config python=$(BIN)/python

mutate: setup ## Break the code in one place at a time and see whether the tests notice (about an hour, not in CI)
	$(BIN)/python tests/mutation/run.py --write

refresh: setup ## Rewrite the committed outputs of the chapters
	$(BIN)/companion book --refresh

setup: .venv/installed ## Make the environment from requirements.lock

lock: $(UV) ## Resolve requirements.lock anew from pyproject.toml
	$(UV) pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-header --no-emit-index-url \
	  --upgrade --output-file requirements.lock pyproject.toml

clean: ## Remove everything that was generated, the environment included
	rm -rf _build .tools .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks book notebooks -name __pycache__ -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv==$(UV_VERSION)

# An environment of its own: the workflow starts the project's Python, and shares no package with it.
.tools/snakemake/bin/snakemake: | $(UV)
	$(UV) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .tools/snakemake
	VIRTUAL_ENV=.tools/snakemake $(UV) pip install --quiet snakemake==$(SNAKEMAKE_VERSION)

# Made last, so that an interrupted installation is begun again.
.venv/installed: requirements.lock pyproject.toml | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --editable .
	touch $@
