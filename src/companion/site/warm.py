"""Kernels that start warm: forked from a process that has imported what every chapter imports, and done nothing else.

Importing libraries is half of what a chapter's kernel has to do.  Where chapters are executed one after another, a
*nursery* imports them once; each kernel is then a fork of it, an interpreter of its own in which no cell has run.  The
nursery reads one request a line from its standard input; at the end of its input it ends, and with it what kernels are
left.  Only on Linux: elsewhere, and where the nursery fails, a kernel starts as it always does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager, KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["AsyncWarmManager", "Nursery", "WarmManager"]

LIBRARIES = ("ipykernel.kernelapp", "companion.chapters", "matplotlib.pyplot", "sklearn.datasets")
INLINE = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": os.devnull}
"""What a kernel would set before anything imports matplotlib, and that no user's settings change figures."""


class Nursery:
    """The process that kernels are forked from; it is started with the first of them.

    Args:
        libraries: the modules that it imports.
    """

    def __init__(self, libraries: Sequence[str] = LIBRARIES) -> None:
        self.libraries = libraries
        self._server: subprocess.Popen[str] | None = None

    def fork(self, arguments: Sequence[str], folder: str, environment: dict[str, str]) -> Kernel | None:
        """A new kernel; ``None`` where there is no nursery to be had.

        Args:
            arguments: of ``ipykernel_launcher``.
            folder: the working directory.
            environment: all its variables.
        """
        if sys.platform != "linux":
            return None
        try:
            if self._server is None:
                command = [sys.executable, "-P", "-m", "companion.site.warm", *self.libraries]
                pipe = subprocess.PIPE
                self._server = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, **INLINE}, start_new_session=True
                )
                Finalize(None, self.close, exitpriority=1)
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            request = {"arguments": list(arguments), "folder": folder, "environment": environment}
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            return Kernel(int(self._server.stdout.readline()))
        except (OSError, ValueError):  # it has died
            return None

    def close(self) -> None:
        """End the process, if there is one."""
        server, self._server = self._server, None
        if server is not None and server.stdin is not None:
            with contextlib.suppress(OSError):
                server.stdin.close()
            server.wait()


NURSERY = Nursery()


class Kernel:
    """A process that is not our child, with as much of ``Popen`` as a provisioner uses; the nursery reaps it."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """``None`` as long as it lives; how it ended is not known."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Return when it has ended."""
        while self.poll() is None:
            time.sleep(0.02)
        return 0

    def send_signal(self, number: int) -> None:
        """Send a signal to it."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class _Provisioner(LocalProvisioner):
    """Launches Python kernels from the nursery, and any other kernel as usual."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        module = "ipykernel_launcher"
        if cmd[0] == sys.executable and module in cmd:
            arguments = cmd[cmd.index(module) + 1 :]
            folder = str(Path(kwargs.get("cwd") or Path.cwd()).absolute())
            kernel = NURSERY.fork(arguments, folder, dict(kwargs.get("env") or os.environ))
            if kernel is not None:
                self.process = kernel  # type: ignore[assignment]  # as much of Popen as is used
                self.pid, self.pgid, self.cwd = kernel.pid, kernel.pid, folder
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)


class WarmManager(KernelManager):
    """A kernel manager whose kernels start warm."""

    async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = _Provisioner(kernel_id="", kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**kwargs)


class AsyncWarmManager(WarmManager, AsyncKernelManager):
    """The same, asynchronous."""


def _serve(libraries: Sequence[str]) -> None:
    """Import libraries, then fork a kernel for each line of the input and answer with its process number."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no reply
    signal.signal(signal.SIGCHLD, _reap)
    for name in libraries:
        importlib.import_module(name)
    gc.freeze()  # the collector touches no page that kernels share
    for line in sys.stdin:
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_kernel(server, **json.loads(line))
        print(pid, file=replies, flush=True)


def _reap(*_: object) -> None:
    """Take leave of the kernels that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become_kernel(server: int, arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """What the launcher does in a new interpreter; it does not return."""
    from ipykernel import kernelapp

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["ipykernel_launcher", *arguments, f"--IPKernelApp.parent_handle={server}"]
    try:
        kernelapp.launch_new_instance()
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1:])
