"""Watching what is written."""

from __future__ import annotations

import builtins
import io
import os
from typing import Any

import pytest

__all__ = ["watch_files"]


def watch_files(patch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are opened for writing from now on; opening one fails."""
    written: list[str] = []
    really_open, really_os_open = builtins.open, os.open

    def refuse(file: Any) -> None:
        written.append(str(file))
        raise PermissionError(f"{file} is opened for writing")

    def watched(file: Any, mode: str = "r", *args: Any, **rest: Any) -> Any:
        return refuse(file) if set(mode) & set("wax+") else really_open(file, mode, *args, **rest)

    def watched_os(file: Any, flags: int, *args: Any, **rest: Any) -> Any:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return refuse(file) if writes else really_os_open(file, flags, *args, **rest)

    patch.setattr(builtins, "open", watched)
    patch.setattr(io, "open", watched)
    patch.setattr(os, "open", watched_os)
    return written
