"""The probe of kernel machines: what it is fitted to, what it says, and that it says the same with no gradients."""

from __future__ import annotations

import pytest
import torch

from companion.data import load
from companion.exhibits import cells
from companion.exhibits.a_machine import NUMBERS, SEEN, UNSEEN, WITH_ONES
from companion.kernels import DeepGatedNetwork, relu_network
from companion.kernels.sketch import path_sketch
from companion.measure import MACHINES, machine, measure
from companion.measure.machine import OTHERS, OWN, SIZES, fitted_images, fitted_to, kernel_machine, sizes, work
from companion.runs.examples import split
from companion.runs.fields import SpecError
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec

FIELDS = {"dataset": "digits", "depth": 3, "width": 16, "bias": False, "test_size": 80, "epochs": 2}
SPEC = RunSpec.from_dict({**FIELDS, "train_size": 160, "holdout": 60, "probe": OWN})
BLIND = RunSpec.from_dict({**FIELDS, "train_size": 400, "holdout": 150, "probe": OTHERS})


def seen(spec):
    return initial_model(spec), split(spec, load("digits"))


def test_own_images_are_all_that_the_network_trains_on():
    _, data = seen(SPEC)
    images, choosing = fitted_to(SPEC, data)
    assert torch.equal(images.inputs, data.train.inputs)
    assert torch.equal(choosing.inputs, data.holdout.inputs)
    assert sizes(SPEC, len(images)) == [fitted_images(SPEC)] == [100]


def test_others_are_kept_out_of_training_and_of_the_choice():
    _, data = seen(BLIND)
    images, choosing = fitted_to(BLIND, data)
    assert (len(images), len(choosing)) == (140, 10)
    assert torch.equal(torch.cat([images.inputs, choosing.inputs]), data.holdout.inputs)
    assert fitted_images(BLIND) == 140
    assert sizes(BLIND, 140) == [100]


@pytest.mark.parametrize("spec", [SPEC, BLIND])
def test_every_kernel_is_told(spec):
    model, data = seen(spec)
    found = measure(spec, model, data)
    layers = {f"layer{l}_100" for l in (1, 2)}
    assert set(found) == {"network", "npk_100", "ones_100", "ntk_100", "gaussian_100", "limit_100"} | layers
    assert all(0 <= value <= 100 for value in found.values())
    images, choosing = fitted_to(spec, data)
    network, x = relu_network(spec.network, model.value), images.inputs[:100]
    every = torch.cat([x, choosing.inputs, data.test.inputs])
    G = network.gates(every)
    layers = [g @ g.T / g.shape[1] for g in G]
    flat = every.flatten(1)
    written_out = {
        "npk": flat @ flat.T * layers[0] * layers[1],
        "ones": flat.shape[1] * layers[0] * layers[1],
        "layer1": layers[0],
        "layer2": layers[1],
    }
    for name, K in written_out.items():
        assert found[f"{name}_100"] == pytest.approx(by_hand(K, images, choosing, data.test), abs=1e-3), name


@pytest.mark.parametrize("probe", sorted(MACHINES))
def test_with_convolutions_the_machine_has_draws_of_the_kernel(monkeypatch, probe):
    monkeypatch.setattr(machine, "HALVED_ON", 30)
    fields = {**FIELDS, "architecture": "C4GAP", "depth": None, "width": 4, "probe": probe}
    size = {"train_size": 160, "holdout": 60} if probe == OWN else {"train_size": 300, "holdout": 150}
    spec = RunSpec.from_dict({**fields, **size})
    model, data = seen(spec)
    found = kernel_machine(spec, model, data, draws=8)
    named = {f"{name}_100" for name in ("npk", "ones", "quarter", "gaussian", "limit")}
    assert set(found) == {"network", "spread"} | named
    images, choosing = fitted_to(spec, data)
    every = torch.cat([images.inputs[:100], choosing.inputs, data.test.inputs])
    plain = relu_network(spec.network, model.value)
    blind = DeepGatedNetwork(spec.network, model.value, model.value, value_input=torch.ones_like)
    for name, network, draws in (("npk", plain, 8), ("quarter", plain, 2), ("ones", blind, 8)):
        Z = path_sketch(network, draws, units=True)(every)
        assert Z.shape[1] == 4 * draws
        assert found[f"{name}_100"] == pytest.approx(by_hand(Z @ Z.T, images, choosing, data.test), abs=1e-3), name
    one, other = (half @ half.T for half in path_sketch(plain, 8, units=True)(images.inputs[:30]).chunk(2, dim=1))
    apart = (one / one.trace() - other / other.trace()).norm() / (one / one.trace() + other / other.trace()).norm()
    assert found["spread"] == pytest.approx(100 * float(apart), rel=1e-3)


