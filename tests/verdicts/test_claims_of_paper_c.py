"""Claims about places in a table, and about what is lost between two: of made-up runs, and of the paper's own means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.exhibits.c_t2_label_noise import CLAIMS
from companion.exhibits.claim import At, Claim, Loss
from companion.papers.numbers import numbers
from companion.verdicts.along import along, pairs_of, placed
from companion.verdicts.claims import own_differences
from companion.verdicts.frames import places
from companion.verdicts.scorecard import number_entries
from companion.verdicts.sentences import claim_results
from companion.verdicts.stats import Verdict, paired_difference
from support.synthetic import grid_of

GRID = grid_of("C-T2", "paper")
ROWS = ["CIFAR-10/any label", "MNIST/any label", "MNIST/wrong label"]
BY_NAME = {claim.id.removeprefix("C-T2:"): claim for claim in CLAIMS}
END = At("M1", 50, "last_test")


def frame(score: dict[tuple[str, int], float] | None = None, seed: int = 0) -> pd.DataFrame:
    """All runs, each with a best accuracy of its own and a last one; of a score, seeds are a hundredth apart."""
    draw = np.random.default_rng(seed)
    lines = []
    for c in GRID:
        best = draw.uniform(50, 99) if score is None else score[c.column, c.axes["gamma"]] + c.spec.seed / 100
        last = best - draw.uniform(0, 20) if score is None else score.get((f"{c.column}-end", c.axes["gamma"]), best)
        line = {"row": c.row, "column": c.column, "variant": "", **c.axes, "seed": c.spec.seed, "status": "finished"}
        lines.append(line | {"stale": False, "best_test": best, "last_test": last})
    return pd.DataFrame(lines)


def put_all(table: pd.DataFrame) -> dict[str, dict[str, Verdict]]:
    """Every claim's verdicts by row."""
    found: dict[str, dict[str, Verdict]] = {}
    for claim, own, _ in claim_results("C-T2", table):
        found.setdefault(claim.id.removeprefix("C-T2:"), {})[own.row] = own.verdict
    return found


PAPER = (
    {
        (column, int(row.removeprefix("gamma="))): mean
        for row, column, mean, statistic in numbers()
        .query("exhibit == 'C-T2'")[["row", "column", "mean", "statistic"]]
        .itertuples(index=False)
        if statistic != "last_test"
    }
    | {
        ("M1-end", int(row.removeprefix("gamma="))): mean
        for row, mean in numbers().query("exhibit == 'C-T2' and statistic == 'last_test'")[["row", "mean"]].to_numpy()
    }
    | {("M3-upstream", gamma): 10.0 for gamma in (0, 25, 50, 75)}
)


