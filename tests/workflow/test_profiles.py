"""Every profile of the workflow, by a dry run of the command that its file tells to give."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.workflows import ROOT, missing_plugins, needs_snakemake, snakemake

FOLDER = ROOT / "workflow" / "profiles"
PROFILES = sorted(path.name for path in FOLDER.iterdir())
GIVEN = {
    "local": ["--resources", "gpu=8"],
    "slurm": ["--default-resources", "slurm_account=mine", "slurm_partition=gpu"],
    "kubernetes": ["--container-image", "IMAGE", "--default-storage-provider", "fs", "--default-storage-prefix", "DIR"],
}
"""What the comment of each says is to be given beside the profile."""


def comment(profile: str) -> str:
    lines = (FOLDER / profile / "config.yaml").read_text().splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_says_what_is_to_be_given_and_installed(profile: str) -> None:
    said = comment(profile)
    assert all(word in said for word in GIVEN[profile] if word.startswith("--"))
    executor = re.search(r"^executor: (\w+)$", (FOLDER / profile / "config.yaml").read_text(), re.MULTILINE)
    assert executor is None or f"snakemake-executor-plugin-{executor[1]}" in said
    storage = "--default-storage-provider" in GIVEN[profile]
    assert ("snakemake-storage-plugin-fs" in said) == storage


@needs_snakemake
@pytest.mark.parametrize("profile", PROFILES)
def test_a_dry_run_by_a_profile_plans_every_chunk_for_a_gpu_and_starts_nothing(tmp_path: Path, profile: str) -> None:
    if missing := missing_plugins(re.findall(r"snakemake-\w+-plugin-\w+", comment(profile))):
        pytest.skip(f"not installed beside snakemake: {', '.join(missing)}")
    words = [word.replace("DIR", str(tmp_path)) for word in GIVEN[profile]]
    said = snakemake(tmp_path, "--dry-run", *words, profile=profile, settings=["device=cuda", "hours=4"])
    assert said.returncode == 0, said.stderr
    told = said.stdout + said.stderr
    chunks = json.loads((tmp_path / "out" / "plan.json").read_text())["chunks"]
    assert re.search(rf"^chunk +{len(chunks)}$", told, re.MULTILINE), told
    jobs = re.findall(r"^ *resources: (.*)$", told, re.MULTILINE)
    maker = "gpu_manufacturer=nvidia" if profile == "kubernetes" else ""  # which asks for one by its maker
    assert sum("gpu=1" in job and maker in job for job in jobs) == len(chunks), jobs
    assert not (tmp_path / "store").exists()