def by_hand(K, images, choosing, test) -> float:
    """Ridge regression on the first 100 of these examples, its ridge by those that choose, its accuracy on the rest."""
    n, m = 100, len(choosing)
    targets = torch.nn.functional.one_hot(images.labels[:n], 10).double() - 0.1
    best = (-1.0, 0.0)
    for ridge in (1.0, 1e-1, 1e-2, 1e-3, 1e-4):
        A = K[:n, :n].double() + ridge * K[:n, :n].double().diagonal().mean() * torch.eye(n)
        guessed = (K[n:, :n].double() @ torch.linalg.solve(A, targets)).argmax(1)
        right = [
            float((part == labels).double().mean())
            for part, labels in zip(guessed.split([m, len(test)]), (choosing.labels, test.labels), strict=True)
        ]
        if right[0] > best[0]:
            best = (right[0], right[1])
    return 100 * best[1]


def test_untrained_kernels_are_those_of_the_images_that_are_there(monkeypatch):
    monkeypatch.setattr(machine, "_untrained", {})
    model, data = seen(SPEC)
    first = kernel_machine(SPEC, model, data)
    turned = type(data)(type(data.train)(data.train.inputs.flip(-1), data.train.labels), data.holdout, data.test)
    assert kernel_machine(SPEC, model, turned)["gaussian_100"] < first["gaussian_100"] - 10
    assert kernel_machine(SPEC, model, data) == first
    assert len(machine._untrained) == 2


def test_work_grows_with_the_images():
    found = [work(SPEC.replace(train_size=n + 60), n, 80) for n in (100, 200, 400)]
    assert found[0] < found[1] < found[2] < 64 * found[0]


def test_the_grid_on_two_cores_has_its_numbers_in_both_designs():
    grid = cells("A-machine", "cpu", seeds=1)
    assert {(cell.axes["images"], cell.axes[SEEN.name]) for cell in grid} == {
        *((n, UNSEEN) for n in (1000, 5000, 10_000)),
        (5000, "them"),
    }
    for cell in grid:
        assert cell.spec.test_size == 5000
        if cell.spec.probe:
            assert cell.axes["images"] in sizes(cell.spec, fitted_images(cell.spec))


@pytest.mark.parametrize("probe", sorted(MACHINES))
def test_it_needs_a_relu_network_without_biases_and_a_holdout(probe):
    with pytest.raises(SpecError, match="needs regime ReLU and a holdout, which chooses the ridge"):
        RunSpec(dataset="digits", probe=probe, bias=False)
    with pytest.raises(SpecError, match="needs regime ReLU"):
        RunSpec(dataset="digits", probe=probe, bias=False, holdout=10, regime="FR-II")
    with pytest.raises(SpecError, match="needs bias False"):
        RunSpec(dataset="digits", probe=probe, holdout=10)


def test_the_grid_has_its_numbers_of_images_in_both_designs():
    grid = cells("A-machine", "paper", seeds=1)
    assert set(NUMBERS) <= set(SIZES)
    assert tuple(n for n in NUMBERS if n <= machine.MOST["ones"]) == WITH_ONES
    for cell in grid:
        if not cell.spec.probe:
            assert (cell.column, cell.axes[SEEN.name] == UNSEEN) == ("FL", False)
            continue
        assert (cell.spec.probe == OTHERS) == (cell.axes[SEEN.name] == UNSEEN)
        assert cell.axes["images"] in sizes(cell.spec, fitted_images(cell.spec))
    shared = {cell.spec.key for cell in grid if cell.axes[SEEN.name] == UNSEEN and not cell.variant}
    assert len(shared) == 1
