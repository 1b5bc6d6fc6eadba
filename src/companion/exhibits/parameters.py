"""What the chapter of an exhibit may be given, with the defaults."""

from __future__ import annotations

from typing import Any

from companion.exhibits import exhibit

__all__ = ["COMMON", "chapter_parameters"]

COMMON = {"profile": "paper", "device": "auto", "train": False}
"""Parameters that every chapter has, with their defaults."""


def chapter_parameters(name: str) -> dict[str, Any]:
    """Name and default of every parameter of an exhibit's chapter.

    Where there is nothing of the paper's size, its profile is the largest there is.

    Raises:
        SpecError: unknown exhibit.
    """
    chosen = exhibit(name)
    profile = COMMON["profile"] if COMMON["profile"] in chosen.profiles else list(chosen.profiles)[-1]
    return {**COMMON, "profile": profile, **chosen.parameters}
