"""What runs cost, from whose speeds: the test pass of DL, runs that diverged, other machines, other backends."""

from __future__ import annotations

from typing import Any

import pytest

from companion.costs import speeds
from companion.costs.flops import epoch_flops, run_flops, training_flops
from companion.costs.speeds import Speeds
from companion.exhibits.grid import Cell
from companion.notation import Regime
from companion.records.provenance import device_name
from companion.records.store import Record, Store
from companion.runs.spec import RunSpec
from companion.verdicts import frames
from companion.verdicts.stats import Verdict
from companion.verdicts.trends import TRENDS, evaluate_trend
from support.records import ORIGIN, taken

TINY = RunSpec(dataset="digits", width=8, depth=3, epochs=2)


def record(
    spec: RunSpec, status: str = "finished", probes: dict[str, list[float]] | None = None, **made: Any
) -> Record:
    """A record of this machine; one that diverged has lost its last epoch."""
    finished = status == "finished"
    curve = [50.0] * (spec.epochs if finished else spec.epochs - 1)
    provenance = {
        **ORIGIN,
        "device": device_name("cpu"),
        "seconds": 2.0,
        "backend": speeds.choose_backend(spec).name,
        "threads": 1,
    }
    return Record.build(
        spec,
        1,
        status=status,
        curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
        best_test=50.0 if curve else None,
        best_epoch=1 if curve else None,
        last_test=50.0 if curve else None,
        **taken(spec),
        provenance={**provenance, **made},
        **({"probes": probes} if probes else {}),
    )


# Operations


def test_the_test_pass_of_dl_goes_through_both_networks():
    spec = RunSpec(dataset="mnist", regime="DL", width=10, depth=3, holdout=1_000)
    value = 784 * 10 + 10 * 10 + 10 * 10
    feature = 784 * 10 + 10 * 10  # it has no output layer
    assert epoch_flops(spec) == 59_000 * training_flops(spec) + 11_000 * 2 * (value + feature)
    assert run_flops(spec) == spec.epochs * epoch_flops(spec)


@pytest.mark.parametrize("regime", ["ReLU", "FR-II", "FR-DI", "FL"])
def test_the_test_pass_of_the_others_goes_through_one(regime):
    spec = RunSpec(dataset="mnist", regime=regime, width=10, depth=3)
    value = 784 * 10 + 10 * 10 + 10 * 10
    step = 2 * (3 * value - 784 * 10)
    assert training_flops(spec) == step
    assert epoch_flops(spec) == 60_000 * step + 10_000 * 2 * value


def test_a_step_of_dl_by_hand():
    spec = RunSpec(dataset="mnist", regime=Regime.DL, width=10, depth=3)
    first, hidden, last = 784 * 10, 10 * 10, 10 * 10
    value, feature = first + hidden + last, first + hidden
    assert training_flops(spec) == 2 * (3 * value - first) + 2 * (3 * feature - first)


# Speeds


@pytest.fixture
def calibrated(monkeypatch):
    """A calibration always says a billion operations a second."""
    monkeypatch.setattr(speeds, "_calibrate", lambda *arguments: 1e9)


def test_a_diverged_run_says_nothing_about_speed(tmp_path, calibrated):
    """It ended somewhere on the way, and numbers that are not finite take another time to multiply."""
    speeds = Speeds(records=[record(TINY, "diverged", seconds=1e-3)], cache=tmp_path / "speeds.json")
    assert speeds.measured == {}
    assert speeds[TINY] == 1e9
    both = Speeds(records=[record(TINY, "diverged", seconds=1e-3), record(TINY)], cache=tmp_path / "speeds.json")
    assert both.seconds(TINY) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "other", [{"device": "another"}, {"threads": 2}, {"backend": "reference"}, {"seconds": 0.0}], ids=str
)
def test_runs_that_were_made_otherwise_say_nothing_either(tmp_path, calibrated, other):
    assert Speeds(records=[record(TINY, **other)], cache=tmp_path / "speeds.json")[TINY] == 1e9


@pytest.mark.parametrize("change", [{"width": 9}, {"depth": 4}, {"batch_size": 8}, {"precision": "bfloat16"}], ids=str)
def test_runs_of_another_kind_say_nothing_about_this_one(tmp_path, calibrated, change):
    assert Speeds(records=[record(TINY.replace(**change))], cache=tmp_path / "speeds.json")[TINY] == 1e9


def test_a_record_of_dl_tells_the_speed_of_relu(tmp_path, calibrated):
    """Operations a second are those of the backend; the work is each regime's own."""
    dl = TINY.replace(regime="DL")
    speeds = Speeds(records=[record(dl, seconds=3.0)], cache=tmp_path / "speeds.json")
    assert speeds.seconds(TINY) == pytest.approx(3.0 * run_flops(TINY) / run_flops(dl))


# Probes of runs that diverged


def probed(tmp_path, statuses: list[str]) -> tuple[list[Cell], Store]:
    """Runs of some seeds: nu has fallen to half of what it was."""
    store, grid = Store(tmp_path / "results"), []
    for seed, status in enumerate(statuses):
        spec = TINY.replace(classes=(4, 7), probe="label-alignment", seed=seed)
        grid.append(Cell("A-F2-nu", "quick", "r", "ReLU", "", spec))
        store.write(record(spec, status, {"epoch": [0, 1], "nu": [200.0, 100.0 + seed]}))
    return grid, store


def test_a_run_that_diverged_has_no_part_in_a_trend(tmp_path):
    nu = next(trend for trend in TRENDS if trend.exhibit == "A-F2-nu")
    grid, store = probed(tmp_path, ["finished", "finished", "diverged"])
    frame = frames.probes(grid, store)
    assert sorted(set(frame["seed"])) == [0, 1]
    (result,) = evaluate_trend(nu, ["r"], frame, 3)
    assert result.verdict is Verdict.PENDING
    assert "2 of 3 seeds" in result.rule
    (result,) = evaluate_trend(nu, ["r"], frame, 2)
    assert result.verdict is Verdict.REPRODUCED


def test_where_all_diverged_there_is_no_trend(tmp_path):
    grid, store = probed(tmp_path, ["diverged", "diverged"])
    frame = frames.probes(grid, store)
    assert frame.empty
    assert {"row", "variant", "seed", "epoch"} <= set(frame.columns)


def test_a_score_that_is_not_finite_decides_against_a_trend():
    import pandas as pd

    nu = next(trend for trend in TRENDS if trend.exhibit == "A-F2-nu")
    lines = [
        {"row": "r", "variant": "", "seed": seed, "epoch": epoch, "nu": value}
        for seed in range(3)
        for epoch, value in ((0, 200.0), (1, float("inf") if seed == 2 else 100.0))
    ]
    (result,) = evaluate_trend(nu, ["r"], pd.DataFrame(lines), 3)
    assert result.verdict is Verdict.NOT_REPRODUCED
    assert "not finite" in result.rule
