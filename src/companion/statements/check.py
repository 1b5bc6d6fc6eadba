"""What a check reports, and the few ways in which it compares two numbers or two arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, log
from typing import Literal

import torch

from companion.notation import Float, Tensor

__all__ = ["EXACT", "Check", "Checker", "Form", "count", "differ", "equal", "near", "slope"]

EXACT = 1e-10
"""Relative tolerance of an identity in double precision."""

Form = Literal["stated", "corrected", "printed"]
"""``stated``: as the paper says; where that is wrong, ``corrected``: what is right, ``printed``: what the paper has."""


@dataclass(frozen=True)
class Check:
    """The outcome of one comparison.

    Attributes:
        id: the statement, as in the list of statements.
        form: which form of it was compared.
        aspect: which part or case of the statement.
        measured: what came out; of an array its Frobenius norm.
        expected: what the statement says; of an array its Frobenius norm.
        error: how far apart they are; of arrays the largest difference relative to the largest entry expected.
        tolerance: the largest error with which the statement counts as true.
        holds: whether it is true.
        passed: whether that is as it should be: a form that is printed wrongly passes by *not* holding.

    Example:
        >>> check = near("A-P2.1", "one example", measured=1.0, expected=1.25, tolerance=0.5)
        >>> check.error, check.passed
        (0.25, True)
    """

    id: str
    form: Form
    aspect: str
    measured: float
    expected: float
    error: float
    tolerance: float
    holds: bool
    passed: bool


Checker = Callable[[str], list[Check]]
"""From the id that is asked for to its outcomes; several statements that say the same share one checker."""


def _check(id: str, aspect: str, form: Form, measured: float, expected: float, error: float, tolerance: float) -> Check:
    if not all(isfinite(value) for value in (measured, expected, error)):
        raise ArithmeticError(
            f"{id} ({aspect}): measured {measured}, expected {expected}: not finite, nothing to compare"
        )
    holds = error <= tolerance
    return Check(id, form, aspect, measured, expected, error, tolerance, holds, holds is (form != "printed"))


def equal(
    id: str,
    aspect: str,
    measured: Float[Tensor, "..."],
    expected: Float[Tensor, "..."],
    *,
    form: Form = "stated",
    tolerance: float = EXACT,
    scale: float | None = None,
) -> Check:
    """Two arrays agree entry by entry, relative to the largest entry expected.

    Args:
        id: the statement.
        aspect: which case of it.
        measured: one computation.
        expected: another, independent one, of the same shape.
        form: which form of the statement.
        tolerance: largest relative error.
        scale: what the error is relative to, where zeros are expected.

    Raises:
        ArithmeticError: shapes differ, something is not finite, or zeros are expected and no ``scale`` is given, so
        that
            the comparison would say nothing.
    """
    if measured.shape != expected.shape:
        raise ArithmeticError(f"{id} ({aspect}): shapes {tuple(measured.shape)} and {tuple(expected.shape)} differ")
    scale = float(expected.abs().max()) if scale is None else scale
    if scale == 0:
        raise ArithmeticError(f"{id} ({aspect}): zeros are expected and no scale is given, so nothing is compared")
    error = float((measured - expected).abs().max()) / scale
    return _check(id, aspect, form, float(measured.norm()), float(expected.norm()), error, tolerance)


def count(id: str, aspect: str, measured: int, expected: int, *, form: Form = "stated") -> Check:
    """Two whole numbers agree."""
    return _check(id, aspect, form, float(measured), float(expected), float(abs(measured - expected)), 0.0)


def near(id: str, aspect: str, measured: float, expected: float, tolerance: float, *, form: Form = "stated") -> Check:
    """Two numbers agree within an absolute ``tolerance``."""
    return _check(id, aspect, form, measured, expected, abs(measured - expected), tolerance)


def differ(
    id: str,
    aspect: str,
    left: Float[Tensor, "..."],
    right: Float[Tensor, "..."],
    *,
    at_least: float = 1e-3,
    form: Form = "stated",
) -> Check:
    """The statement is that two arrays are *not* equal: the relative difference in norm is ``at_least`` so large.

    ``measured`` is that difference, ``expected`` the least, ``error`` by how much it falls short.
    """
    difference = float((left - right).norm() / right.norm())
    return _check(id, aspect, form, difference, at_least, max(0.0, at_least - difference), 0.0)


def slope(xs: list[float], ys: list[float]) -> float:
    """Slope of the least-squares line through ``(log x, log y)``: the exponent of a power law."""
    x = torch.tensor([log(value) for value in xs], dtype=torch.float64)
    y = torch.tensor([log(value) for value in ys], dtype=torch.float64)
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / (x @ x))
