"""A decoupled network computes what the original computes, and is linear."""

from __future__ import annotations

import copy
import doctest
import pickle
import subprocess
import sys
from contextlib import suppress
from typing import NamedTuple

import pytest
import torch
from hypothesis import assume, given, settings
from torch import nn
from torch.nn import functional as F

import companion
from companion.decoupling import network as network_module
from companion.decoupling import plan
from support.relu_networks import examples, random_networks


def same(found, expected, relative=1e-6):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= relative * expected.abs().max()


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 7), nn.ReLU(), nn.Linear(7, 2))


def test_a_multilayer_perceptron():
    model, x = mlp().eval(), torch.randn(6, 5)
    network = companion.decouple(model, x)
    stack = network.gates(x)
    assert [(site.name, site.kind) for site in network.sites] == [("1", "gate"), ("4", "gate")]
    assert torch.equal(network(x), model(x))
    assert torch.equal(stack[0], model[0](x) > 0)
    hidden = model[0](torch.ones_like(x)) * stack[0]
    expected = model[5](model[3](hidden) * stack[1])
    assert torch.allclose(network.value(torch.ones_like(x), stack), expected)
    soft = [torch.rand(6, 7), torch.rand(6, 7)]
    assert torch.allclose(network.value(x, soft), model[5](model[3](model[0](x) * soft[0]) * soft[1]))


def test_the_two_networks_share_nothing_and_the_model_is_left_alone():
    model, x = mlp(), torch.randn(6, 5)
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    network = companion.decouple(model, x)
    assert torch.equal(torch.random.get_rng_state(), state)
    stack = network.eval().gates(x)
    with torch.no_grad():
        for p in network.value_network.parameters():
            p.zero_()
    assert all(torch.equal(a, b) for a, b in zip(stack, network.gates(x), strict=True))
    assert not network(x).any()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert model.training
    assert network.value_network.load_state_dict(before)


def test_the_check_leaves_running_statistics_as_they_were():
    model, x = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU()), torch.randn(6, 5)
    network = companion.decouple(model, x)
    for norm in (model[1], network.feature_network[1], network.value_network[1]):
        assert norm.training
        assert not norm.running_mean.any()
        assert norm.num_batches_tracked == 0
    network(x)
    assert not model[1].running_mean.any()
    assert torch.equal(network.feature_network[1].running_mean, network.value_network[1].running_mean)
    assert network.value_network[1].running_mean.any()


def test_dropout_is_drawn_by_the_value_network_where_the_stack_has_no_mask():
    model, x = mlp(), torch.randn(500, 5)
    network = companion.decouple(model, x)
    network.feature_network.eval()
    stack = network.gates(x)
    assert len(stack) == 2
    torch.manual_seed(3)
    first = network.value(x, stack)
    assert not torch.equal(first, network.value(x, stack))
    torch.manual_seed(3)
    assert torch.equal(first, network.value(x, stack))
    network.value_network.eval()
    assert torch.equal(network.value(x, stack), model.eval()(x))


class InPlace(nn.Module):
    """The pre-activation, or a view of it, is read after a ReLU has written there; so is the input."""

    def __init__(self, of_input):
        super().__init__()
        self.of_input = of_input
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        if self.of_input:
            return self.second(F.relu(x, inplace=True) + self.first(x))
        q = self.first(x)
        view = q.view(-1, 2, 2)
        F.relu(q, inplace=True)
        q += 1
        return self.second(view.flatten(1) + q)


@pytest.mark.parametrize("of_input", [False, True])
def test_what_reads_the_memory_that_a_relu_wrote_to(of_input):
    torch.manual_seed(0)
    model, x = InPlace(of_input), torch.randn(5, 4)
    network = companion.decouple(model, x)
    kept = x.clone()
    found = network(x)
    assert torch.equal(x, kept)
    assert torch.equal(found, model(x))
    found.sum().backward()


