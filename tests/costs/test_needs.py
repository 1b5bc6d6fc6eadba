"""What a grid takes, counted by hand for networks whose sizes are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.costs.needs import RECORD, Needs, needs
from companion.costs.speeds import Speeds
from companion.exhibits import cells
from companion.records.store import Store
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from support.synthetic import fill

RELU = RunSpec(dataset="digits", width=8, depth=3, epochs=2)  # 64-8-8-10 with biases
WEIGHTS = 64 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10
IMAGES = (1437 + 360) * 64


@pytest.fixture
def speeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Speeds:
    monkeypatch.setattr("companion.costs.speeds._calibrate", lambda *arguments: 1e9)
    return Speeds(cache=tmp_path / "speeds.json")


def of(tmp_path: Path, speeds: Speeds, *specs: RunSpec) -> Needs:
    return needs(specs, Store(tmp_path / "none"), speeds)


def test_nothing_takes_nothing(tmp_path: Path, speeds: Speeds) -> None:
    assert of(tmp_path, speeds) == Needs(0, 0, 0, 0)


def test_memory_is_images_once_and_weights_and_activations_for_each_model(tmp_path: Path, speeds: Speeds) -> None:
    each = 4 * WEIGHTS + 2 * RELU.batch_size * (8 + 8)
    assert of(tmp_path, speeds, RELU).memory == 4 * (IMAGES + each)
    three = [RELU.replace(seed=seed) for seed in range(3)]
    assert of(tmp_path, speeds, *three).memory == 4 * (IMAGES + 3 * each)
    assert of(tmp_path, speeds, *three, RELU.replace(width=16)).memory == 4 * (IMAGES + 3 * each)  # the largest group


def test_a_feature_network_has_weights_too(tmp_path: Path, speeds: Speeds) -> None:
    gap = of(tmp_path, speeds, RELU.replace(regime="FR-II")).memory - of(tmp_path, speeds, RELU).memory
    assert 0 < gap <= 4 * 4 * WEIGHTS


def test_no_more_models_than_a_group_holds_are_in_memory_at_once(tmp_path: Path, speeds: Speeds) -> None:
    full, more = ([RELU.replace(seed=seed) for seed in range(count)] for count in (48, 60))
    assert of(tmp_path, speeds, *full).memory == of(tmp_path, speeds, *more).memory


def test_disk_is_records_checkpoints_and_the_weights_of_teachers(tmp_path: Path, speeds: Speeds) -> None:
    alone = of(tmp_path, speeds, RELU).disk
    assert alone == RECORD + 4 * 4 * WEIGHTS
    student = RELU.replace(regime="FL")
    both = of(tmp_path, speeds, *with_sources([student]))
    assert both.runs == 2
    assert both.disk > 2 * RECORD + 2 * 4 * WEIGHTS


def test_records_that_are_there_tell_the_size_of_others(tmp_path: Path, speeds: Speeds) -> None:
    grid = cells("A-T2", "quick", seeds=1, rows=["FC/Adam/digits"])
    store = fill(tmp_path / "some", grid, lambda cell: 90.0)
    size = sum(path.stat().st_size for path in store.files()) / len(store.files())
    assert needs([RELU], store, speeds).disk == round(size) + 4 * 4 * WEIGHTS


def test_seconds_are_those_of_the_device(tmp_path: Path, speeds: Speeds) -> None:
    assert of(tmp_path, speeds, RELU, RELU).seconds == speeds.seconds(RELU)
