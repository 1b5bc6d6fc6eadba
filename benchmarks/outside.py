"""Programs in other Python environments, which measure themselves.

A framework whose dependencies do not go with ours runs in an environment of its own.  It is started once and then waits
for its turns: one request a line in, one answer a line out, both JSON, so that it takes its rounds between the others'.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.costs.bench import Step, Unavailable


class Outside:
    """A program of the folder ``others`` in another environment, started with the first request.

    Args:
        python: the environment's interpreter; ``None`` where the user has named none.
        program: file name without suffix.
        option: the command line's option that names the interpreter, for the message.
        threads: CPU threads it may use.
    """

    def __init__(self, python: Path | None, program: str, option: str, threads: int) -> None:
        self.python, self.option, self.threads = python, option, threads
        self.program = Path(__file__).parent / "others" / f"{program}.py"
        self.process: subprocess.Popen[str] | None = None
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the program runs)

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request.

        Raises:
            Unavailable: no interpreter was named, or the program has ended.
        """
        process = self.process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps(request), file=process.stdin, flush=True)
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines() or ["no reason"]
            raise Unavailable(f"{self.program.name} has ended: {said[-1]}")
        return json.loads(line)

    def timed(self, **request: Any) -> Callable[[], Step]:
        """The preparation of a variant whose step asks the program and takes the time it tells."""

        def prepare() -> Step:
            self.ask(**request)
            return lambda: float(self.ask(**request)["seconds"])

        return prepare

    def _start(self) -> subprocess.Popen[str]:
        if self.python is None:
            raise Unavailable(f"in an environment of its own: give {self.option} PATH")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "JAX_PLATFORMS": "cpu"}
        environment = {**os.environ, **quiet, "OMP_NUM_THREADS": str(self.threads), "CUDA_VISIBLE_DEVICES": ""}
        command = [str(self.python), str(self.program), str(self.threads)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise Unavailable(f"{self.python} cannot be started: {error.strerror}") from None
        atexit.register(process.terminate)
        return process
