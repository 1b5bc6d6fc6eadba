"""The one forward pass: against PyTorch's own modules, stacked against one by one, with and without gates."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn

from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Skip,
)
from companion.networks.forward import Params, forward, gate_stack, trace
from companion.networks.gates import HardGate, SoftGate
from companion.networks.initialise import hidden_only, initialise
from support.networks import NETWORKS

each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())


def draw(network: Architecture, seed: int, dtype: torch.dtype = torch.float64) -> Params:
    """Random weights, and biases that are not zero."""
    generator = torch.Generator().manual_seed(seed)
    params = initialise(network, generator, dtype=dtype)
    return {n: torch.randn(t.shape, generator=generator, dtype=dtype) if "bias" in n else t for n, t in params.items()}


def examples(network: Architecture, n: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(99)
    return torch.randn(n, *network.input_shape, generator=generator, dtype=torch.float64)


def stacked(models: list[Params]) -> Params:
    return {name: torch.stack([model[name] for model in models]) for name in models[0]}


class Circular(nn.Module):
    """The sum of Paper B's definition, written out."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        k, positions = self.weight.shape[-1], z.shape[-1]
        shifted = torch.stack([z[..., [(i + c) % positions for i in range(positions)]] for c in range(k)], -1)
        return torch.einsum("oik,nipk->nop", self.weight, shifted)


class Block(nn.Module):
    def __init__(self, inner: nn.Module, pre: float, post: float) -> None:
        super().__init__()
        self.inner, self.pre, self.post = inner, pre, post

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.post * (z + self.inner(self.pre * z))


def as_module(network: Architecture, params: Params) -> nn.Module:
    """The same network out of PyTorch's own layers."""
    index = iter(range(network.depth))

    def linear() -> nn.Linear:
        i = next(index)
        weight, bias = params[f"weight.{i}"], params.get(f"bias.{i}")
        layer = nn.Linear(*weight.shape, bias=bias is not None, dtype=torch.float64)
        layer.weight.data = weight.T.clone()
        if bias is not None:
            layer.bias.data = bias
        return layer

    def convolution(kernel: int) -> nn.Conv2d:
        i = next(index)
        weight, bias = params[f"weight.{i}"], params.get(f"bias.{i}")
        layer = nn.Conv2d(*weight.shape[1::-1], kernel, padding="same", bias=bias is not None, dtype=torch.float64)
        layer.weight.data = weight
        if bias is not None:
            layer.bias.data = bias
        return layer

    def modules(layers: tuple) -> list[nn.Module]:
        made: list[nn.Module] = []
        for layer in layers:
            match layer:
                case Dense():
                    made += [linear(), nn.ReLU()]
                case Conv(_, kernel):
                    made += [convolution(kernel), nn.ReLU()]
                case CircularConv():
                    made += [Circular(params[f"weight.{next(index)}"]), nn.ReLU()]
                case GlobalAveragePool():
                    ring = len(network.input_shape) == 2
                    made += [nn.AdaptiveAvgPool1d(1) if ring else nn.AdaptiveAvgPool2d(1), nn.Flatten()]
                case GlobalMaxPool():
                    ring = len(network.input_shape) == 2
                    made += [nn.AdaptiveMaxPool1d(1) if ring else nn.AdaptiveMaxPool2d(1), nn.Flatten()]
                case Flatten():
                    made += [nn.Flatten()]
                case Skip(inner, pre, post):
                    made += [Block(nn.Sequential(*modules(inner)), pre, post)]
        return made

    return nn.Sequential(*modules(network.layers), linear())


@each_network
def test_like_pytorchs_own_modules(network):
    params, x = draw(network, 0), examples(network)
    expected = as_module(network, params)(x)
    torch.testing.assert_close(forward(network, params, x), expected, rtol=1e-12, atol=1e-12)


