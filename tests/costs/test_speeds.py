from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.costs import speeds
from companion.costs.flops import epoch_flops, run_flops, training_flops
from companion.costs.speeds import Speeds
from companion.exhibits import cells
from companion.measure.machine import work
from companion.notation import Regime
from companion.records.provenance import device_name
from companion.records.store import Record
from companion.runs.examples import Split
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec
from companion.training.backends.choose import choose_backend
from support.records import ORIGIN, taken

TINY = RunSpec(dataset="digits", width=8, depth=3, epochs=2)


@pytest.mark.parametrize(
    ("architecture", "dataset", "relu", "learnt"),
    [
        ("DAVIDNET", "cifar10", 2.272, 4.544),
        ("FC", "mnist", 0.00080, 0.00160),
        ("VCONV", "cifar10", 1.794, 3.589),
        ("GCONV", "cifar10", 1.593, 3.186),
    ],
)
def test_operations_of_the_papers_networks(architecture: str, dataset: str, relu: float, learnt: float) -> None:
    """GFLOP for each example, worked out by hand from the layers' sizes; fixed gates are there before."""
    expected = {"ReLU": relu, "FR-II": relu, "FR-DI": relu, "FL": relu, "DL": learnt}
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
    # Five seeds of 100 epochs: four regimes at 1.593 GFLOP and DL at twice that, and the test's third of it.
    assert total / 1e15 == pytest.approx(5 * 100 * (4 + 2) * (50_000 + 10_000 / 3) * 1.593e-6, rel=0.01)


def test_fixed_gates_are_computed_once_for_every_example() -> None:
    relu = RunSpec(dataset="mnist", epochs=3)
    hidden = sum(layer.macs for layer in relu.network.weight_shapes()[:-1])
    for epochs in (3, 30):
        fixed = relu.replace(regime="FR-II", epochs=epochs)
        assert run_flops(fixed) == run_flops(relu.replace(epochs=epochs)) + 70_000 * 2 * hidden


def test_gates_of_altered_images_are_computed_in_every_step() -> None:
    relu = RunSpec(dataset="cifar10", architecture="DAVIDNET", epochs=24, augmentation="crop-flip-cutout")
    hidden = sum(layer.macs for layer in relu.network.weight_shapes()[:-1])
    for regime in ("FR-II", "FL"):
        fixed = relu.replace(regime=regime)
        assert training_flops(fixed) == training_flops(relu) + 2 * hidden
        assert run_flops(fixed) == 24 * epoch_flops(fixed) + 10_000 * 2 * hidden
    assert training_flops(relu.replace(augmentation=None, regime="FL")) == training_flops(relu)
    assert training_flops(relu.replace(regime="DL")) == training_flops(relu.replace(augmentation=None, regime="DL"))


def test_runs_that_differ_in_epochs_are_paid_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e9)
    speeds = Speeds(cache=tmp_path / "speeds.json")
    lengths = [TINY.replace(epochs=epochs) for epochs in (5, 2, 9)]
    assert speeds.total(lengths) == speeds.seconds(lengths[2])
    students = [one.replace(regime="FL", epochs=4, teacher_epochs=one.epochs) for one in lengths]
    assert speeds.total(students) == pytest.approx(3 * speeds.seconds(students[0]))


def test_a_probe_is_timed_once_and_paid_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[RunSpec] = []

    def probe(spec: RunSpec, threads: int) -> float:
        measured.append(spec)
        return 0.5

    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e9)
    monkeypatch.setattr("companion.costs.speeds._calibrate_probe", probe)
    plain = TINY.replace(classes=(4, 7), loss="squared-error", initialisation="sign", bias=False, epochs=20)
    probed = plain.replace(probe="label-alignment", probe_every=5)
    speeds = Speeds(cache=tmp_path / "speeds.json")
    assert speeds.seconds(probed) == pytest.approx(speeds.seconds(plain) + 5 * 0.5)  # before epochs 0, 5, 10, 15, 20
    assert speeds.seconds(probed.replace(seed=2)) == speeds.seconds(probed)
    assert len(measured) == 1
    record = _record(probed, 8.0, device_name("cpu"), choose_backend(probed).name)
    known = Speeds(records=[record], cache=tmp_path / "speeds.json")
    assert known.seconds(probed) == pytest.approx(8.0 + 5 * 0.5)  # the seconds of a record leave its probe out


def test_the_probe_that_is_timed_is_the_runs_own() -> None:
    spec = TINY.replace(classes=(4, 7), loss="squared-error", initialisation="sign", bias=False)
    seconds = speeds._calibrate_probe(spec.replace(probe="label-alignment", probe_every=1), 1)
    assert 0 < seconds < 60


@pytest.mark.parametrize(
    ("probe", "regime", "images"),
    [("hidden-layers", "FL", 500), ("hidden-layers", "FR-II", 500), ("hard-gates", "DL", 90)],
)
def test_a_probe_of_two_networks_is_timed_without_a_teacher_and_on_a_part_of_its_images(
    probe: str, regime: str, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = speeds.measure

    def watched(spec: RunSpec, model: Model, data: Split) -> dict[str, float]:
        sizes.append(len(data.test))
        return real(spec, model, data)

    monkeypatch.setattr(speeds, "measure", watched)
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(speeds.time, "perf_counter", lambda: next(clock))
    noise = {"value_input": "noise"} if probe == "hidden-layers" else {}
    spec = TINY.replace(regime=regime, probe=probe, probe_every=TINY.epochs, test_size=90, **noise)
    assert speeds._calibrate_probe(spec, 1) == pytest.approx(2.0 * images / 20)
    assert sizes == [20, 20]


def test_machines_are_timed_on_few_images_by_what_they_cost_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0] * 2)
    monkeypatch.setattr(speeds.time, "perf_counter", lambda: next(clock))
    small = TINY.replace(regime="ReLU", bias=False, train_size=700, holdout=100, probe="machine-own", test_size=90)
    found = [speeds._calibrate_probe(spec, 1) for spec in (small, small.replace(train_size=1100))]
    assert found[0] < 2.0  # fewer images than the calibration has
    assert found[1] / found[0] == pytest.approx(work(small, 1000, 90) / work(small, 600, 90))


