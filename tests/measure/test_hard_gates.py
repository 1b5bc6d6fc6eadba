"""Soft gates made hard: against the same network written down with zeros and ones, and through a whole run."""

from __future__ import annotations

import pytest
import torch

from companion.measure.hard_gates import hard_gates
from companion.measure.hidden_layers import pictures
from companion.networks.forward import forward, trace
from companion.networks.gates import OpenGate
from companion.runs.examples import split
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.training.evaluation import evaluate
from support.laboratory import Laboratory, tiny


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_it_is_the_network_with_zeros_and_ones_for_gates(activation, digits_test):
    spec = tiny("DL", feature_activation=activation, value_input="ones", gate_permutation=[1, 0])
    model, inner = initial_model(spec), OpenGate() if activation == "linear" else None
    x, y = digits_test.inputs, digits_test.labels
    q = trace(spec.network, model.feature, x, gate=inner, layers=2).q
    G = [(layer > 0).float() for layer in q]
    right = forward(spec.network, model.value, torch.ones_like(x), G[::-1]).argmax(1) == y
    found = hard_gates(spec, model, x, y)
    assert found == {"hard_test_accuracy": round(100 * float(right.double().mean()), 4)}


def test_gates_so_steep_that_they_are_hard_already_change_nothing(digits_test):
    spec = tiny("DL", gate_beta=1e6, gate_eps=0.0, feature_activation="linear")
    model = initial_model(spec)
    found = hard_gates(spec, model, digits_test.inputs, digits_test.labels)
    assert found["hard_test_accuracy"] == evaluate(spec, model, digits_test)


def test_it_is_measured_on_what_the_run_is_tested_on(tmp_path):
    lab = Laboratory(tmp_path)
    spec = tiny("DL", feature_activation="linear", probe="hard-gates", probe_every=3, gate_beta=1e6, gate_eps=0.0)
    lab.run(spec)
    content = lab.content(spec)
    assert content["probes"]["epoch"] == [0, 3]
    assert content["probes"]["hard_test_accuracy"][-1] == content["last_test"]


@pytest.fixture(scope="module")
def digits_test():
    from companion.data import load

    return split(RunSpec(dataset="digits", test_size=90), load("digits")).test


def test_pictures_of_a_linear_narrow_feature_network_are_its_own_outputs(digits_test):
    """What other probes look at is the feature network of the run too."""
    spec = tiny("FR-II", feature_activation="linear", feature_width=3)
    model = initial_model(spec)
    x = digits_test.inputs[:3]
    first = x.flatten(1) @ model.feature["weight.0"] + model.feature["bias.0"]
    found = pictures(spec, model, x)["feature.1"]
    assert found.shape == (3, 3)
    largest = first.abs().amax(1, keepdim=True)
    torch.testing.assert_close(found, first / largest, atol=1 / 127, rtol=0)
    assert (found < 0).any()
