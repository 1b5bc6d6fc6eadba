"""Every numbered statement that code can check, by id.

A check compares two computations that do not share their formula: enumerated paths against a forward pass, a layer-wise
kernel against automatic differentiation, an average over all sign patterns against a closed form.  Where a paper's
print is wrong, the corrected form must hold and the printed form must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from companion.papers.statements import Statement, statements

if TYPE_CHECKING:
    from companion.statements.check import Check, Checker, Form

    FAMILIES: Mapping[str, Mapping[str, Checker]]
    """The checkers by family; a chapter shows one or two families."""
    CHECKS: Mapping[str, Checker]
    """From the id of a statement to the function that checks it, ``checker(id)``, in the order of the papers."""

__all__ = ["CHECKS", "FAMILIES", "Check", "Checker", "Form", "Statement", "module_of", "run_checks", "statements"]

_MODULES = {
    "paths and bundles": "paths",
    "features and values": "features",
    "forward pass": "forward_pass",
    "gradients": "gradients",
    "dynamics": "dynamics",
    "regimes": "regimes",
    "path kernel": "path_kernel",
    "composite kernels": "composite",
    "tangent and path kernel": "ntk_npk",
    "base kernel": "base_kernel",
}
"""Family to the module of its checks.  They are imported when they are asked for, and PyTorch with them."""


@cache
def _families() -> Mapping[str, Mapping[str, Checker]]:
    modules = {name: import_module(f"{__name__}.{module}") for name, module in _MODULES.items()}
    return MappingProxyType({name: module.CHECKS for name, module in modules.items()})


@cache
def _in_order() -> Mapping[str, Checker]:
    checkers = {id: checker for family in _families().values() for id, checker in family.items()}
    return MappingProxyType({id: checkers[id] for id in statements() if id in checkers})


def __getattr__(name: str) -> Any:
    if name in ("Check", "Checker", "Form"):
        return getattr(import_module(f"{__name__}.check"), name)
    if name in ("FAMILIES", "CHECKS"):
        return _families() if name == "FAMILIES" else _in_order()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def module_of(id: str) -> str:
    """The module that checks a statement, by its full name; ``KeyError`` where no check does.

    Example:
        >>> module_of("A-P2.1")
        'companion.statements.features'
    """
    for family, checkers in _families().items():
        if id in checkers:
            return f"{__name__}.{_MODULES[family]}"
    raise KeyError(id)


def run_checks(
    ids: Iterable[str] | None = None, on_progress: Callable[[str, int, int], None] | None = None
) -> list[Check]:
    """Check statements, in double precision on the CPU; the same every time.

    Args:
        ids: which ones; ``None`` is all of :data:`CHECKS`.
        on_progress: called after each statement with its id, how many are done, and how many there are.

    Returns:
        The outcomes, one or more per statement.

    Raises:
        ValueError: an id that no statement has, or one that no check decides; before anything is computed.

    Example:
        >>> all(check.passed for check in run_checks(["A-P2.1"]))
        True
    """
    checkers = _in_order()
    wanted = list(checkers) if ids is None else list(dict.fromkeys(ids))
    for id in wanted:
        _require_checker(id)
    results: list[Check] = []
    for done, id in enumerate(wanted, start=1):
        results += checkers[id](id)
        if on_progress is not None:
            on_progress(id, done, len(wanted))
    return results


def _require_checker(id: str) -> None:
    if id in _in_order():
        return
    if id in statements():
        raise ValueError(f"{id} has no check: {statements()[id].why_no_check}")
    alike = {known.lower(): known for known in statements()}
    near = [alike[match] for match in get_close_matches(id.lower(), alike, n=5, cutoff=0.5)]
    hint = f"close matches are {', '.join(near)}" if near else "ids look like A-P2.1, B-Th5.1i or C-Perm"
    raise ValueError(f"unknown statement {id!r}: {hint}")
