"""The workflow on a real Slurm that goes wrong on purpose: a job, the controller and Snakemake itself are killed.

As the README tells a user, one and the same command is given until it ends well.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from companion.exhibits import cells
from companion.records.store import Store
from companion.runs.lineage import with_sources
from support.slurm import PARTITION, Cluster, cluster, until

ROOT = Path(__file__).parents[3]
SNAKEMAKE = shutil.which("snakemake")
EXHIBIT, RUNS = "A-S-bias", 40
PARTS = 8
"""Into how many jobs the runs are spread, about: plans are cut by measured speeds."""
LONG = 180.0
"""Seconds for what takes some jobs."""
PATIENT = 900.0
"""Seconds for all that is left, on a machine that is busy with other work."""
SETTINGS = (
    f"exhibits={EXHIBIT}",
    "profile=quick",
    "device=cpu",
    "threads=1",
    "mem_mb=1000",
    f"python={sys.executable}",
)
WITHOUT_ACCOUNTING = ("--slurm-status-command", "squeue", "--slurm-no-account")
IMPATIENT = ("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2")
COMPANION = [sys.executable, "-c", "import sys; from companion.cli import main; sys.exit(main())"]
PLAN = ["plan", EXHIBIT, "--profile", "quick", "--device", "cpu", "--threads", "1", "--json"]

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
needs_plugin = pytest.mark.skipif(
    SNAKEMAKE is None or shutil.which("generate-slurm-partition-config") is None,
    reason="snakemake with snakemake-executor-plugin-slurm is not on the PATH",
)


class Workflow:
    """The workflow of this repository in a folder of its own, on a cluster.

    Args:
        folder: where it is started, with records, plan and logs.
        slurm: what its jobs run on.
    """

    def __init__(self, folder: Path, slurm: Cluster) -> None:
        self.folder, self.slurm = folder, slurm
        self.killed, self.drained, self.given = Counter[str](), 0, 0
        (folder / "workflow").symlink_to(ROOT / "workflow")
        caches = {"COMPANION_CACHE": str(folder / "cache"), "XDG_CACHE_HOME": str(folder / "cache")}
        self.environment = {**slurm.environment, **caches, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        said = self.run(*COMPANION, *PLAN, "--store", "store")
        self.hours = json.loads(said.stdout)["seconds"] / 3600 / PARTS

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command that ends well."""
        said = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        return said

    def command(self, *words: str) -> list[str]:
        """That of the README, with more words."""
        assert SNAKEMAKE is not None
        settings = ["--config", *SETTINGS, f"hours={self.hours:.9f}", "store=store", "out=out"]
        profile = ["--profile", "workflow/profiles/slurm", *WITHOUT_ACCOUNTING, *IMPATIENT]
        return [SNAKEMAKE, *words, *profile, *settings]

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """The command in the background; at the end of the block it is killed where it has not ended."""
        command = self.command("records", "--default-resources", f"slurm_partition={PARTITION}")
        with (self.folder / "said.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
            self.given += 1
            try:
                yield process
            finally:
                process.kill()
                self.killed["Snakemake"] += process.wait() == -signal.SIGKILL

    @property
    def chunks(self) -> dict[str, list[str]]:
        """Id to the runs of each chunk of the plan."""
        plan = json.loads((self.folder / "out" / "plan.json").read_text())
        return {chunk["id"]: chunk["keys"] for chunk in plan["chunks"]}

    def training(self) -> dict[str, str]:
        """Jobs that run and have begun to train: id to chunk."""
        found = {job: comment.rpartition("_")[2] for job, comment in self.slurm.jobs("RUNNING").items()}
        return {job: chunk for job, chunk in found.items() if (self.folder / "out/chunks" / f"{chunk}.log").exists()}

    def recorded(self, chunk: str) -> bool:
        """Whether all runs of a chunk are."""
        return all((self.folder / "store" / f"{key}.json").exists() for key in self.chunks[chunk])

    def said(self) -> str:
        """The last that Snakemake has said, for whoever reads why a test failed."""
        return (self.folder / "said.log").read_text(errors="replace")[-4000:]


@pytest.fixture
def workflow(tmp_path: Path, slurm: Cluster) -> Workflow:
    return Workflow(tmp_path, slurm)


def kill_a_job(workflow: Workflow) -> str:
    """Kill all processes of a job that trains; its id."""
    job = next(iter(until(LONG, "a job that trains", workflow.training)))
    workflow.slurm.call("scancel", "--signal=KILL", "--full", job)
    until(LONG, "the end of the killed job", lambda: job not in workflow.slurm.jobs("RUNNING"))
    workflow.killed["a job"] += 1
    return job


def drain_and_resume(workflow: Workflow) -> None:
    """Take the node away until nothing runs on it any more while jobs wait, and give it back."""
    slurm = workflow.slurm
    slurm.set_node("drain")
    until(LONG, "a drained node", lambda: slurm.node_state() == "drained")
    assert not slurm.jobs("RUNNING")
    assert slurm.jobs("PENDING"), "no job waits for the node"
    slurm.set_node("resume")
    workflow.drained += 1


def restart_the_controller(workflow: Workflow) -> None:
    """Kill the controller while a job trains, and start it again when that job's records are there."""
    chunk = next(iter(until(LONG, "a job that trains", workflow.training).values()))
    workflow.slurm.kill_controller()
    workflow.killed["the controller"] += 1
    assert not workflow.slurm.answers()
    until(LONG, "the records of a job without a controller", lambda: workflow.recorded(chunk))
    workflow.slurm.start_controller()


def numbers(store: Store) -> Mapping[str, Any]:
    """File name to what a record says, but for its provenance, and the digest over that."""
    found = {path.name: json.loads(path.read_text()) for path in store.files()}
    return {
        name: {key: value for key, value in content.items() if key not in ("provenance", "digest")}
        for name, content in found.items()
    }


def fail_with_a_job(other: Cluster) -> None:
    """Go wrong while a job runs that has left a process behind."""
    other.call("sbatch", "--output=/dev/null", "--wrap=sleep 600 & sleep 600")
    until(LONG, "a job that runs", lambda: other.jobs("RUNNING"))
    raise KeyError("a fault of a test")


def test_a_cluster_leaves_no_process_whatever_happens_in_it(slurm: Cluster) -> None:
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        with pytest.raises(KeyError), cluster(Path(folder)) as other:
            fail_with_a_job(other)
        assert not other.processes()
    assert len(slurm.processes()) >= 3  # another cluster is left alone


@needs_plugin
def test_whatever_happens_to_a_cluster_each_run_is_recorded_once(
    workflow: Workflow, tell: Callable[[Mapping[str, Any]], None]
) -> None:
    slurm, store, start = workflow.slurm, Store(workflow.folder / "store"), time.monotonic()
    with workflow.started() as process:
        killed = kill_a_job(workflow)
        assert len(workflow.chunks) >= PARTS // 2, "the runs are not spread"
        drain_and_resume(workflow)
        restart_the_controller(workflow)
        until(LONG, "another job that trains", workflow.training)
        assert process.poll() is None, workflow.said()
    assert process.returncode == -signal.SIGKILL  # its jobs are still there, and those that run go on
    workflow.run(*workflow.command("--unlock"))
    for _ in range(3):
        with workflow.started() as process:
            if process.wait(PATIENT) == 0:
                break
    assert process.returncode == 0, workflow.said()
    assert killed not in slurm.jobs("COMPLETED")
    seconds, jobs = round(time.monotonic() - start, 1), slurm.submitted()

    expected = {spec.key for spec in with_sources(cell.spec for cell in cells(EXHIBIT, "quick"))}
    assert len(expected) == RUNS
    assert sorted(path.name for path in store.files()) == sorted(f"{key}.json" for key in expected)
    assert [reason for _, reason in store.verify() if reason is not None] == []

    alone = ["-m", "companion.experiments", EXHIBIT, "--profile", "quick", "--device", "cpu", "--threads", "1"]
    workflow.run(sys.executable, *alone, "--store", "undisturbed")
    same = numbers(store) == numbers(Store(workflow.folder / "undisturbed"))
    assert same
    assert workflow.killed == dict.fromkeys(("a job", "the controller", "Snakemake"), 1)
    happened = {"killed": dict(workflow.killed), "drained": workflow.drained, "started": workflow.given}
    found = {"runs": RUNS, "jobs": jobs, "records": len(store.files()), "same": same, "seconds": seconds}
    tell({"slurm": slurm.version(), "exhibit": EXHIBIT, **happened, **found})
