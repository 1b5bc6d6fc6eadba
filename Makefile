# Two commands: `make book` and `make test`. Both set up what they need on a machine with python3, pip, git and make.

PYTHON ?= python3
UV_VERSION := 0.13.9
SNAKEMAKE_VERSION := 9.27.1
SLURM_PLUGIN_VERSION := 2.8.0
KUBERNETES_PLUGIN_VERSION := 0.5.1
FS_PLUGIN_VERSION := 1.1.3
PIP_AUDIT_VERSION := 2.10.1
CYCLONEDX_VERSION := 7.5.0
UV := .tools/bin/uv
BIN := .venv/bin

# What a user has set up for other work neither redirects nor changes what is made here. Of pip and uv, what says where
# packages come from and how they are reached is kept; of git, all but what names another repository.
KEPT := PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY PIP_TIMEOUT \
  PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_KEYRING_PROVIDER PIP_CACHE_DIR PIP_NO_CACHE_DIR PIP_CONFIG_FILE \
  UV_INDEX UV_INDEX_% UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_HTTP_% \
  UV_REQUEST_TIMEOUT UV_CONCURRENT_% UV_CACHE_DIR UV_NO_CACHE UV_LINK_MODE UV_OFFLINE
unexport $(filter-out $(KEPT),$(filter PIP_% UV_% PYTHON% PYTEST_% JUPYTER_% CONDA_% MYPY% RUFF_% SNAKEMAKE_%,$(.VARIABLES)))
unexport VIRTUAL_ENV MPLBACKEND MATPLOTLIBRC COMPANION_ROOT COMPANION_STORE COMPANION_DOWNLOADS
unexport GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
  GIT_NAMESPACE GIT_PREFIX

export UV_NO_CONFIG := 1
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
# Packages of this environment alone, and the same letters in every locale.
export PYTHONNOUSERSITE := 1
export PYTHONUTF8 := 1
export LC_ALL := C.UTF-8
# The kernel is that of this environment, without anybody's start-up files.
export JUPYTER_PREFER_ENV_PATH := 1
export JUPYTER_NO_CONFIG := 1
export IPYTHONDIR := $(CURDIR)/.venv/ipython

ISOLATED := $(PYTHON) -I .ci/isolated.py
# An environment can be used where its programs name it, not a place where the tree was before, and its Python is there.
usable = head -n 3 $(1)/bin/$(2) 2>/dev/null | grep -qF "$$(pwd -P)/$(1)/bin/python" \
  && $(1)/bin/python -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
made = $(ISOLATED) $(UV) venv --quiet --clear --python "$$($(PYTHON) -I -c 'import sys; print(sys.executable)')" $(1)

.PHONY: help book pdf test paper workflow slurm faults faults-long untrusted audit sbom mutate refresh setup lock clean
.DEFAULT_GOAL := help

help: ## Show this help
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

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

workflow: export OMP_NUM_THREADS := 1
workflow: export PATH := $(PATH):$(CURDIR)/.tools/snakemake/bin
workflow: setup .tools/snakemake/plugins ## Dry runs of the workflow by each of its profiles, and a small real one here
	$(BIN)/pytest tests/workflow/test_workflow.py tests/workflow/test_profiles.py

slurm: export OMP_NUM_THREADS := 1
slurm: export PATH := $(PATH):$(CURDIR)/.tools/snakemake/bin
slurm: setup .tools/snakemake/bin/generate-slurm-partition-config ## The workflow on a real Slurm, set up and torn down here; slurm-wlm, munge must be installed
	$(BIN)/pytest -m slurm tests/workflow/slurm --slurm-report benchmarks/slurm.json

faults: setup ## Break what is at work on purpose, at every act, and write what happened for the page of the book
	$(BIN)/pytest tests/faults --faults-report benchmarks/faults.json

faults-long: setup ## The same at every write of every file, with eight processes and more seeds; nothing is written
	$(BIN)/pytest tests/faults --faults-long

