"""`make setup` on a copied Makefile: no setting of a user redirects it; index, proxy and certificates hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")

STUB = """#!{python} -I
import json, os, pathlib, sys
place = pathlib.Path({log!r})
if sys.argv[1:] == ["--version"]:
    print("uv {version}")
    sys.exit()
with place.open("a") as log:
    print(json.dumps([sys.argv[1:], dict(os.environ)]), file=log)
if sys.argv[1] == "venv":
    target = pathlib.Path(sys.argv[-1], "bin")
    target.mkdir(parents=True, exist_ok=True)
    (target / "python").unlink(missing_ok=True)
    (target / "python").symlink_to({python!r})
    (target / "companion").write_text("#!" + str(target.absolute() / "python") + "\\n")
"""
"""In the place of uv: it tells what it was called with, and makes environments that look like some."""

HOSTILE = {
    "UV_SYSTEM_PYTHON": "1",
    "UV_PYTHON": "/nowhere",
    "UV_TARGET": "/nowhere",
    "UV_PROJECT_ENVIRONMENT": "/nowhere",
    "UV_CONFIG_FILE": "/nowhere",
    "UV_CONSTRAINT": "/nowhere",
    "UV_NO_BINARY": "1",
    "PIP_USER": "1",
    "PIP_TARGET": "/nowhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_PREFIX": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONUSERBASE": "/nowhere",
    "PYTEST_ADDOPTS": "--collect-only",
    "JUPYTER_PATH": "/nowhere",
    "JUPYTER_CONFIG_DIR": "/nowhere",
    "GIT_DIR": "/nowhere",
    "GIT_WORK_TREE": "/nowhere",
    "GIT_INDEX_FILE": "/nowhere",
    "CONDA_PREFIX": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
    "COMPANION_ROOT": "/nowhere",
    "COMPANION_STORE": "/nowhere",
    "MATPLOTLIBRC": "/nowhere",
}
KEPT = {
    "PIP_INDEX_URL": "https://index.example/simple",
    "UV_INDEX_URL": "https://other.example/simple",
    "UV_DEFAULT_INDEX": "https://default.example/simple",
    "UV_EXTRA_INDEX_URL": "https://extra.example/simple",
    "UV_INDEX_COMPANY_PASSWORD": "a word",
    "UV_CACHE_DIR": "/cache",
    "SSL_CERT_FILE": "/certs.pem",
    "PIP_CERT": "/certs.pem",
    "HTTPS_PROXY": "http://proxy.example",
    "HTTP_PROXY": "http://proxy.example",
    "COMPANION_DATA": "/data",
    "GIT_SSL_CAINFO": "/certs.pem",
}


class Tree:
    """A copy of what sets up, with a stub of uv in its place."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root, self.log = root, log
        (root / ".ci").mkdir(parents=True)
        for name in ("Makefile", ".ci/isolated.py", "requirements.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, root / name)
        makefile = (ROOT / "Makefile").read_text()
        self.version = makefile.partition("UV_VERSION := ")[2].partition("\n")[0]
        self.uv()

    def uv(self, version: str | None = None) -> None:
        """Put the stub where pip would put uv."""
        tool = self.root / ".tools" / "bin" / "uv"
        tool.parent.mkdir(parents=True, exist_ok=True)
        tool.write_text(STUB.format(python=PYTHON, log=str(self.log), version=version or self.version))
        tool.chmod(0o755)

    def make(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run make with the environment of a plain machine and these variables."""
        plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["make", f"PYTHON={PYTHON}", *words],
            cwd=self.root,
            env=plain | variables,
            capture_output=True,
            encoding="utf-8",
        )

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """What uv was called with since the last time, and its environment."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [tuple(json.loads(line)) for line in lines]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree", tmp_path / "log")


def test_no_variable_of_a_user_reaches_what_sets_up(tree: Tree) -> None:
    done = tree.make("setup", **HOSTILE, **KEPT)
    assert done.returncode == 0, done.stderr
    calls = tree.calls()
    assert [words[0] for words, _ in calls] == ["venv", "pip", "pip"]
    for words, environment in calls:
        assert not {name: value for name, value in environment.items() if HOSTILE.get(name) == value}
        assert {name: environment.get(name) for name in KEPT} == KEPT
        assert environment["UV_NO_CONFIG"] == "1"
        assert environment["PIP_CONFIG_FILE"] == os.devnull
        if words[0] == "pip":
            assert words[words.index("--python") + 1] == ".venv/bin/python"


def test_no_variable_of_a_user_reaches_tests_and_build(tree: Tree) -> None:
    assert tree.make("setup").returncode == 0
    tool = tree.root / ".venv" / "bin" / "companion"
    tool.write_text(f"#!{tree.root}/.venv/bin/python -I\nimport json, os\nprint(json.dumps(dict(os.environ)))\n")
    tool.chmod(0o755)
    done = tree.make("--silent", "book", **HOSTILE, **KEPT)
    assert done.returncode == 0, done.stderr
    environment = json.loads(done.stdout)
    assert not {name: value for name, value in environment.items() if HOSTILE.get(name) == value}
    assert {name: environment.get(name) for name in KEPT} == KEPT
    assert environment["PYTHONNOUSERSITE"] == environment["JUPYTER_NO_CONFIG"] == "1"


def test_an_index_in_pips_configuration_holds_and_nothing_else_of_it(tree: Tree, tmp_path: Path) -> None:
    settings = "[global]\nindex-url = https://index.example/simple\ncert = /certs.pem\nrequire-virtualenv = true\n"
    (tmp_path / "pip.conf").write_text(settings + "[install]\nuser = true\ntarget = /nowhere\n")
    assert tree.make("setup", PIP_CONFIG_FILE=str(tmp_path / "pip.conf")).returncode == 0
    for _, environment in tree.calls():
        assert environment["UV_DEFAULT_INDEX"] == environment["PIP_INDEX_URL"] == "https://index.example/simple"
        assert environment["PIP_CERT"] == "/certs.pem"
        assert not {"PIP_USER", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV"} & environment.keys()


@pytest.mark.parametrize("text", ["[global\nindex-url = x", "user = true", "\udcff"])
def test_a_configuration_of_pip_that_is_broken_is_none(tree: Tree, tmp_path: Path, text: str) -> None:
    (tmp_path / "pip.conf").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = tree.make("setup", PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert done.returncode == 0, done.stderr
    assert all("UV_DEFAULT_INDEX" not in environment for _, environment in tree.calls())


def test_what_is_there_is_not_made_again(tree: Tree) -> None:
    tree.make("setup")
    tree.calls()
    assert tree.make("setup").returncode == 0
    assert tree.calls() == []
    os.utime(tree.root / "requirements.lock", (2**31, 2**31))
    assert tree.make("setup").returncode == 0
    assert [words[0] for words, _ in tree.calls()] == ["pip", "pip"]  # into the environment that is there


def test_a_moved_tree_and_a_python_that_is_gone_or_too_old_are_set_up_anew(tree: Tree) -> None:
    tree.make("setup")
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    tree.calls()
    assert tree.make("setup").returncode == 0
    assert [words[0] for words, _ in tree.calls()] == ["venv", "pip", "pip"]
    python = tree.root / ".venv" / "bin" / "python"
    for broken in ("gone", "old"):
        python.unlink()
        if broken == "gone":
            python.symlink_to("/nowhere/python3")
        else:
            python.write_text("#!/bin/sh\nexit 1\n")  # what it says of its version
            python.chmod(0o755)
        assert tree.make("setup").returncode == 0
        assert [words[0] for words, _ in tree.calls()] == ["venv", "pip", "pip"]
    assert tree.make("setup").returncode == 0
    assert tree.calls() == []


def test_another_version_of_uv_gives_way(tree: Tree) -> None:
    tree.make("setup")
    assert "pip install" not in tree.make("-n", "setup").stdout
    tree.uv("0.0.1")
    assert f"uv=={tree.version}" in tree.make("-n", "setup").stdout
    (tree.root / ".tools" / "bin" / "uv").write_text("#!/nowhere\n")
    assert f"uv=={tree.version}" in tree.make("-n", "setup").stdout


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_a_folder_of_any_name_in_any_locale(tmp_path: Path, locale: str) -> None:
    tree = Tree(tmp_path / "größe 尺寸 'x' $y", tmp_path / "log")
    done = tree.make("setup", LC_ALL=locale)
    assert done.returncode == 0, done.stderr
    assert [words[0] for words, _ in tree.calls()] == ["venv", "pip", "pip"]
    assert tree.make("setup", LC_ALL=locale).returncode == 0
    assert tree.calls() == []


def test_a_python_that_is_too_old_or_no_command_is_one_sentence(tree: Tree, tmp_path: Path) -> None:
    old = tmp_path / "python"
    script = "import sys; sys.version_info = (3, 9); sys.argv = sys.argv[1:]; exec(open(sys.argv[0]).read())"
    old.write_text(f'#!/bin/sh\n[ "$2" = -c ] && exec {PYTHON} "$@"\nshift\nexec {PYTHON} -I -c \'{script}\' "$@"\n')
    old.chmod(0o755)
    done = tree.make("setup", f"PYTHON={old}")
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11 or newer is needed: make PYTHON=...\n")
    assert tree.calls() == []


def test_an_active_environment_without_pip_does_not_stand_in_the_way(tmp_path: Path) -> None:
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "active"], check=True)
    python = tmp_path / "active" / "bin" / "python"
    assert subprocess.run([python, "-I", "-m", "pip", "--version"], stderr=subprocess.DEVNULL).returncode == 1
    if subprocess.run([PYTHON, "-I", "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("this Python has no pip of its own")
    found = subprocess.run(
        [python, "-I", ROOT / ".ci" / "isolated.py", "pip", "--version"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert found.stdout.startswith("pip ")
