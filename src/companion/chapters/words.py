"""Regimes and verdicts in words that need none of the papers, for the sentences of an answer."""

from __future__ import annotations

from collections.abc import Mapping

from companion.notation import Regime

__all__ = ["CHANGES", "GATES", "named"]

GATES: Mapping[str, str] = {
    Regime.RELU: "the ordinary network",
    Regime.FR_II: "random gates",
    Regime.FR_DI: "random gates from the value network's own start",
    Regime.DL: "gates that learn along",
    Regime.FL: "learnt gates",
}
"""What computes the gates, by the name of a regime."""

CHANGES: Mapping[str, str] = {
    "the same": "stays the same",
    "rises": "rises",
    "falls": "falls",
    "open": "may rise or fall",
}
"""What a distance does, by the verdict of :func:`companion.verdicts.sensitivity.change_of_gap`."""


def named(regime: str) -> str:
    """A regime in words, with its name.

    Args:
        regime: such as ``FL``.

    Example:
        >>> named("FL")
        'learnt gates (FL)'
    """
    return f"{GATES[regime]} ({regime})"
