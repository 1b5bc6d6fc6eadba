"""Which chapter shows which statement, and the table of checks that every such chapter ends its sections with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import inf
from types import MappingProxyType

import pandas as pd

from companion.render.markdown import anchor
from companion.render.tables import Table
from companion.statements import Check, run_checks, statements
from companion.verdicts.stats import Shade, Verdict

__all__ = ["CHAPTERS", "CHAPTER_OF", "CheckTable", "check_table", "table_of"]

CHAPTERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "paths_and_gates": (
            *("A-T1", "B-T1", "C-T1", "A-gates"),
            *("A-paths", "A-Eq2", "A-Eq3", "A-Eq4", "C-D2.1", "A-Hom", "A-P2.1", "A-Eq5", "A-Eq6", "C-P2.1", "C-Eq3"),
            *("B-D3.1", "B-N3.1", "B-P3.1", "B-D3.2", "B-D3.5", "B-D3.6", "B-P3.4"),
            *("B-D2.1", "B-D2.2", "B-P3.3", "B-D3.3", "B-P3.2", "B-F2"),
            *("B-F1", "B-D2.3", "B-D3.4"),
        ),
        "dgn_and_gradients": (
            *("A-F1", "B-F3", "C-F1", "C-F2", "A-FNPF", "A-DNPFL", "B-D5.1", "C-S5"),
            *("A-P2.2", "A-P2.3", "A-Eq7", "A-Eq8", "B-P5.1", "C-P2.2"),
            *("A-Eq1", "A-P2.4", "A-P3.1", "A-P3.2"),
        ),
        "ntk_npk": (
            *("A-As1", "C-As2.1", "A-D4.1", "C-Eq1", "C-Eq2", "C-Th2.1", "C-Th3.1"),
            *("A-Th4.1", "B-Th5.1i", "B-Th5.1ii", "B-Th5.1iii", "B-Decoup", "A-nu"),
        ),
        "composite_kernels": (
            *("A-D4.2", "A-L4.1", "B-D4.1", "B-D4.2", "B-D4.3", "B-L4.1", "B-L4.2", "B-L4.3"),
            *("C-D2.2", "C-D2.3", "C-L2.1", "C-Perm", "C-Tile", "C-Const"),
        ),
        "base_kernel_and_depth": ("B-Base", "B-CONJ"),
    }
)
"""Name of a chapter's notebook to the statements that it explains, in its order."""

CHAPTER_OF: Mapping[str, str] = MappingProxyType({id: chapter for chapter, ids in CHAPTERS.items() for id in ids})
"""Id of a statement to the chapter that explains it; statements about trained networks have none here."""

STATEMENTS_PAGE = "../book/generated/statements.html"
"""The page of all statements, as seen from a chapter."""

NEGLIGIBLE = 1e-10
"""Errors below this are rounding and differ from CPU to CPU: they are shown as one."""


class CheckTable(Table):
    """A table of checks in which every id leads to the entry of its statement.

    Args:
        frame: the cells; the column ``id`` holds ids of statements.
        caption: one sentence above the table.
        passed: whether everything came out as it should: a form that is printed wrongly by failing.
    """

    def __init__(self, frame: pd.DataFrame, caption: str, passed: bool) -> None:
        super().__init__(frame, caption)
        self.passed = passed

    def _repr_html_(self) -> str:
        page = super()._repr_html_()
        for id in self.frame["id"].unique():
            link = f'<td><a href="{STATEMENTS_PAGE}#{anchor(id)}">{escape(id)}</a></td>'
            page = page.replace(f"<td>{escape(id)}</td>", link)
        return page


def check_table(ids: Sequence[str], caption: str = "") -> CheckTable:
    """Run the checks of some statements now and show them, one line per statement and form.

    Args:
        ids: statements, in the order of the lines.
        caption: one sentence above the table; by default a count of the comparisons.

    Raises:
        ValueError: an id that no statement has, or one that no check decides.
    """
    return table_of(run_checks(ids), caption)


def table_of(checks: Iterable[Check], caption: str = "") -> CheckTable:
    """The table of some outcomes, one line per statement and form.

    A statement may be compared in many cases.  Its line shows the *decisive* one: of a form that should hold the one
    with the largest error in units of its tolerance, of a form that should fail the one with the smallest.

    Args:
        checks: the outcomes; those of one statement and form are gathered.
        caption: one sentence above the table; by default a count of the comparisons.
    """
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.id, check.form), []).append(check)
    everything = [check for group in groups.values() for check in group]
    passed = all(check.passed for check in everything)
    if not caption:
        count, right = len(everything), sum(check.passed for check in everything)
        caption = f"{right} of {count} comparisons come out as they should; the decisive one of each statement and form"
    frame = pd.DataFrame([_line(group) for group in groups.values()], dtype=object)
    return CheckTable(frame, caption, passed)


def _line(group: Sequence[Check]) -> dict[str, object]:
    check = _decisive(group)
    return {
        "id": check.id,
        "statement": statements()[check.id].title,
        "form": check.form,
        "decisive case": check.aspect + (f" (1 of {len(group)})" if len(group) > 1 else ""),
        "measured": _number(check.measured, check),
        "expected": _number(check.expected, check),
        "error": _error(check),
        "tolerance": f"{check.tolerance:.1g}",
        "verdict": _verdict(group),
    }


def _decisive(group: Sequence[Check]) -> Check:
    """The first of those with the extreme error; rounding errors count as equal, so that every CPU finds the same."""
    choose = min if group[0].form == "printed" else max
    return choose(group, key=_strain)


def _strain(check: Check) -> float:
    """Error in units of the tolerance."""
    if check.error < NEGLIGIBLE:
        return 0.0
    return check.error / check.tolerance if check.tolerance else inf


def _verdict(group: Sequence[Check]) -> Verdict | Shade:
    holding = sum(check.holds for check in group)
    if group[0].form == "printed" and not holding:
        return Shade.AS_IT_MUST
    if holding == len(group):
        return Verdict.REPRODUCED
    return Verdict.PARTLY if holding and group[0].form != "printed" else Verdict.NOT_REPRODUCED


def _number(value: float, check: Check) -> str:
    """What is compared exactly in full where it is a whole number, all else to three digits, rounding errors as 0."""
    if check.tolerance == 0 and value.is_integer():
        return str(int(value))
    return "0" if abs(value) < NEGLIGIBLE else f"{value:.3g}"


def _error(check: Check) -> str:
    """The same for errors, with one digit."""
    if check.tolerance == 0 and check.error.is_integer():
        return str(int(check.error))
    return f"< {NEGLIGIBLE:.0e}" if check.error < NEGLIGIBLE else f"{check.error:.0e}"
