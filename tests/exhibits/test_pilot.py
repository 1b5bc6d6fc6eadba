"""How long the networks of the profile ``cpu`` train follows from records of ReLU networks, by the rule."""

from __future__ import annotations

import pytest

from companion.exhibits import EXHIBITS, cells
from companion.exhibits.pilot import EPOCHS, SEED, levelled_off, pilot
from companion.exhibits.settings import (
    CPU_C4GAP_ADAM,
    CPU_GCONV_ADAM,
    CPU_GCONV_SGD,
    CPU_VCONV_ADAM,
    CPU_VCONV_SGD,
)
from companion.notation import Regime
from companion.project import store_folder
from companion.records.store import Store

ROWS = (CPU_GCONV_ADAM, CPU_GCONV_SGD, CPU_VCONV_ADAM, CPU_VCONV_SGD, CPU_C4GAP_ADAM)
FLAT = [50.0] * EPOCHS


@pytest.mark.parametrize("fields", ROWS, ids=lambda fields: f"{fields['architecture']}-{fields['optimiser']}")
def test_epochs_are_those_of_the_pilot(fields):
    record = Store(store_folder()).get(pilot(fields))
    assert record is not None
    assert levelled_off(record.curves["test_accuracy"]) == fields["epochs"]


def test_a_pilot_is_a_relu_network_of_a_seed_in_no_grid():
    spec = pilot(CPU_VCONV_ADAM)
    assert (spec.regime, spec.seed, spec.epochs, spec.downscale) == (Regime.RELU, SEED, EPOCHS, 2)
    others = ("A-S-size", "A-machine")  # the first varies the size of networks, the second the number of images
    profiled = [name for name, e in EXHIBITS.items() if "cpu" in e.profiles and name not in others]
    small = [cell.spec for name in profiled for cell in cells(name, "cpu")]
    assert SEED not in {one.seed for one in small}
    assert {one.downscale for one in small} == {2}
    assert {one.train_size for one in small} == {None}


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [
        (FLAT, 8),
        ([10.0 + i for i in range(EPOCHS)], 40),  # means of four end at 46.5, 38.5, ...: only the last is near
        ([10.0 + min(i, 20) for i in range(EPOCHS)], 24),
        ([60.0] * 10 + [50.0] * 30, 8),  # it may fall again
        ([50.0] * 20 + [51.5] * 20, 24),
        ([50.0] * 20 + [51.0] * 20, 8),  # a point is near
    ],
)
def test_levelled_off_is_within_a_point_of_the_best_mean_of_four(curve, epochs):
    assert levelled_off(curve) == epochs


def test_a_curve_of_another_length_is_none():
    with pytest.raises(ValueError, match="a pilot has 40 epochs, not 3"):
        levelled_off([1.0, 2.0, 3.0])
