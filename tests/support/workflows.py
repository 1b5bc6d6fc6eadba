"""The workflow as tests start it: its helpers as modules, and Snakemake where it is on the PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["ROOT", "SNAKEMAKE", "helper", "missing_plugins", "needs_snakemake", "snakemake"]

ROOT = Path(__file__).parents[2]
SNAKEMAKE = shutil.which("snakemake")
needs_snakemake = pytest.mark.skipif(SNAKEMAKE is None, reason="snakemake is not on the PATH")


def helper(name: str) -> ModuleType:
    """A file of the workflow's as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "workflow" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def missing_plugins(names: Sequence[str]) -> list[str]:
    """Those of some plugins that are not installed beside Snakemake."""
    assert SNAKEMAKE is not None
    python = Path(SNAKEMAKE).with_name("python")
    found = "import importlib.metadata as m, sys; print(*(d.name for d in m.distributions()))"
    said = subprocess.run([python, "-c", found], capture_output=True, text=True, check=True)
    return sorted(set(names) - set(said.stdout.split()))


def snakemake(
    folder: Path, *words: str, settings: Sequence[str] = (), profile: str = "local"
) -> subprocess.CompletedProcess[str]:
    """Start the workflow for one small exhibit on this machine.

    Args:
        folder: for the cache, the records and what is made.
        words: targets and options.
        settings: further ones, after those that are always given; a later one goes first.
        profile: of the workflow.
    """
    assert SNAKEMAKE is not None
    environment = {**os.environ, "COMPANION_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT / "src")}
    always = ["profile=quick", "exhibits=A-F2-K", "device=cpu", f"python={sys.executable}"]
    folders = [f"store={folder / 'store'}", f"out={folder / 'out'}"]
    command = [SNAKEMAKE, "--snakefile", str(ROOT / "workflow" / "Snakefile"), "--directory", str(ROOT)]
    command += ["--profile", f"workflow/profiles/{profile}", *(("--cores", "2") if profile == "local" else ())]
    command += [*words, "--config", *always, *folders, *settings]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
