"""Sentences of Papers B and C that have a number of their own in them, put to grids whose truth is known."""

from __future__ import annotations

import dataclasses

import pytest

from companion.exhibits import Cell
from companion.exhibits.b_f4_permutations import INPUTS, REVERSE
from companion.verdicts.claims import RowResult
from companion.verdicts.frames import runs
from companion.verdicts.sentences import claim_results
from companion.verdicts.spread import spread_results
from companion.verdicts.stats import Verdict
from support.models import (
    CNN,
    DL_OVER,
    FAR,
    FC,
    GRID,
    ORDER,
    RANDOM,
    RANDOM_GATES,
    REACHED,
    SETS,
    WITHIN_ONE,
    WITHIN_THREE,
    WOBBLE,
    known,
    results,
)
from support.synthetic import Shelf, grid_of


class TestQuoted:
    """Claims that hold columns against a number that the papers print."""

    def test_random_gates_are_held_against_the_middle_between_chance_and_no_error(self) -> None:
        far, near = (
            results(FAR, lambda c, level=level: level + WOBBLE[c.spec.seed])[CNN].verdict for level in (60, 54)
        )
        assert (far, near) == (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)
        one = results(FAR, lambda c: 60.0 - 10 * (c.axes["permutation"] == REVERSE) + WOBBLE[c.spec.seed])[CNN]
        assert one.verdict is Verdict.NOT_REPRODUCED
        assert one.pair in {f"{column} − chance (reverse, {value})" for column in RANDOM_GATES for value in INPUTS}
        assert "96 of 96 comparisons" in one.rule

    @pytest.mark.parametrize(
        ("column", "level", "verdict"),
        [
            ("DL", 77.5, Verdict.REPRODUCED),
            ("DL", 77.3, Verdict.NOT_REPRODUCED),
            ("FR-DI", 77.4, Verdict.REPRODUCED),
            ("FR-DI", 77.5, Verdict.NOT_REPRODUCED),
        ],
    )
    def test_the_kernel_lies_between_the_sets(self, column: str, level: float, verdict: Verdict) -> None:
        """By significance alone: the sentence allows no points."""
        base = {"ReLU": 80.0, "FR-II": 67.0, "FR-DI": 67.2, "DL": 79.0, "FL": 79.5, column: level}
        found = results(SETS, lambda c: base[c.column] + WOBBLE[c.spec.seed] / 100)[CNN]
        assert found.verdict is verdict
        assert column in found.pair

    def test_it_speaks_of_cifar10_alone(self) -> None:
        grid = [cell for cell in grid_of("C-E1", "paper") if cell.row == FC]
        for claim in (SETS, REACHED, RANDOM):
            assert spread_results(claim, runs(grid, Shelf(grid, lambda _: 98.0)), 3) == []

    @pytest.mark.parametrize(
        ("level", "verdict"), [(78.4, Verdict.REPRODUCED), (76.8, Verdict.REPRODUCED), (76.0, Verdict.NOT_REPRODUCED)]
    )
    def test_at_least_is_no_equivalence(self, level: float, verdict: Verdict) -> None:
        found = results(REACHED, lambda c: level + WOBBLE[c.spec.seed] + 10.0 * (c.column == "FL"))[CNN]
        assert found.verdict is verdict

    @pytest.mark.parametrize("level", [65.0, 69.0])
    def test_a_level_is_one(self, level: float) -> None:
        assert results(RANDOM, lambda c: 67.0 + WOBBLE[c.spec.seed])[CNN].verdict is Verdict.REPRODUCED
        apart = results(RANDOM, lambda c: (level if c.column == "FR-DI" else 67.0) + WOBBLE[c.spec.seed])
        assert apart[CNN].verdict is Verdict.NOT_REPRODUCED

    def test_a_mean_of_some_models_waits_for_all(self) -> None:
        found = results(REACHED, lambda c: None if c.axes["permutation"] == REVERSE else 76.0 + WOBBLE[c.spec.seed])
        assert found[CNN].verdict is Verdict.PENDING


