"""Run a command on a GPU that no other process of this workflow has: ``python workflow/on_gpu.py COMMAND ...``.

It waits for a free GPU of those that this process may use, holds its lock as long as the command runs, and names it in
``CUDA_VISIBLE_DEVICES``.  Locks are files that the system frees with the process, however that ends.  A machine without
a GPU runs the command as it is.  It needs the standard library alone.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

VISIBLE, CACHE = "CUDA_VISIBLE_DEVICES", "COMPANION_CACHE"
PAUSE = 2.0
"""Seconds between two looks at GPUs that are all taken."""


def gpus() -> list[str]:
    """Identifiers of the GPUs that this process may use, those that never change where the driver tells them."""
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    by_index = dict(line.replace(" ", "").split(",") for line in said.splitlines() if "," in line)
    allowed = os.environ.get(VISIBLE)
    if allowed is None:
        return list(by_index.values())
    named = [name for name in allowed.replace(" ", "").split(",") if name]
    return [by_index.get(name, name) for name in named if name in by_index or name in by_index.values()]


def take(names: list[str], folder: Path, pause: float = PAUSE) -> str:
    """The first GPU that is free, waiting for one; this process holds it until it ends, and so does what it becomes."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for name in names:
            handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            os.set_inheritable(handle, True)
            return name
        time.sleep(pause)


def main(command: list[str]) -> None:
    """Become the command, on a GPU where there is one."""
    if not command:
        sys.exit("a command is needed: python workflow/on_gpu.py COMMAND ...")
    if names := gpus():
        folder = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "companion") / "gpus" / socket.gethostname()
        try:
            os.environ[VISIBLE] = take(names, folder)
        except OSError as error:
            print(f"{folder} takes no locks ({error.strerror}): {CACHE} names a folder elsewhere", file=sys.stderr)
            sys.exit(2)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
