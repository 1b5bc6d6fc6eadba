from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion import costs
from companion.costs import Speeds, epoch_flops, estimate_seconds, run_flops, training_flops
from companion.exhibits import cells
from companion.notation import Regime
from companion.provenance import device_name
from companion.spec import RunSpec
from companion.store import Record

TINY = RunSpec(dataset="digits", width=8, depth=3, epochs=2)


@pytest.mark.parametrize(
    ("architecture", "dataset", "relu", "fixed", "learnt"),
    [
        ("FC", "mnist", 0.00080, 0.00113, 0.00160),
        ("VCONV", "cifar10", 1.794, 2.394, 3.589),
        ("GCONV", "cifar10", 1.593, 2.125, 3.186),
    ],
)
def test_operations_of_the_papers_networks(
    architecture: str, dataset: str, relu: float, fixed: float, learnt: float
) -> None:
    """GFLOP for each example, worked out by hand from the layers' sizes."""
    expected = {"ReLU": relu, "FR-II": fixed, "FR-DI": fixed, "FL": fixed, "DL": learnt}
    for regime, value in expected.items():
        spec = RunSpec(dataset=dataset, architecture=architecture, regime=Regime(regime))
        assert training_flops(spec) / 1e9 == pytest.approx(value, rel=0.01)


def test_operations_of_a_run_count_the_test_after_each_epoch() -> None:
    spec = RunSpec(dataset="mnist", epochs=300)
    forward = 2 * spec.network.macs()
    assert epoch_flops(spec) == 60_000 * training_flops(spec) + 10_000 * forward
    assert run_flops(spec) == 300 * epoch_flops(spec)
    kept_out = spec.replace(holdout=5_000)
    assert epoch_flops(kept_out) == 55_000 * training_flops(spec) + 15_000 * forward
    total = sum(run_flops(cell.spec) for cell in cells("A-T2", "paper", rows=["GCONV/SGD/CIFAR-10"]))
    assert total / 1e15 == pytest.approx(303, rel=0.01)


def _record(spec: RunSpec, seconds: float, device: str, backend: str = "fused", threads: int = 1) -> Record:
    curve = [50.0] * spec.epochs
    return Record.build(
        spec,
        1,
        status="finished",
        curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
        best_test=50.0,
        last_test=50.0,
        provenance={"device": device, "seconds": seconds, "backend": backend, "threads": threads},
    )


def test_records_of_this_device_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> float:
        raise AssertionError("nothing should be calibrated")

    monkeypatch.setattr(costs, "_calibrate", refuse)
    backend = costs.choose_backend(TINY).name
    records = [_record(TINY.replace(seed=seed), 2.0 + seed, device_name("cpu"), backend) for seed in range(3)]
    speeds = Speeds(records=records, cache=tmp_path / "speeds.json")
    assert speeds.seconds(TINY) == pytest.approx(3.0)  # the median of 2, 3 and 4 seconds
    assert speeds.seconds(TINY.replace(epochs=20)) == pytest.approx(30.0)
    with pytest.raises(AssertionError, match="calibrated"):
        Speeds(threads=7, records=records, cache=tmp_path / "speeds.json").seconds(TINY)


def test_a_calibration_is_short_plausible_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache" / "speeds.json"
    elsewhere = [_record(TINY, 1e-9, "another device")]
    first = Speeds(records=elsewhere, cache=cache)[TINY]
    assert 1e6 < first < 1e13
    assert list(json.loads(cache.read_text()).values()) == [first]
    monkeypatch.setattr(costs, "_calibrate", None)
    assert Speeds(cache=cache)[TINY.replace(seed=3, regime="DL")] == first


def test_a_damaged_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "speeds.json"
    cache.write_text("{")
    monkeypatch.setattr(costs, "_calibrate", lambda *arguments: 1e9)
    assert Speeds(cache=cache)[TINY] == 1e9
    assert list(json.loads(cache.read_text()).values()) == [1e9]


def test_no_runs_take_no_time() -> None:
    assert estimate_seconds([]) == 0


def test_a_run_on_two_classes_sees_about_a_fifth_of_the_examples() -> None:
    two = RunSpec(dataset="mnist", classes=(4, 7))
    assert two.network.macs() < RunSpec().network.macs()
    examples = 12_000 * training_flops(two) + 2_000 * 2 * two.network.macs()
    assert epoch_flops(two) == examples
    few = two.replace(train_size=500)
    assert epoch_flops(few) == 500 * training_flops(two) + 2_000 * 2 * two.network.macs()