untrusted: setup ## Feed each parser 10,000 malformed inputs, and write what came of it for the page of the book (an hour)
	$(BIN)/pytest tests/untrusted --inputs 10000 --untrusted-report benchmarks/untrusted.json

audit: $(UV) ## Whether a vulnerability is known of anything in the lock (as far as the index that is used tells)
	$(ISOLATED) $(UV) tool run pip-audit==$(PIP_AUDIT_VERSION) -r requirements.lock --disable-pip --require-hashes

sbom: setup ## Write what the environment is made of, as CycloneDX: _build/sbom.json
	$(PYTHON) -I .ci/sbom.py _build/sbom.json $(ISOLATED) $(UV) tool run --from cyclonedx-bom==$(CYCLONEDX_VERSION) \
	  cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --of JSON $(BIN)/python

mutate: setup ## Break the code in one place at a time and see whether the tests notice (about an hour, not in CI)
	$(BIN)/python tests/mutation/run.py --write

refresh: setup ## Rewrite the committed outputs of the chapters
	$(BIN)/companion book --refresh

setup: .venv/installed ## Make the environment from requirements.lock

lock: $(UV) ## Resolve requirements.lock anew from pyproject.toml
	$(ISOLATED) $(UV) pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-header --no-emit-index-url \
	  --upgrade --output-file requirements.lock pyproject.toml

clean: ## Remove everything that was generated, the environment included
	rm -rf _build .tools .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks book notebooks -name __pycache__ -prune -exec rm -rf {} +

$(UV):
	$(ISOLATED) pip install --quiet --upgrade --disable-pip-version-check --root-user-action=ignore --target .tools uv==$(UV_VERSION)

# An environment of its own: the workflow starts the project's Python, and shares no package with it.
.tools/snakemake/bin/snakemake: | $(UV)
	$(call made,.tools/snakemake)
	$(ISOLATED) $(UV) pip install --quiet --python .tools/snakemake/bin/python snakemake==$(SNAKEMAKE_VERSION)

# A program of its executor for Slurm.
.tools/snakemake/bin/generate-slurm-partition-config: .tools/snakemake/bin/snakemake
	$(ISOLATED) $(UV) pip install --quiet --python .tools/snakemake/bin/python snakemake==$(SNAKEMAKE_VERSION) \
	  snakemake-executor-plugin-slurm==$(SLURM_PLUGIN_VERSION)
	touch $@

# What its profiles need, for dry runs.
.tools/snakemake/plugins: .tools/snakemake/bin/generate-slurm-partition-config
	$(ISOLATED) $(UV) pip install --quiet --python .tools/snakemake/bin/python snakemake==$(SNAKEMAKE_VERSION) \
	  snakemake-executor-plugin-kubernetes==$(KUBERNETES_PLUGIN_VERSION) snakemake-storage-plugin-fs==$(FS_PLUGIN_VERSION)
	touch $@

# Made last, so that an interrupted installation is begun again.
.venv/installed: requirements.lock pyproject.toml | $(UV)
	{ $(call usable,.venv,companion); } || $(call made,.venv)
	$(ISOLATED) $(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(ISOLATED) $(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	for file in .venv/lib/python*/site-packages/__editable__.companion-*.pth; do \
	  test ! -f "$$file" || echo ../../../../src > "$$file"; done  # Python reads it in the locale of whoever starts it
	touch $@

# What was made before and is of no use any more is made anew: by a moved tree, another version, or a Python that is gone.
ifneq ($(shell $(UV) --version 2>/dev/null | cut -d ' ' -f 2),$(UV_VERSION))
$(UV): anew
endif
ifneq ($(shell { $(call usable,.venv,companion); } && echo yes),yes)
.venv/installed: anew
endif
ifneq ($(shell { $(call usable,.tools/snakemake,snakemake); } && echo yes),yes)
.tools/snakemake/bin/snakemake: anew
endif
.PHONY: anew
anew:
