"""Run pip or uv with a user's index, proxy and certificates, and with none of their other settings.

``python3 -I .ci/isolated.py pip WORDS...`` and ``python3 -I .ci/isolated.py .tools/bin/uv WORDS...``: what a
``pip.conf`` says of an index holds for both, and whatever else it says, such as ``user`` or ``target``, for neither.
"""

import ast
import importlib.util
import os
import subprocess
import sys

KEPT = [
    "index-url",
    "extra-index-url",
    "find-links",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
    "keyring-provider",
    "cache-dir",
    "no-cache-dir",
]


def main(words):
    """The exit code of a command, or a sentence where it cannot be started."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the user's Python may be older
        return "Python 3.11 or newer is needed: make PYTHON=..."
    environment = dict(os.environ)
    if words[0] == "pip":
        words = [*pip(), *words[1:]]
    for name, value in configured():
        environment.setdefault("PIP_" + name.upper().replace("-", "_"), value)
    environment["PIP_CONFIG_FILE"] = os.devnull
    named = any(environment.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"))
    if not named and environment.get("PIP_INDEX_URL"):
        environment["UV_DEFAULT_INDEX"] = environment["PIP_INDEX_URL"]
    try:
        return subprocess.call(words, env=environment)
    except OSError as error:
        return f"{words[0]} cannot be started ({error.strerror})"


def pip():
    """How pip is started: a virtual environment that is active may have none, and then that of its Python's home is."""
    python = sys.executable if importlib.util.find_spec("pip") else getattr(sys, "_base_executable", sys.executable)
    return [python, "-I", "-m", "pip"]


def configured():
    """Settings of pip's configuration files that are kept, the most particular first; of a file that is broken none."""
    command = [*pip(), "config", "list"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout
    found = []
    for section in ("install.", "global."):
        for line in listed.splitlines():
            name, mark, value = line.partition("=")
            if mark and name.startswith(section) and name[len(section) :] in KEPT:
                found.append((name[len(section) :], str(ast.literal_eval(value))))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