class Outputs(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class Calls(nn.Module):
    """A gate that is called twice, attributes, defaults, several outputs, a tensor made on the way, strange numbers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        self.linear, self.gate = nn.Linear(3, 3), nn.ReLU()

    def forward(self, x, flag=False, power=2, extra=None):
        z = self.gate(self.linear(x) * self.scale.exp())
        z = self.gate(z @ self.linear.weight.softmax(0) - 0.5) / torch.tensor(2.0)
        return Outputs(z, z.sum(-1)) if not flag else z


def test_a_gate_called_twice_is_two_sites():
    torch.manual_seed(0)
    model, x = Calls(), torch.randn(4, 3)
    network = companion.decouple(model, x)
    assert [site.name for site in network.sites] == ["gate", "gate#2"]
    assert isinstance(network(x), Outputs)
    assert torch.equal(network(x).second, model(x).second)
    doubled = network.double()
    same(doubled(x.double()).first, model.double()(x.double()).first, 1e-12)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(again(x.double()).first, network(x.double()).first)


def test_what_is_not_finite_stays_as_it_is():
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    network = companion.decouple(model, torch.zeros(1, 3), check=False)
    x = torch.tensor([[-torch.inf, torch.nan, torch.inf]])
    assert torch.equal(network(x), model(x)) or torch.allclose(network(x), model(x), equal_nan=True)


def test_wrong_stacks():
    model, x = mlp().eval(), torch.randn(6, 5)
    network = companion.decouple(model, x)
    stack = network.gates(x)
    with pytest.raises(ValueError, match=r"takes 2 entries, not 1: 1, 4"):
        network.value(x, stack[:1])
    with pytest.raises(ValueError, match=r"gates of 4 must be shaped \(6, 7\) like its pre-activations, not \(1, 7\)"):
        network.value(x, [stack[0], stack[1][:1]])
    pooled = companion.decouple(nn.Sequential(nn.MaxPool2d(2)), torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="0 takes positions into"):
        pooled.value(torch.zeros(2, 1, 4, 4), pooled.gates(torch.zeros(1, 1, 4, 4)))


def test_the_check_notices_a_wrong_gate(monkeypatch):
    x = torch.randn(6, 5)
    monkeypatch.setitem(network_module.GATES, "relu", lambda q, inplace=False: q > 0.1)
    with pytest.raises(RuntimeError, match="the output differs from the model's"):
        companion.decouple(mlp().eval(), x)


def test_the_check_notices_what_is_not_linear(monkeypatch):
    monkeypatch.setattr(plan, "FIRST_MODULES", plan.FIRST_MODULES | {nn.GELU})
    with pytest.raises(RuntimeError, match="not linear"):
        companion.decouple(nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.ReLU()), torch.randn(2, 3))


def test_examples_in_docstrings():
    result = doctest.testmod(network_module)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_public_name_is_imported_when_it_is_asked_for():
    code = (
        "import sys, companion\n"
        "assert not {'torch', 'companion.decoupling'} & sys.modules.keys()\n"
        "companion.decouple\n"
        "assert 'companion.decoupling' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"decouple", "gate_information"} <= set(dir(companion))
    assert companion.gate_information.__module__ == "companion.verdicts.information"
    with pytest.raises(AttributeError, match="no attribute 'decuple'"):
        companion.decuple  # noqa: B018


@given(random_networks())
@settings(max_examples=40)
def test_random_networks(model):
    x = examples()
    network = companion.decouple(model, x)
    stack = network.gates(x)
    same(network.value(x, stack), model(x), 1e-12)
    a, b = torch.randn_like(x), torch.randn_like(x)
    with torch.no_grad():
        middle = network.value(0.3 * a + 0.7 * b, stack)
        same(middle, 0.3 * network.value(a, stack) + 0.7 * network.value(b, stack), 1e-9)


@given(random_networks().filter(lambda model: not model.saturates))
@settings(max_examples=25)
def test_gradients_in_the_weights_are_those_of_the_model(model):
    """Its gates have no derivative of their own."""
    x = examples()
    network = companion.decouple(model, x, check=False)
    trained = False
    with suppress(RuntimeError):  # a model that writes over what its own backward pass needs cannot be trained at all
        model(x).square().sum().backward()
        trained = True
    assume(trained)
    network(x).square().sum().backward()
    slopes = tuple(name for name, m in model.named_modules() if isinstance(m, nn.PReLU))
    for (name, p), q in zip(model.named_parameters(), network.value_network.parameters(), strict=True):
        if p.grad is None or name.startswith(slopes):
            assert q.grad is None
        else:
            assert torch.allclose(q.grad, p.grad, rtol=1e-9, atol=1e-12 * float(p.grad.abs().max())), name
    assert all(p.grad is None for p in network.feature_network.parameters())


@given(random_networks())
@settings(max_examples=25)
def test_random_networks_while_they_train(model):
    x = examples()
    model.train()
    network = companion.decouple(model, x)
    assert network.training
    torch.manual_seed(0)
    expected = model(x)
    torch.manual_seed(0)
    same(network(x), expected, 1e-10)
    network.eval()
    model.eval()
    same(network(x), model(x), 1e-10)