def test_a_calibration_takes_the_seconds_it_is_given_over_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, float]] = []

    def calibrate(spec: RunSpec, backend: object, device: str, threads: int, seconds: float) -> float:
        asked.append((spec.width, seconds))
        return 1e6 * spec.width

    monkeypatch.setattr("companion.costs.speeds._calibrate", calibrate)
    wider = TINY.replace(width=16)
    record = _record(TINY, 8.0, device_name("cpu"), choose_backend(TINY).name)
    known = Speeds(records=[record], cache=tmp_path / "speeds.json")
    known.calibrate([TINY, TINY.replace(seed=1), wider], 120)
    assert asked == [(8, 60.0), (16, 60.0)]
    assert (known[TINY], known[wider]) == (8e6, 16e6)  # what was just measured, not what an old record says
    assert Speeds(cache=tmp_path / "speeds.json")[wider] == 16e6


def test_a_calibration_goes_on_for_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 3.0, 3.0])  # begun, asked twice in between and once at the end
    monkeypatch.setattr(speeds.time, "perf_counter", lambda: next(clock))
    backend = choose_backend(TINY, "reference")
    once = speeds._calibrate(TINY, backend, "cpu", 1, 2.5)
    clock = iter([0.0, 1.0, 1.0])
    assert once == pytest.approx(
        speeds._calibrate(TINY, backend, "cpu", 1)
    )  # three epochs in three seconds, one in one


def _record(spec: RunSpec, seconds: float, device: str, backend: str = "fused", threads: int = 1) -> Record:
    curve = [50.0] * spec.epochs
    return Record.build(
        spec,
        1,
        status="finished",
        curves={"train_loss": curve, "train_accuracy": curve, "test_accuracy": curve},
        best_test=50.0,
        best_epoch=1,
        last_test=50.0,
        **taken(spec),
        provenance={**ORIGIN, "device": device, "seconds": seconds, "backend": backend, "threads": threads},
    )


def test_records_of_this_device_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> float:
        raise AssertionError("nothing should be calibrated")

    monkeypatch.setattr("companion.costs.speeds._calibrate", refuse)
    backend = choose_backend(TINY).name
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
    monkeypatch.setattr("companion.costs.speeds._calibrate", None)
    assert Speeds(cache=cache)[TINY.replace(seed=3, regime="DL")] == first


def test_a_cache_that_cannot_be_written_costs_one_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    asked = []
    monkeypatch.setattr(speeds, "_calibrate", lambda *arguments: asked.append(arguments) or 1e9)
    known = Speeds(cache=tmp_path / "file" / "speeds.json")
    assert [known[TINY.replace(seed=seed)] for seed in range(3)] == [1e9] * 3
    assert len(asked) == 1


def test_a_damaged_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "speeds.json"
    cache.write_text("{")
    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e9)
    assert Speeds(cache=cache)[TINY] == 1e9
    assert list(json.loads(cache.read_text()).values()) == [1e9]


def test_no_runs_take_no_time() -> None:
    assert Speeds().total([]) == 0


def test_a_run_on_two_classes_sees_about_a_fifth_of_the_examples() -> None:
    two = RunSpec(dataset="mnist", classes=(4, 7))
    assert two.network.macs() < RunSpec().network.macs()
    examples = 12_000 * training_flops(two) + 2_000 * 2 * two.network.macs()
    assert epoch_flops(two) == examples
    few = two.replace(train_size=500)
    assert epoch_flops(few) == 500 * training_flops(two) + 2_000 * 2 * two.network.macs()


def test_a_run_that_stopped_early_counts_what_it_trained(tmp_path: Path) -> None:
    spec = TINY.replace(epochs=40, early_stop=2)
    short = Record.build(
        spec,
        1,
        status="finished",
        curves={name: [100.0] * 4 for name in ("train_loss", "train_accuracy", "test_accuracy")},
        best_test=100.0,
        best_epoch=1,
        last_test=100.0,
        provenance={
            **ORIGIN,
            "device": device_name("cpu"), "seconds": 2.0, "backend": choose_backend(spec).name, "threads": 1,
        },
    )  # fmt: skip
    speeds = Speeds(records=[short], cache=tmp_path / "speeds.json")
    assert speeds.seconds(TINY.replace(epochs=40)) == pytest.approx(20.0)


def test_a_probe_that_draws_hundreds_of_networks_is_timed_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def take(spec: RunSpec, model: Model, data: Split, draws: int) -> dict[str, float]:
        drawn.append(draws)
        return {}

    monkeypatch.setattr(speeds, "kernel_machine", take)
    spec = next(cell.spec for cell in cells("A-machine", "cpu") if cell.spec.probe)
    assert speeds._calibrate_probe(spec, 1) > 0
    assert drawn == [speeds.FEW] * 2
    assert speeds.FEW < 20
    whole, few = (work(spec, 1000, 1000, draws) for draws in (256, 8))
    assert 10 < whole / few < 32