@each_network
@pytest.mark.parametrize("own_inputs", [False, True], ids=["shared input", "own inputs"])
def test_stacked_models_do_what_each_does_alone(network, own_inputs):
    models = [draw(network, seed) for seed in range(3)]
    xs = [examples(network) * (1 + m * own_inputs) for m in range(3)]
    together = trace(network, stacked(models), torch.stack(xs) if own_inputs else xs[0])
    alone = [trace(network, model, x) for model, x in zip(models, xs, strict=True)]
    for name in ("q", "G", "z"):
        for l, layer in enumerate(getattr(together, name)):
            torch.testing.assert_close(layer, torch.stack([getattr(t, name)[l] for t in alone]), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(together.output, torch.stack([t.output for t in alone]), rtol=1e-12, atol=1e-12)


@each_network
def test_stacked_gradients_are_each_models_own(network):
    models = [draw(network, seed) for seed in range(3)]
    x = examples(network)
    together = {name: tensor.requires_grad_() for name, tensor in stacked(models).items()}
    forward(network, together, x).square().sum().backward()
    for m, model in enumerate(models):
        own = {name: tensor.requires_grad_() for name, tensor in model.items()}
        forward(network, own, x).square().sum().backward()
        for name, tensor in own.items():
            torch.testing.assert_close(together[name].grad[m], tensor.grad, rtol=1e-10, atol=1e-10)


@each_network
def test_its_own_gates_handed_back_change_nothing(network):
    params, x = draw(network, 1), examples(network)
    run = trace(network, params, x)
    assert torch.equal(forward(network, params, x, run.G), run.output)
    assert [tuple(g.shape[1:]) for g in run.G] == list(network.gate_shapes())


@each_network
def test_gates_of_another_network_multiply_the_pre_activations(network):
    params, x = draw(network, 1), examples(network)
    gates = trace(network, draw(network, 2), x).G
    run = trace(network, params, x, gates)
    for q, G, z, given in zip(run.q, run.G, run.z, gates, strict=True):
        assert G is given
        assert torch.equal(z, q * given)
    assert not torch.allclose(run.output, forward(network, params, x))


@each_network
def test_a_stack_of_gates_needs_no_output_layer(network):
    params, x = draw(network, 3), examples(network)
    hidden = hidden_only(network, params)
    assert len(params) - len(hidden) == 1 + network.bias
    for a, b in zip(gate_stack(network, hidden, x, HardGate()), trace(network, params, x).G, strict=True):
        assert torch.equal(a, b)


@each_network
def test_a_pass_can_stop_after_any_layer(network):
    params, x = draw(network, 3), examples(network)
    whole = trace(network, params, x)
    for layers in range(1, network.gated_layers + 1):
        part = trace(network, params, x, layers=layers)
        assert len(part.q) == layers
        assert torch.equal(part.output, whole.z[layers - 1])
    for layers in (-1, network.gated_layers + 1):
        with pytest.raises(ValueError, match="gated layers"):
            trace(network, params, x, layers=layers)


@each_network
def test_inputs_are_what_enters_each_weight_layer(network):
    params, x = draw(network, 4), examples(network)
    run = trace(network, params, x)
    assert len(run.inputs) == network.depth
    last = network.depth - 1
    out = run.inputs[-1] @ params[f"weight.{last}"] + params.get(f"bias.{last}", 0)
    torch.testing.assert_close(out, run.output, rtol=1e-12, atol=1e-12)


def test_another_gate_may_be_used():
    network = NETWORKS["FC"]
    params, x = draw(network, 0), examples(network)
    run = trace(network, params, x, gate=SoftGate(2.0, 0.0))
    for q, G in zip(run.q, run.G, strict=True):
        torch.testing.assert_close(G, torch.sigmoid(2 * q))


def test_the_wrong_number_of_gates_is_refused():
    network = NETWORKS["FC"]
    with pytest.raises(ValueError, match="3 gated layers need as many gates, not 2"):
        forward(network, draw(network, 0), examples(network), [torch.ones(5, 7)] * 2)


def test_annotated_shapes_and_dtypes_are_checked_beside_the_tests():
    network = NETWORKS["FC"]
    with pytest.raises(TypeCheckError, match="'x'"):
        forward(network, draw(network, 0), examples(network).long())