class TestOwnTolerance:
    """A sentence that says how many points it means is judged by these, not by the margin of the dataset."""

    @pytest.mark.parametrize(("claim", "column", "bound"), [(WITHIN_THREE, "DL", 3.0), (WITHIN_ONE, "FL", 1.0)])
    @pytest.mark.parametrize("row", [CNN, FC])
    def test_its_own_points_count(self, claim, column: str, bound: float, row: str) -> None:
        grid = [cell for cell in grid_of("C-E1", "paper") if cell.row == row]
        for gap, verdict in ((bound - 0.3, Verdict.REPRODUCED), (bound + 0.3, Verdict.NOT_REPRODUCED)):

            def score(cell: Cell, gap: float = gap) -> float:
                return 80.0 - gap * (cell.column == column) + WOBBLE[cell.spec.seed] * (cell.column == column)

            (found,) = spread_results(claim, runs(grid, Shelf(grid, score)), 3)
            assert found.verdict is verdict
            assert f"margin {bound:g}; " in found.rule

    def test_robustness_has_it_too(self) -> None:
        score = lambda c: known(c) - 2.0 * (c.axes["permutation"] == REVERSE)  # noqa: E731
        wide = dataclasses.replace(ORDER, within=2.5)
        assert {r.verdict for r in results(ORDER, score).values()} == {Verdict.NOT_REPRODUCED}
        assert {r.verdict for r in results(wide, score).values()} == {Verdict.REPRODUCED}

    def test_both_random_regimes_are_below(self) -> None:
        assert results(DL_OVER, known)[CNN].verdict is Verdict.REPRODUCED
        upset = results(DL_OVER, lambda c: known(c) + 12.0 * (c.column == "FR-DI" and c.axes["permutation"] == REVERSE))
        assert upset[CNN].verdict is Verdict.NOT_REPRODUCED
        assert upset[CNN].pair.startswith("DL − FR-DI (reverse, ")


class TestOnThePapersOwnNumbers:
    """Paper C prints means without deviations: the rules are put to these, and say so."""

    def theirs(self) -> dict[str, dict[str, RowResult | None]]:
        found: dict[str, dict[str, RowResult | None]] = {}
        for claim, ours, paper in claim_results("C-E1", runs(GRID, Shelf(GRID, known))):
            found.setdefault(claim.id, {})[ours.row] = paper
        return found

    def test_each_rule_about_columns_is_put_to_them(self) -> None:
        found = self.theirs()
        verdicts = {
            id: {row: p and p.verdict for row, p in rows.items()}[CNN] for id, rows in found.items() if CNN in rows
        }
        assert verdicts == {
            "C-E1:gates-learn": Verdict.REPRODUCED,
            "C-E1:FL-near-ReLU": Verdict.INCONCLUSIVE,  # 1.0 points, as much as the margin
            "C-E1:FL-near-ReLU-on-average": Verdict.INCONCLUSIVE,
            "C-E1:II-is-DI": Verdict.REPRODUCED,
            "C-E1:DL-over-random": Verdict.REPRODUCED,
            "C-E1:DL-within-three": Verdict.REPRODUCED,
            "C-E1:FL-within-one": Verdict.INCONCLUSIVE,
            "C-E1:random-far-above-chance": Verdict.REPRODUCED,
            "C-E1:three-sets": Verdict.REPRODUCED,
            "C-E1:learnt-reach": Verdict.REPRODUCED,
            "C-E1:random-reach": Verdict.REPRODUCED,
        }
        assert all(
            "by means that are printed without deviations" in rows[CNN].rule for rows in found.values() if CNN in rows
        )

    def test_nothing_is_printed_of_single_orders_and_inputs(self) -> None:
        found = self.theirs()
        assert not any(paper for id in ("C-E1:order", "C-E1:ones") for paper in found[id].values())
