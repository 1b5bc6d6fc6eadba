"""The path kernel of decoupled networks: exact against the kernels of the papers' networks, and against all signs."""

from __future__ import annotations

import doctest
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

import companion
from companion.decoupling import covariance, npk_exact, npk_sketch, paths
from companion.kernels import npk_from_gates
from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool, GlobalMaxPool, Skip
from support.kernels import close
from support.relu_networks import RandomNetwork


class Positions(nn.Module):
    """Mean or sum over positions, as a module."""

    def __init__(self, largest=False):
        super().__init__()
        self.largest = largest

    def forward(self, x):
        return F.adaptive_max_pool2d(x, 1).flatten(1) if self.largest else x.mean((2, 3))


class Block(nn.Module):
    """A skip over one gated layer."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return x + torch.relu(self.linear(x))


def convolution(a, b):
    return nn.Conv2d(a, b, 3, padding=1), nn.ReLU()


CASES = {
    "dense": (
        Architecture((4,), (Dense(5), Dense(3), Dense(4)), 1, False),
        lambda: [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)],
    ),
    "average": (
        Architecture((2, 3, 4), (Conv(3), Conv(2), GlobalAveragePool(), Dense(6)), 1, False),
        lambda: [*convolution(2, 3), *convolution(3, 2), Positions(), nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1)],
    ),
    "flatten": (
        Architecture((2, 3, 2), (Conv(2), Conv(2), Flatten()), 1, False),
        lambda: [*convolution(2, 2), *convolution(2, 2), nn.Flatten(), nn.Linear(12, 3)],
    ),
    "maximum": (
        Architecture((1, 3, 4), (Conv(3), Conv(2), GlobalMaxPool()), 1, False),
        lambda: [*convolution(1, 3), *convolution(3, 2), Positions(largest=True), nn.Linear(2, 1)],
    ),
    "skip": (
        Architecture((3,), (Dense(4), Skip((Dense(4),)), Dense(3)), 1, False),
        lambda: [nn.Linear(3, 4), nn.ReLU(), Block(4), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)],
    ),
}


def case(name):
    """The papers' description of a network, the same as a decoupled module, and examples."""
    architecture, layers = CASES[name]
    torch.manual_seed(4)
    x = torch.randn(5, *architecture.input_shape, dtype=torch.float64)
    network = companion.decouple(nn.Sequential(*layers()).double().eval(), x)
    stack = [G.double() for G in network.gates(x)]
    if name == "maximum":
        *gates, chosen = stack
        mask = torch.zeros_like(gates[-1]).flatten(2).scatter(2, chosen.long().flatten(2), 1).view_as(gates[-1])
        stack = [*gates[:-1], gates[-1] * mask]
    return network, x, npk_from_gates(architecture, x, stack, pool_factor=True)


