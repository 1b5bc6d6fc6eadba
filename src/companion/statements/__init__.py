"""Every numbered statement that code can check, by id.

A check compares two computations that do not share their formula: enumerated paths against a forward pass, a layer-wise
kernel against automatic differentiation, an average over all sign patterns against a closed form.  Where a paper's
print is wrong, the corrected form must hold and the printed form must fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from companion.papers.statements import Statement, statements
from companion.statements import (
    base_kernel,
    composite,
    dynamics,
    features,
    forward_pass,
    gradients,
    ntk_npk,
    path_kernel,
    paths,
    regimes,
)
from companion.statements.check import Check, Checker, Form

__all__ = ["CHECKS", "FAMILIES", "Check", "Checker", "Form", "Statement", "module_of", "run_checks", "statements"]

_MODULES = {
    "paths and bundles": paths,
    "features and values": features,
    "forward pass": forward_pass,
    "gradients": gradients,
    "dynamics": dynamics,
    "regimes": regimes,
    "path kernel": path_kernel,
    "composite kernels": composite,
    "tangent and path kernel": ntk_npk,
    "base kernel": base_kernel,
}

FAMILIES: Mapping[str, Mapping[str, Checker]] = MappingProxyType(
    {name: module.CHECKS for name, module in _MODULES.items()}
)
"""The checkers by family; a chapter shows one or two families."""


def _in_order() -> dict[str, Checker]:
    checkers = {id: checker for family in FAMILIES.values() for id, checker in family.items()}
    return {id: checkers[id] for id in statements() if id in checkers}


CHECKS: Mapping[str, Checker] = MappingProxyType(_in_order())
"""From the id of a statement to the function that checks it, ``checker(id)``, in the order of the papers."""


def module_of(id: str) -> str:
    """The module that checks a statement, by its full name; ``KeyError`` where no check does.

    Example:
        >>> module_of("A-P2.1")
        'companion.statements.features'
    """
    for module in _MODULES.values():
        if id in module.CHECKS:
            return module.__name__
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
    """
    wanted = list(CHECKS) if ids is None else list(dict.fromkeys(ids))
    for id in wanted:
        _require_checker(id)
    results: list[Check] = []
    for done, id in enumerate(wanted, start=1):
        results += CHECKS[id](id)
        if on_progress is not None:
            on_progress(id, done, len(wanted))
    return results


def _require_checker(id: str) -> None:
    if id in CHECKS:
        return
    if id in statements():
        raise ValueError(f"{id} has no check: {statements()[id].why_no_check}")
    alike = {known.lower(): known for known in statements()}
    near = [alike[match] for match in get_close_matches(id.lower(), alike, n=5, cutoff=0.5)]
    hint = f"close matches are {', '.join(near)}" if near else "ids look like A-P2.1, B-Th5.1i or C-Perm"
    raise ValueError(f"unknown statement {id!r}: {hint}")