@pytest.fixture(autouse=True)
def _grids_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are slow to make while shapes are checked."""
    monkeypatch.setattr("companion.verdicts.sentences.cells", grid_of)


FAILED_BY_THE_PAPER = {"two-points-of-noisy-gates", "gates-robust"}


class TestPlaces:
    def test_names_tell_the_column_the_value_and_the_end(self) -> None:
        assert END.name == "M1-end(50)"
        assert Loss(At("M2", 0), At("M3", 0)).name == "(M2(0) - M3(0))"

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 1000), data=st.data())
    def test_a_difference_is_that_of_the_scores_seed_by_seed(self, seed: int, data: st.DataObject) -> None:
        table = frame(seed=seed)
        kinds = {"MNIST/any label": "uniform", "MNIST/wrong label": "wrong"}
        row = data.draw(st.sampled_from(list(kinds)))

        def score(at: At, run: int) -> float:
            name = "FC/MNIST, " + ("wrong labels, " if at.value and kinds[row] == "wrong" else "") + f"gamma={at.value}"
            (line,) = table[(table["row"] == name) & (table["column"] == at.column) & (table["seed"] == run)].to_dict(
                "records"
            )
            return line[at.statistic]

        def side(one: At | Loss, run: int) -> float:
            return score(one, run) if isinstance(one, At) else score(one.better, run) - score(one.worse, run)

        claim = data.draw(st.sampled_from(CLAIMS))
        a, b = data.draw(st.sampled_from(claim.pairs))
        found = own_differences(along(claim, table), 5)(row, a.name, b.name)
        expected = paired_difference([side(a, run) for run in range(5)], [side(b, run) for run in range(5)])
        assert found is not None
        assert found.mean == pytest.approx(expected.mean)
        assert found.error == pytest.approx(expected.error)

    @pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
    def test_every_dataset_and_recipe_is_a_row_and_what_has_no_noise_is_in_all(self, claim: Claim) -> None:
        seen = along(claim, frame())
        assert list(dict.fromkeys(seen["row"])) == ROWS
        for row in ROWS:
            columns = set(seen.loc[seen["row"] == row, "column"])
            assert {name for pair in pairs_of(claim) for name in pair} <= columns
            counts = seen[seen["row"] == row].groupby(["column", "seed"]).size()
            assert set(counts) == {1}

    def test_a_loss_is_as_recorded_as_the_less_recorded_of_its_two_and_as_old(self) -> None:
        claim, table = BY_NAME["less-than-ReLU"], frame()
        lost = (table["row"] == "FC/MNIST, gamma=50") & (table["column"] == "M4")
        table.loc[lost & (table["seed"] == 1), ["status", "best_test"]] = "diverged", float("nan")
        table.loc[lost & (table["seed"] == 2), ["status", "best_test"]] = "pending", float("nan")
        table.loc[lost & (table["seed"] == 3), "stale"] = True
        seen = along(claim, table)
        mine = seen[(seen["row"] == "MNIST/any label") & (seen["column"] == "(M1(0) - M4(50))")].set_index("seed")
        assert list(mine["status"]) == ["finished", "diverged", "pending", "finished", "finished"]
        assert list(mine["stale"]) == [False, False, False, True, False]
        assert list(mine["best_test"].isna()) == [False, True, True, False, False]

    def test_a_run_that_diverged_settles_it_and_one_that_is_missing_does_not(self) -> None:
        for status, verdict in (("diverged", Verdict.INCONCLUSIVE), ("pending", Verdict.PENDING)):
            table = frame(PAPER)
            one = (table["row"] == "FC/MNIST, gamma=50") & (table["column"] == "M4") & (table["seed"] == 1)
            table.loc[one, ["status", "best_test"]] = status, float("nan")
            found = put_all(table)["less-than-ReLU"]
            assert found == dict(zip(ROWS, (Verdict.REPRODUCED, verdict, Verdict.REPRODUCED), strict=True))


class TestThePapersMeans:
    def test_printed_numbers_stand_at_the_places_by_their_statistic(self) -> None:
        printed = placed(numbers().query("exhibit == 'C-T2'"), places(GRID))
        seen = along(BY_NAME["falls-farther"], printed)
        found = dict(zip(seen["column"], seen["mean"], strict=True))
        assert (found["M1(50)"], found["M1-end(50)"]) == (70.9, 41.5)
        assert found["(M1(50) - M1-end(50))"] == pytest.approx(29.4)
        assert set(seen["row"]) == {"CIFAR-10/any label"}

    def test_all_the_paper_says_holds_of_its_means_and_what_we_add_fails(self) -> None:
        found = {
            claim.id.removeprefix("C-T2:"): (ours, its)
            for claim, ours, its in claim_results("C-T2", frame(PAPER))
            if its
        }
        assert len(found) == len(CLAIMS)
        for name, (ours, its) in found.items():
            assert ours.row == ROWS[0]
            expected = Verdict.NOT_REPRODUCED if name in FAILED_BY_THE_PAPER else Verdict.REPRODUCED
            assert its.verdict is (Verdict.INCONCLUSIVE if name == "within-margin" else expected), name
            assert its.interval is None
            assert its.difference is not None


class TestVerdicts:
    def test_runs_like_the_papers_bear_out_what_its_means_do(self) -> None:
        for name, found in put_all(frame(PAPER)).items():
            if name in FAILED_BY_THE_PAPER:
                assert set(found.values()) == {Verdict.NOT_REPRODUCED}, name
            elif name not in ("within-margin", "M4-is-M5"):
                assert set(found.values()) == {Verdict.REPRODUCED}, name

    @pytest.mark.parametrize(("lost", "verdict"), [(1.9, Verdict.REPRODUCED), (2.1, Verdict.NOT_REPRODUCED)])
    def test_the_papers_two_points_stand_in_the_place_of_the_margin(self, lost: float, verdict: Verdict) -> None:
        score = PAPER | {("M3", 0): PAPER["M2", 0] - lost}
        found = put_all(frame(score))
        assert set(found["two-points"].values()) == {verdict}
        assert set(found["within-margin"].values()) == {Verdict.NOT_REPRODUCED}

    def test_one_level_of_noise_that_fails_is_enough(self) -> None:
        score = PAPER | {("M5", 25): PAPER["M4", 25] - 3}
        assert set(put_all(frame(score))["M4-is-M5"].values()) == {Verdict.NOT_REPRODUCED}

    def test_the_same_run_decides_two_numbers_by_two_statistics(self) -> None:
        table = frame(PAPER).assign(dataset="cifar10")
        found = {entry.id: entry for entry in number_entries("C-T2", table[table["row"] == "gamma=50"])}
        best, end = found["C-T2:gamma=50:M1-best"], found["C-T2:gamma=50:M1-end"]
        assert (best.mean, end.mean) == (pytest.approx(70.92), 41.5)
        assert (best.verdict, end.verdict) == (Verdict.REPRODUCED, Verdict.REPRODUCED)