@pytest.mark.parametrize("name", CASES)
def test_the_exact_kernel_is_that_of_the_papers_networks(name):
    network, x, H = case(name)
    assert H.abs().max() > 0
    close(npk_exact(network, x, normalise=False), H)
    close(npk_exact(network, x[:2], x[2:], normalise=False), H[:2, 2:])
    fans = [m.weight[0].numel() for m in network.value_network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    if name != "skip":
        close(npk_exact(network, x), H / torch.tensor(fans).double().prod())


@pytest.mark.parametrize("name", CASES)
def test_the_sketch_comes_near_the_exact_kernel_as_its_error_says(name):
    network, x, H = case(name)
    sketch = npk_sketch(network, x, draws=400, normalise=False, batch=3)
    off = (sketch.H - H).abs() / sketch.error.clamp(min=1e-9)
    assert off.max() < 5
    assert 0 < float((sketch.error / H.abs().max()).mean()) < 0.3
    wide = npk_sketch(network, x[:2], x[2:], draws=400, normalise=False)
    close(wide.H, sketch.H[:2, 2:])


class Small(nn.Module):
    """Strides, groups, pools, batch norm, a concatenation, halves, a skip and a constant, in 11 weights."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 2, 2)
        self.norm = nn.BatchNorm1d(2)
        self.depthwise = nn.Conv1d(2, 2, 2, groups=2, stride=2)
        self.pool = nn.MaxPool1d(2, 1)
        self.last = nn.Linear(3, 1)

    def forward(self, x):
        z = F.leaky_relu(self.norm(self.first(x)), 0.3)
        pooled = self.pool(torch.relu(self.depthwise(z) + 0.1))
        a, b = z[..., :2].chunk(2, dim=1)
        z = torch.cat([pooled, 0.5 * (a + b), a.mean(-1, keepdim=True).expand(-1, -1, 2) - b], 1)
        return self.last((z[:, 1:] + z[:, :3]).sum(-1)) + 3


def test_the_exact_kernel_is_the_mean_over_all_signs(monkeypatch):
    torch.manual_seed(0)
    x = torch.randn(3, 1, 7, dtype=torch.float64)
    network = companion.decouple(Small().double().eval(), x)

    def all_signs(root, layers, draws, seed, normalise):
        weights = [root.get_submodule(name).weight for name in layers]
        for signs in product((-1.0, 1.0), repeat=sum(w.numel() for w in weights)):
            for w, part in zip(weights, torch.tensor(signs).split([w.numel() for w in weights]), strict=True):
                w.copy_(part.view_as(w))
            yield

    monkeypatch.setattr(paths, "_signs", all_signs)
    sketch = npk_sketch(network, x, draws=2**11, normalise=False)
    close(sketch.H, npk_exact(network, x, normalise=False))


def test_the_networks_own_weights_do_not_matter():
    network, x, _ = case("average")
    first = npk_exact(network, x)
    with torch.no_grad():
        for p in network.value_network.parameters():
            p.mul_(3).add_(1)
    close(npk_exact(network, x), first)
    assert torch.equal(npk_sketch(network, x, draws=3).H, npk_sketch(network, x, draws=3).H)
    assert not torch.equal(npk_sketch(network, x, draws=3).H, npk_sketch(network, x, draws=3, seed=1).H)


def test_a_network_of_every_kind_of_step():
    torch.manual_seed(0)
    steps = [("gate", "relu6", 0), ("module", "grouped", 0), ("cat", "", 2), ("gate", "prelu", 0), ("sum", "", 3)]
    model = RandomNetwork([*steps, ("function", "shuffle", 0), ("module", "norm", 0)], 4, "strided", "largest")
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    network = companion.decouple(model.double().eval(), x)
    H = npk_exact(network, x)
    sketch = npk_sketch(network, x, draws=400)
    assert ((sketch.H - H).abs() / sketch.error).max() < 5


def test_bad_input_is_named():
    x = torch.randn(2, 3)
    twice = nn.Linear(3, 3)
    again = companion.decouple(nn.Sequential(twice, nn.ReLU(), twice).eval(), x)
    training = companion.decouple(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), x)
    good = companion.decouple(nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval(), x)
    for kernel in (npk_exact, npk_sketch):
        with pytest.raises(ValueError, match="the weights of 0 are used 2 times"):
            kernel(again, x)
        with pytest.raises(ValueError, match=r"call eval\(\) on the network first"):
            kernel(training, x)
    with pytest.raises(ValueError, match="at least 2 draws"):
        npk_sketch(good, x, draws=1)
    with pytest.raises(ValueError, match=r"needs .* numbers at once, more than the limit of .*: take fewer examples"):
        npk_exact(good, x, limit=10)


@pytest.mark.parametrize("module", [covariance, paths])
def test_examples_in_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "wrap", [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal]
)
@pytest.mark.parametrize("kernel", [npk_exact, npk_sketch])
def test_weights_that_are_made_of_others_are_refused(kernel, wrap):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), wrap(nn.Linear(6, 1))).eval(), torch.randn(2, 3)
    with pytest.raises(
        ValueError, match=r"^2 makes its weight of other numbers.*remove_parametrizations.module, .weight"
    ):
        kernel(companion.decouple(model, x), x)
    parametrize.remove_parametrizations(model[2], "weight")
    assert kernel(companion.decouple(model, x), x) is not None


class SharedNorm(nn.Module):
    """One batch norm with two names."""

    def __init__(self, norm):
        super().__init__()
        self.first, self.last, self.a = nn.Conv2d(1, 3, 3, bias=False), nn.Conv2d(3, 3, 3, bias=False), norm
        self.b = self.a

    def forward(self, x):
        return torch.relu(self.b(self.last(torch.relu(self.b(self.first(x)))))).mean((2, 3))


def test_a_batch_norm_with_two_names_is_the_identity():
    torch.manual_seed(0)
    x, norm = torch.randn(2, 1, 6, 6), nn.BatchNorm2d(3, affine=False)
    norm.running_var.fill_(100.0)
    model = SharedNorm(norm).eval()
    network = companion.decouple(model, x)
    bare = companion.decouple(SharedNorm(nn.Identity()).eval(), x, check=False)
    bare.feature_network.load_state_dict(network.feature_network.state_dict(), strict=False)
    bare.value_network.load_state_dict(network.value_network.state_dict(), strict=False)
    close(npk_exact(network, x), npk_exact(bare, x))
    close(npk_sketch(network, x, draws=8).H, npk_sketch(bare, x, draws=8).H)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in paths.bare_copy(network.value_network).modules())


@pytest.mark.parametrize("kernel", [npk_exact, npk_sketch])
def test_what_has_no_path_kernel(kernel):
    class Of(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function, self.linear = function, nn.Linear(3, 5)

        def forward(self, x):
            return self.function(torch.relu(self.linear(x)))

    x = torch.randn(2, 3)
    for function, said in (
        (lambda h: (h, h), "the path kernel is that of a network that gives one tensor"),
        (lambda h: F.batch_norm(h, torch.zeros(5), torch.ones(5)), "batch norm .* only as a module"),
    ):
        with pytest.raises(ValueError, match=said):
            kernel(companion.decouple(Of(function).eval(), x), x)


def test_a_sketch_adds_nothing_to_the_network():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 5)

        def forward(self, x):
            return torch.relu(self.linear(x) + torch.ones(5))

    x = torch.randn(2, 3)
    network = companion.decouple(Shifted().eval(), x)
    before = [name for name, _ in network.named_buffers()]
    for _ in range(2):
        npk_sketch(network, x, draws=2)
    assert [name for name, _ in network.named_buffers()] == before
