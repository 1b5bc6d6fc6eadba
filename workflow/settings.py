"""What may stand after ``--config``: each setting of the workflow with its default, its check and nothing else.

It needs the standard library alone.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

__all__ = ["DEVICES", "SettingError", "Settings", "settings"]

DEVICES = ("auto", "cpu", "cuda")
VENV = Path(".venv/bin/python")


class SettingError(ValueError):
    """A setting is unknown or wrong; the message is one sentence that says what is valid."""


@dataclass(frozen=True)
class Settings:
    """The settings of one workflow.

    Args:
        python: the Python that has this project.
        profile: of the exhibits: quick, cpu or paper.
        exhibits: their names, or all.
        store: the folder of records that is completed, and shown by chapters and book.
        out: the folder of the plan, the chunks' logs and the executed chapters.
        device: what trains; of several GPUs each process takes one that is free.
        hours: how long a chunk takes at most.
        threads: CPU threads of a chunk; ``None`` is 4 with a GPU and 8 without.
        mem_mb: memory of a chunk.
    """

    python: str
    profile: str = "paper"
    exhibits: tuple[str, ...] = ("all",)
    store: str = "results"
    out: str = "_build/workflow"
    device: str = "auto"
    hours: str = "1"
    threads: int | None = None
    mem_mb: int = 16000


def settings(config: Mapping[str, Any]) -> Settings:
    """What a configuration says, checked; the names of profile and exhibits are left to ``companion plan``.

    Args:
        config: as Snakemake has read it from ``--config`` and ``--configfile``.

    Raises:
        SettingError: a name is unknown, or a value is not valid.
    """
    valid = [field.name for field in fields(Settings)]
    for name in config:
        if name not in valid:
            raise SettingError(f"unknown setting {name!r} after --config: valid are {', '.join(valid)}")
    default = str(VENV) if VENV.exists() else "python"
    return Settings(**{name: CHECKS[name](name, value) for name, value in {"python": default, **config}.items()})


def _word(name: str, value: Any) -> str:
    if isinstance(value, bool | list | dict) or value is None or not str(value).strip():
        raise SettingError(f"the setting {name} must have one value, such as {name}=..., not {value!r}")
    return str(value)


def _words(name: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else str("" if value is None else value).replace(",", " ").split()
    if not given or not all(isinstance(word, str) for word in given):
        raise SettingError(f"the setting {name} must name exhibits, or be all, not {value!r}")
    return tuple(given)


def _folder(name: str, value: Any) -> str:
    try:
        folder = Path(_word(name, value)).expanduser()
    except RuntimeError:
        raise SettingError(f"the setting {name} names the home of a user who is unknown: {value}") from None
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"the setting {name} must be a folder, and {folder} is none")
    return str(folder)


def _program(name: str, value: Any) -> str:
    program = _word(name, value)
    if shutil.which(program) is None:
        raise SettingError(f"the setting {name} must be a program, and {program} is none")
    return program


def _device(name: str, value: Any) -> str:
    if value not in DEVICES:
        raise SettingError(
            f"the setting {name} must be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, not {value!r}: "
            "each process takes a GPU that is free, of those that CUDA_VISIBLE_DEVICES allows"
        )
    return str(value)


def _hours(name: str, value: Any) -> str:
    try:
        hours = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise SettingError(f"the setting {name} must be a number that is not negative, not {value!r}")
    return str(value)


def _count(name: str, value: Any) -> int:
    if not (isinstance(value, int | str) and not isinstance(value, bool) and str(value).isdecimal() and int(value) > 0):
        raise SettingError(f"the setting {name} must be a whole number of at least 1, not {value!r}")
    return int(value)


CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "python": _program,
    "profile": _word,
    "exhibits": _words,
    "store": _folder,
    "out": _folder,
    "device": _device,
    "hours": _hours,
    "threads": _count,
    "mem_mb": _count,
}
"""Name of a setting to what checks its value, and says how it is written on."""
