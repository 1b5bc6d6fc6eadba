"""A limit of open files that can be raised is; one that cannot is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
import resource, sys
from companion.files.limits import open_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
try:
    open_files(200)
except OSError as error:
    sys.exit(error.strerror)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def asked(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ASK.format(soft=soft, hard=hard)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("soft", "after"), [(40, 200), (199, 200), (200, 200), (250, 250)])
def test_a_limit_that_can_be_raised_is(soft: int, after: int) -> None:
    done = asked(soft, 300)
    assert (done.returncode, done.stdout.strip()) == (0, str(after)), done.stderr


def test_a_limit_that_cannot_be_raised_is_said() -> None:
    done = asked(40, 199)
    assert (done.returncode, done.stderr.strip()) == (1, "Too many open files")
