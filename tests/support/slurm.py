"""A real Slurm with one node, this machine: munged, slurmctld and slurmd in a folder of their own, and gone afterwards.

It needs neither systemd nor cgroups, nor to be root.  Every daemon is a child of this process.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

__all__ = ["NODE", "PARTITION", "PROGRAMS", "Cluster", "cluster", "missing_package", "until"]

NODE, PARTITION = "localhost", "debug"
PROGRAMS = {
    "munged": "munge",
    "mungekey": "munge",
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "sbatch": "slurm-wlm",
}
"""What must be installed, and Debian's package that has it."""
SBIN = "/usr/sbin"
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
MARK = "COMPANION_TEST_CLUSTER"
"""Variable of the environment that all processes of a cluster, and of its jobs, have."""
PATIENCE = 60.0
"""Seconds for what a daemon does at once on an idle machine."""
T = TypeVar("T")

CONFIGURATION = """\
ClusterName=companion
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName={partition} Nodes={node} Default=YES MaxTime=INFINITE State=UP
"""


def missing_package() -> str | None:
    """The package that this machine lacks; ``None`` where all are installed."""
    return next((package for name, package in PROGRAMS.items() if _program(name) is None), None)


def until(seconds: float, what: str, found: Callable[[], T]) -> T:
    """Ask again and again until there is something, and return it; after these seconds name what did not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


class Cluster:
    """One node and its controller.

    Args:
        folder: for everything that they write; its path is short, as sockets stand in it.
        cpus: how many processors the node says it has.
    """

    def __init__(self, folder: Path, cpus: int) -> None:
        self.folder, self.daemons = folder, dict[str, subprocess.Popen[bytes]]()
        for name in ("state", "spool", "bin"):
            (folder / name).mkdir()
        for name in CLIENTS:  # a job step of Snakemake's forgets all variables of Slurm
            script = folder / "bin" / name
            script.write_text(f'#!/bin/sh\nexport SLURM_CONF={folder}/slurm.conf\nexec {shutil.which(name)} "$@"\n')
            script.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "SLURM_CONF": str(folder / "slurm.conf"),
            MARK: str(folder),
        }
        controller_port, node_port = _free_ports()
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=socket.gethostname().partition(".")[0],
                user=pwd.getpwuid(os.getuid()).pw_name,
                folder=folder,
                controller_port=controller_port,
                node_port=node_port,
                node=NODE,
                cpus=cpus,
                memory=16000,
                partition=PARTITION,
            )
        )

    def start(self) -> None:
        """Start the daemons and wait until the node is idle."""
        key = self.folder / "munge.key"
        subprocess.run([_program("mungekey") or "", "--create", f"--keyfile={key}"], check=True)
        places = {"socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        words = [f"--{name}={self.folder / place}" for name, place in places.items()]
        self._daemon("munged", "--foreground", "--force", f"--key-file={key}", *words)
        until(PATIENCE, "the socket of munged", (self.folder / "munge.socket").is_socket)
        self.start_controller()
        self._daemon("slurmd", "-D")
        until(PATIENCE, "an idle node", lambda: self.node_state() == "idle")

    def start_controller(self) -> None:
        """Start slurmctld and wait until it answers, and knows its node again where that is up."""
        self._daemon("slurmctld", "-D")
        until(PATIENCE, "an answer of slurmctld", self.answers)
        if "slurmd" in self.daemons:
            until(PATIENCE, "the node to register", lambda: not self.node_state().startswith("unk"))

    def kill_controller(self) -> None:
        """End slurmctld without a chance to say farewell."""
        self.daemons["slurmctld"].kill()
        self.daemons["slurmctld"].wait()

    def answers(self) -> bool:
        """Whether the controller does."""
        self._alive()
        said = subprocess.run(
            [str(self.folder / "bin" / "scontrol"), "ping"], env=self.environment, capture_output=True, text=True
        )
        return " is UP" in said.stdout

    def node_state(self) -> str:
        """``idle``, ``mixed``, ``allocated``, ``draining``, ``drained`` and others."""
        return self.call("sinfo", "--noheader", f"--nodes={NODE}", "--format=%T").strip()

    def set_node(self, state: str) -> None:
        """Drain or resume it."""
        self.call("scontrol", "update", f"nodename={NODE}", f"state={state}", "reason=test")

    def jobs(self, state: str = "all") -> dict[str, str]:
        """The id of each job in a state, or of all, to its comment."""
        lines = self.call("squeue", "--noheader", f"--states={state}", "--format=%i|%k").splitlines()
        return dict(line.split("|", 1) for line in lines)

    def submitted(self) -> int:
        """How many jobs it has been given."""
        said = re.search(r"^NEXT_JOB_ID\s*=\s*(\d+)$", self.call("scontrol", "show", "config"), re.MULTILINE)
        assert said is not None
        return int(said[1]) - 1  # the first one has the number 1

    def version(self) -> str:
        """Of Slurm."""
        return self.call("sinfo", "--version").split()[-1]  # after slurm, or slurm-wlm

    def call(self, *words: str) -> str:
        """What a command of Slurm says."""
        self._alive()
        said = subprocess.run(
            [str(self.folder / "bin" / words[0]), *words[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if said.returncode:
            raise RuntimeError(f"{' '.join(words)} failed: {said.stderr}")
        return said.stdout

    def stop(self) -> None:
        """End every job, every daemon, and whatever they have left running."""
        for name in ("slurmctld", "slurmd", "munged"):  # without a controller nothing is started any more
            if daemon := self.daemons.get(name):
                daemon.terminate()
                try:
                    daemon.wait(10)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        until(PATIENCE, "the end of all processes of the cluster", self._none_left)

    def processes(self) -> list[int]:
        """All that run: daemons, jobs, and what was started in their environment."""
        return list(_processes_with(f"{MARK}={self.folder}"))

    def _none_left(self) -> bool:
        left = self.processes()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not left

    def _daemon(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", _program(name) or "", *words],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def _alive(self) -> None:
        """Raise where a daemon has ended by itself."""
        for name, daemon in self.daemons.items():
            if daemon.poll() not in (None, -signal.SIGKILL):
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                raise RuntimeError(f"{name} ended with {daemon.returncode}:\n{log[-2000:]}")


@contextmanager
def cluster(folder: Path, cpus: int = 2) -> Iterator[Cluster]:
    """A cluster that is up, and down afterwards whatever happens.

    Args:
        folder: an empty one.
        cpus: as in :class:`Cluster`.
    """
    made = Cluster(folder, cpus)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _program(name: str) -> str | None:
    """Where a program is; those of administrators are not on every user's path."""
    return shutil.which(name) or shutil.which(name, path=SBIN)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _processes_with(setting: str) -> Iterator[int]:
    """Processes, but for this one, that have been started with a variable of the environment."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            variables = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if setting.encode() in variables and int(place.name) != os.getpid():
            yield int(place.name)
