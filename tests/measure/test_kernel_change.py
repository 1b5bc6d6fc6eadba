"""The change of path kernels under orders of gates: against the definition, kernel by kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from companion.data import load
from companion.kernels import npk_from_gates
from companion.measure.chosen import double, first_of_each_class
from companion.measure.kernel_change import all_orders, kernel_changes
from companion.networks.routing import permute
from companion.runs.regimes import feature_gates, initial_model
from companion.runs.spec import RunSpec

FIELDS = {"dataset": "digits", "regime": "FR-II", "optimiser": "adam", "learning_rate": 1e-3, "width": 4}
CNN = RunSpec.from_dict({**FIELDS, "architecture": "C4GAP"})
FC = RunSpec.from_dict({**FIELDS, "depth": 4})


@pytest.mark.parametrize("spec", [CNN, FC])
def test_changes_are_those_of_the_definition(spec: RunSpec) -> None:
    feature, test = initial_model(spec).feature, load("digits")
    assert feature is not None
    found = kernel_changes(spec, feature, test.test_inputs, test.test_labels, per_class=1)
    x = test.test_inputs[first_of_each_class(test.test_labels, 1)].double()
    gates = [G.double() for G in feature_gates(spec, double(feature), x)]
    for value, entering in (("image", x), ("ones", torch.ones_like(x))):
        network = replace(spec.network, bias=False)
        H = [npk_from_gates(network, entering, permute(gates, order)) for order in all_orders(spec)]
        relative = [float((one - H[0]).norm() / H[0].norm()) for one in H]
        misaligned = [1 - float((one * H[0]).sum() / one.norm() / H[0].norm()) for one in H]
        assert found[value]["relative"] == pytest.approx(relative, abs=1e-12)
        assert found[value]["misaligned"] == pytest.approx(misaligned, abs=1e-12)
        assert found[value]["entry"] == pytest.approx([float(one[0, 1]) for one in H], rel=1e-10)
        assert found[value]["relative"][0] == 0
    changed = max(found["image"]["relative"])
    assert changed > 1e-3 if spec is CNN else changed < 1e-14


def test_neither_order_nor_input_of_the_run_matters() -> None:
    feature, test = initial_model(CNN).feature, load("digits")
    assert feature is not None
    other = CNN.replace(gate_permutation=(3, 1, 0, 2), value_input="ones")
    mine, theirs = (kernel_changes(s, feature, test.test_inputs, test.test_labels, per_class=1) for s in (CNN, other))
    assert mine == theirs
