"""Records as frames: every run in its place, and nothing in a place that is not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from companion.exhibits import Cell, cells
from companion.records.store import Record, Store
from companion.verdicts import frames
from support.synthetic import Shelf, fill, main_cells, record

ROW = "FC/Adam/MNIST"
PAIR = ("ReLU", "FR-II")
GRID = [c for c in cells("A-T2", "paper", seeds=3) if c.row == ROW and c.column in PAIR]
MAIN = [c for c in GRID if not c.variant]


def score(cell: Cell) -> float:
    return 95.0 + cell.spec.seed + (0.5 if cell.column == "ReLU" else 0.0) + (0.25 if cell.variant else 0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return fill(tmp_path / "results", GRID, score)


class TestRuns:
    def test_a_line_says_where_a_run_stands_and_what_it_scored(self, store: Store) -> None:
        line = frames.runs(MAIN[:1], store).iloc[0].to_dict()
        assert line | {"selected_test": 0.0} == {
            "exhibit": "A-T2",
            "profile": "paper",
            "row": ROW,
            "column": "ReLU",
            "variant": "",
            "architecture": "FC",
            "optimiser": "adam",
            "dataset": "mnist",
            "seed": 0,
            "key": MAIN[0].spec.key,
            "status": "finished",
            "stale": False,
            "best_test": 95.5,
            "last_test": 95.25,
            "selected_test": 0.0,
            "best_epoch": 2,
            "seconds": 36.0,
            "device": "a made-up <device>",
        }

    def test_runs_that_are_missing_have_a_line_too(self, store: Store) -> None:
        frame = frames.runs(main_cells(), store)
        assert len(frame) == 6 * 5 * 5
        recorded = frame[frame["status"] != "pending"]
        assert sorted(recorded["key"]) == sorted(c.spec.key for c in MAIN)
        assert frame.loc[frame["status"] == "pending", ["best_test", "last_test", "seconds"]].isna().all().all()

    def test_columns_are_numbers_even_where_nothing_is_recorded(self, tmp_path: Path) -> None:
        frame = frames.runs(GRID, Store(tmp_path / "none"))
        assert set(frame["status"]) == {"pending"}
        assert all(frame[name].dtype == float for name in (*frames.STATISTICS, "seconds"))

    def test_a_diverged_run_has_no_score(self, tmp_path: Path) -> None:
        frame = frames.runs(MAIN[:1], fill(tmp_path / "results", MAIN[:1], lambda cell: "diverged"))
        assert frame["status"].to_list() == ["diverged"]
        assert frame[list(frames.STATISTICS)].isna().all().all()
        assert frame["seconds"].to_list() == [36.0]

    @pytest.mark.parametrize(
        "change", [{"epochs": 20}, {"seed": 7}, {"train_size": 10_000}, {"width": 64}, {"holdout": 5000}]
    )
    def test_another_run_never_stands_in(self, tmp_path: Path, change: dict[str, int]) -> None:
        others = {c.spec.replace(**change) for c in MAIN}
        store = fill(tmp_path / "results", [replace(MAIN[0], spec=spec) for spec in others], lambda cell: 99.0)
        assert len(list(store)) == len(others)
        assert set(frames.runs(MAIN, store)["status"]) == {"pending"}

    def test_a_falsified_record_is_named_and_not_used(self, store: Store) -> None:
        path = store.path(MAIN[0].spec.key)
        path.write_text(path.read_text().replace("95.5", "99.5"))
        statuses = list(frames.runs(MAIN, store)["status"])
        assert statuses == ["pending", *["finished"] * (len(MAIN) - 1)]
        (said,) = store.skipped
        assert said.startswith(f"{path.name} is damaged")


class TestCurves:
    def test_one_line_per_epoch(self, store: Store) -> None:
        frame = frames.curves(MAIN, store)
        assert len(frame) == len(MAIN) * 100
        first = frame[(frame["column"] == "ReLU") & (frame["seed"] == 2)]
        assert first["epoch"].to_list() == list(range(1, 101))
        assert first["test_accuracy"].max() == 97.5
        assert set(frame.columns) == {
            *("exhibit", "profile", "row", "column", "variant"),
            *("architecture", "optimiser", "dataset"),
            *("seed", "epoch", "train_loss", "train_accuracy", "test_accuracy"),
        }

    def test_without_records_the_columns_are_the_same(self, store: Store, tmp_path: Path) -> None:
        none = frames.curves(MAIN, Store(tmp_path / "none"))
        assert none.empty
        assert set(none.columns) == set(frames.curves(MAIN, store).columns)

    @pytest.mark.filterwarnings("error")
    def test_a_run_that_diverged_has_a_curve_as_far_as_it_went(self, tmp_path: Path) -> None:
        fates = {0: "diverged at once", 1: "diverged"}
        store = fill(tmp_path / "results", MAIN, lambda c: fates.get(c.spec.seed) or score(c))
        frame = frames.curves(MAIN, store)
        assert frame.groupby("seed").size().to_dict() == {1: 2 * 1, 2: 2 * 100}
        assert frame["test_accuracy"].dtype == float


class TestBands:
    def test_mean_and_range_over_seeds(self, store: Store) -> None:
        bands = frames.bands(frames.curves(MAIN, store))
        best = bands[(bands["column"] == "FR-II") & (bands["epoch"] == 2)].iloc[0]
        assert (best["mean"], best["low"], best["high"], best["n"]) == (96.0, 95.0, 97.0, 3)
        assert len(bands) == 2 * 100

    def test_another_curve(self, store: Store) -> None:
        bands = frames.bands(frames.curves(MAIN, store), "train_loss")
        assert bands.loc[bands["epoch"] == 4, "mean"].to_list() == [0.25, 0.25]

    def test_cells_are_told_apart_by_other_columns_too(self, store: Store) -> None:
        frame = frames.curves(MAIN, store)
        frame["order"] = [(0, 1) if seed else (1, 0) for seed in frame["seed"]]
        bands = frames.bands(frame, by=("row", "column", "order"))
        assert bands.groupby("order")["n"].unique().map(list).to_dict() == {(0, 1): [2], (1, 0): [1]}
        alone = bands[bands["order"] == (1, 0)]
        assert (alone["low"] == alone["high"]).all()

    def test_nothing_gives_nothing(self, tmp_path: Path) -> None:
        bands = frames.bands(frames.curves(MAIN, Store(tmp_path / "none")))
        assert bands.empty
        assert list(bands.columns) == ["row", "column", "epoch", "mean", "low", "high", "n"]


class TestPoints:
    def test_mean_and_range_over_seeds_at_each_point(self, store: Store) -> None:
        frame = frames.runs(GRID, store)
        points = frames.points(frame.assign(x=frame["variant"].str.len(), label=frame["column"]))
        assert points.set_index(["label", "x"]).loc[("ReLU", 0)].to_dict() == {
            "mean": 96.5,
            "low": 95.5,
            "high": 97.5,
            "n": 3,
        }
        assert list(points["label"].unique()) == ["ReLU", "FR-II"]
        assert len(points) == 2 * 3
        assert points.loc[points["x"] == len("holdout"), "mean"].to_list() == [96.75, 96.25]

    def test_another_statistic(self, store: Store) -> None:
        frame = frames.runs(MAIN, store).assign(x=1, label="all")
        assert frames.points(frame, "last_test")["high"].to_list() == [97.25]
        assert frames.points(frame, "selected_test").empty

    def test_seeds_with_the_same_score_are_as_many(self, tmp_path: Path) -> None:
        frame = frames.runs(MAIN, fill(tmp_path / "results", MAIN, lambda c: 96.0)).assign(x=1, label="all")
        assert frames.points(frame)["n"].to_list() == [len(MAIN)]

    def test_runs_without_a_score_do_not_count_and_points_without_runs_are_none(self, tmp_path: Path) -> None:
        fates: dict[int, float | str | None] = {0: None, 1: "diverged", 2: 96.0}
        store = fill(tmp_path / "results", MAIN, lambda c: fates[c.spec.seed] if c.column == "ReLU" else None)
        frame = frames.runs(MAIN, store)
        points = frames.points(frame.assign(x=1, label=frame["column"]))
        assert points.to_dict("records") == [{"label": "ReLU", "x": 1, "mean": 96.0, "low": 96.0, "high": 96.0, "n": 1}]


class TestStopping:
    """Runs of full length, by their curve of training accuracy."""

    def stop(self, cell: Cell, train: list[float], status: str = "finished") -> pd.DataFrame:
        shelf = Shelf([], score)
        test = [90.0 + epoch / 10 for epoch in range(len(train))]
        shelf.records[cell.spec] = Record(
            {"status": status, "curves": {"train_accuracy": train, "test_accuracy": test}}
        )
        return frames.stopping([cell], shelf, 10)

    @pytest.mark.parametrize(
        ("train", "stop"),
        [
            ([90.0] * 40 + [99.9] * 60, 50),
            ([99.9] * 9 + [99.8] + [99.9] * 90, 20),
            ([90.0] * 89 + [99.9] * 11, 99),
            ([90.0] * 90 + [99.9] * 10, None),
            ([99.9] * 5 + [90.0] * 95, None),
        ],
        ids=["from epoch 41", "after an interruption", "just before the end", "only at the end", "not for long enough"],
    )
    def test_a_run_stops_after_ten_epochs_on_end_unless_it_is_over(self, train: list[float], stop: int | None) -> None:
        (line,) = self.stop(MAIN[0], train).to_dict("records")
        assert (line["row"], line["column"], line["seed"]) == (ROW, "ReLU", 0)
        if stop is None:
            assert pd.isna(line["stop"])
            assert line["moved"] == 0
        else:
            assert line["stop"] == stop
            assert line["moved"] == pytest.approx((100 - stop) / 10)

    def test_runs_that_may_stop_and_runs_that_diverged_tell_nothing(self) -> None:
        fitted = [99.9] * 100
        may = replace(MAIN[0], spec=MAIN[0].spec.replace(early_stop=10))
        assert self.stop(may, fitted).empty
        assert self.stop(MAIN[0], fitted, status="diverged").empty
        assert len(self.stop(MAIN[0], fitted)) == 1
        assert list(self.stop(may, fitted).columns) == list(self.stop(MAIN[0], fitted).columns)


class TestScores:
    def test_scores_go_by_seed_whatever_the_order_of_lines(self, store: Store) -> None:
        frame = frames.runs(GRID, store)
        for shuffled in (frame, frame.iloc[::-1], frame.sample(frac=1, random_state=0)):
            found = frames.scores(shuffled, ROW, "FR-II")
            assert found.to_dict() == {0: 95.0, 1: 96.0, 2: 97.0}
            assert list(found.index) == [0, 1, 2]

    def test_variants_do_not_mix(self, store: Store) -> None:
        frame = frames.runs(GRID, store)
        assert frames.scores(frame, ROW, "ReLU").to_list() == [95.5, 96.5, 97.5]
        assert frames.scores(frame, ROW, "ReLU", "step 3e-4").to_list() == [95.75, 96.75, 97.75]

    def test_other_statistics(self, store: Store) -> None:
        frame = frames.runs(GRID, store)
        assert frames.scores(frame, ROW, "ReLU", statistic="last_test").to_list() == [95.25, 96.25, 97.25]
        assert frames.scores(frame, ROW, "ReLU", statistic="selected_test").empty

    def test_missing_and_diverged_runs_are_left_out(self, tmp_path: Path) -> None:
        fates: dict[int, float | str | None] = {0: None, 1: "diverged", 2: 96.0}
        store = fill(tmp_path / "results", MAIN, lambda c: fates[c.spec.seed])
        assert frames.scores(frames.runs(MAIN, store), ROW, "ReLU").to_dict() == {2: 96.0}

    def test_those_of_all_cells_are_those_of_each_and_none_of_a_variant(self, store: Store) -> None:
        frame = frames.runs(GRID, store)
        assert set(frame["variant"]) > {""}
        found = frames.scores_by_cell(frame.sample(frac=1, random_state=0), "last_test")
        each = {(ROW, column): frames.scores(frame, ROW, column, statistic="last_test").to_dict() for column in PAIR}
        assert found == each
        assert [list(cell) for cell in found.values()] == [[0, 1, 2]] * 2
        assert frames.scores_by_cell(frame, "selected_test") == {}


def test_the_made_up_records_are_what_the_store_takes(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    made = record(MAIN[0].spec, 97.0, last=96.5)
    assert store.read(store.write(made)) == made
    assert isinstance(frames.runs(MAIN[:1], store), pd.DataFrame)
