"""The ResNet of cifar10-fast: normalised convolutions, local pools and skips, under gates of its own and of another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from companion.kernels import npk_from_gates, relu_network
from companion.networks.architectures import Conv, MaxPool
from companion.networks.families import build
from companion.networks.forward import Params, forward, gate_stack
from companion.networks.gates import HardGate, SoftGate
from companion.networks.initialise import initialise, running
from companion.notation import Regime
from companion.runs.fields import SpecError
from companion.runs.regimes import initial_model, output
from companion.runs.spec import RunSpec
from support.davidnet import by_hand

SHAPE = (3, 32, 32)
NETWORK = build("DAVIDNET", SHAPE, 10, width=3)
X = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(5))


def drawn(seed: int = 0) -> Params:
    """Parameters of which none is at its start: scales, shifts and statistics too."""
    generator = torch.Generator().manual_seed(seed)
    params = initialise(NETWORK, generator)
    moved = {name: tensor + 0.3 * torch.rand(tensor.shape, generator=generator) for name, tensor in params.items()}
    return {name: moved[name] if name.partition(".")[0] != "weight" else params[name] for name in params}


def test_it_has_the_size_of_the_original():
    network = build("DAVIDNET", SHAPE, 10)
    shapes = network.parameter_shapes()
    trained = {name: shape for name, shape in shapes.items() if name.partition(".")[0] not in ("mean", "variance")}
    assert sum(torch.Size(shape).numel() for shape in trained.values()) == 6_573_120
    assert network.macs() == 379_261_952
    assert (network.gated_layers, len(network.gate_shapes())) == (8, 12)
    assert network.normalised
    assert network.pooled


@pytest.mark.parametrize("training", [False, True])
def test_it_computes_what_the_modules_compute_and_its_statistics_move_alike(training):
    params, module = drawn(), by_hand(drawn()).train(training)
    assert torch.allclose(forward(NETWORK, params, X, training=training), 0.125 * module(X), atol=1e-5)
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for i, norm in enumerate(norms):
        assert torch.allclose(params[f"mean.{i}"], norm.running_mean, atol=1e-6)
        assert torch.allclose(params[f"variance.{i}"], norm.running_var, atol=1e-6)
    assert torch.equal(params["mean.1"], drawn()["mean.1"]) != training


def test_its_own_gates_and_masks_reproduce_it():
    """A ReLU network is the value network under its own gates, pools included (Paper B, Definition 2.2)."""
    params = drawn()
    stack = gate_stack(NETWORK, params, X, HardGate())
    assert [tuple(G.shape[1:]) for G in stack] == list(NETWORK.gate_shapes())
    assert torch.allclose(forward(NETWORK, params, X, gates=stack), forward(NETWORK, params, X), atol=1e-6)


def test_masks_of_pools_are_one_hot_in_each_window_whatever_the_gate():
    stack = gate_stack(NETWORK, drawn(), X, SoftGate())
    for place, size in ((2, 2), (6, 2), (8, 2), (11, 4)):
        mask = stack[place]
        windows = mask.unfold(2, size, size).unfold(3, size, size).flatten(4)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert (windows.sum(-1) == 1).all()
    assert ((stack[0] > 0) & (stack[0] < 1.1)).all()


def test_a_value_network_under_given_gates_is_linear_in_its_normalised_input():
    """Without the batch in it: running statistics make each layer affine, and gates and masks are constants."""
    params, stack = drawn(1), gate_stack(NETWORK, drawn(2), X, HardGate())

    def value(x: torch.Tensor) -> torch.Tensor:
        return forward(NETWORK, params, x, gates=stack)

    a, b = torch.rand(2, *X.shape, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(value(a) + value(b), value(a + b) + value(torch.zeros_like(a)), atol=1e-5)


@pytest.mark.parametrize("regime", [Regime.FR_II, Regime.DL])
def test_only_networks_that_train_move_their_statistics(regime):
    spec = RunSpec(dataset="cifar10", architecture="DAVIDNET", width=2, regime=regime)
    model = initial_model(spec)
    assert model.feature is not None
    names = model.trainable(regime) | model.following(regime)
    assert not running(model.trainable(regime))
    assert {n for n in names if n.startswith("feature/")} == (
        {f"feature/{name}" for name in model.feature} if regime is Regime.DL else set()
    )
    before = {name: tensor.clone() for name, tensor in (running(model.feature) | running(model.value)).items()}
    output(spec, model, X, training=True)
    assert not torch.equal(model.value["mean.0"], before["mean.0"])
    start = initial_model(spec).feature
    assert start is not None
    assert torch.equal(model.feature["mean.0"], start["mean.0"]) == (regime is Regime.FR_II)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="multiples"):
        build("DAVIDNET", (3, 20, 20), 10)
    with pytest.raises(ValueError, match="square images"):
        build("DAVIDNET", (3, 32, 16), 10)
    with pytest.raises(SpecError, match="bias has no effect"):
        RunSpec(dataset="cifar10", architecture="DAVIDNET", bias=False)
    with pytest.raises(SpecError, match="pools are gates too"):
        RunSpec.from_dict(
            {"dataset": "cifar10", "architecture": "DAVIDNET", "regime": "DL", "gate_permutation": [*range(7), 7][::-1]}
        )
    with pytest.raises(ValueError, match="one by one"):
        forward(NETWORK, {name: torch.stack([t, t]) for name, t in drawn().items()}, X)
    for make in (
        lambda: relu_network(NETWORK, drawn()),
        lambda: npk_from_gates(NETWORK, X, gate_stack(NETWORK, drawn(), X, HardGate())[:8]),
    ):
        with pytest.raises(ValueError, match="not for normalisation"):
            make()
    assert Conv(4) != Conv(4, norm=True)
    assert MaxPool(2).size == 2
