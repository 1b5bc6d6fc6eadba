"""What a trace would lose in silence is refused, and a trace leaves nothing behind."""

from __future__ import annotations

import copy
import pickle
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import companion
from companion.decoupling import NotDecouplableError
from companion.decoupling.operations import DRAWS
from companion.decoupling.sites import DROPOUTS


class Of(nn.Module):
    """Any function of a gated layer and of the module."""

    def __init__(self, function):
        super().__init__()
        self.function, self.linear = function, nn.Linear(4, 4)
        self.kept, self.last = [], None

    def forward(self, x):
        return self.function(self, torch.relu(self.linear(x)))


def stochastic_depth(m, h):
    return h * 0 if m.training and torch.rand(1).item() < 0.5 else h


def noise(m, h):
    return h + torch.randn(4) if m.training else h


def thinned(m, h):
    return F.linear(h, F.dropout(m.linear.weight, 0.5, m.training))


def states():
    return torch.random.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002


EVER = "it draws random numbers, which a trace would keep for ever (line "
ANEW = "it draws random numbers, anew in each of the two networks"
OTHER = "it draws random numbers by Python or NumPy"


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda m, h: h + torch.randn(4), f"randn (randn): {EVER}"),
        (lambda m, h: h + torch.empty(4).uniform_(), f"uniform_ (uniform_): {EVER}"),
        (lambda m, h: h * F.dropout(torch.ones(4)), EVER),
        (lambda m, h: (torch.rand(3), h)[1], f"rand (rand): {EVER}"),
        (lambda m, h: h + torch.rand(4, generator=torch.Generator()), f"rand (rand): {EVER}"),
        (lambda m, h: h + torch.rand(h.shape), f"rand (rand): {ANEW}"),
        (lambda m, h: h + torch.rand(h.shape[0], 1), "forward (Of): it draws random numbers by rand (line "),
        (lambda m, h: h + torch.randn_like(h), f"randn_like (randn_like): {ANEW}"),
        (lambda m, h: h * h.new_ones(4).bernoulli_(0.5), f"bernoulli_ (bernoulli): {ANEW}"),
        (lambda m, h: h @ F.dropout(m.linear.weight, 0.5), f"dropout (dropout): {ANEW}"),
        (lambda m, h: h @ F.alpha_dropout(m.linear.weight, 0.5, True), f"alpha_dropout (alpha_dropout): {ANEW}"),
        (lambda m, h: h * random.random(), f"forward (Of): {OTHER}"),
        (lambda m, h: h * float(np.random.rand()), f"forward (Of): {OTHER}"),  # noqa: NPY002
    ],
)  # fmt: skip
def test_random_draws_are_refused_by_name_and_move_nothing(function, named):
    model, x = Of(function).eval(), torch.ones(2, 4)
    before = states()
    with pytest.raises(NotDecouplableError) as caught:
        companion.decouple(model, x)
    assert named in str(caught.value)
    assert "use nn.Dropout, or draw outside of the model" in str(caught.value)
    assert states() == before


def test_a_model_that_seeds_moves_nothing_in_its_trace():
    model, x = Of(lambda m, h: (torch.manual_seed(3), random.seed(3), h)[2]).eval(), torch.ones(2, 4)
    before = states()
    with pytest.raises(NotDecouplableError, match="by Python or NumPy"):
        companion.decouple(model, x)
    model.function = lambda m, h: (torch.manual_seed(3), h)[1]
    companion.decouple(model, x)
    assert states() == before


def test_a_draw_is_named_with_the_module_that_draws():
    def forward(m, h):
        return h + torch.randn(4)

    for function, named in (
        (forward, r"^randn \(randn in 1\): it draws .*line \d+ of test_watch\.py"),
        (lambda m, h: h * random.random(), r"^1 \(Of\)"),
    ):
        with pytest.raises(NotDecouplableError) as caught:
            companion.decouple(nn.Sequential(nn.Linear(4, 4), Of(function)), torch.ones(2, 4))
        assert re.search(named, str(caught.value), re.MULTILINE)


@pytest.mark.parametrize("function", [stochastic_depth, noise, thinned])
def test_draws_of_training_are_refused_in_evaluation_too(function):
    model, x = Of(function).eval(), torch.ones(2, 4)
    with pytest.raises(
        NotDecouplableError, match=r"while it trains it draws random.*for evaluation alone.*check=False"
    ):
        companion.decouple(model, x)
    network = companion.decouple(model, x, check=False)
    assert torch.equal(network(x), model(x))
    with pytest.raises(NotDecouplableError, match="it draws random numbers"):
        network.train()(x)
    assert not model.training


def test_modes_are_as_they_were_after_training_was_looked_at():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5)).eval()
    network = companion.decouple(model, torch.ones(2, 4))
    assert not any(module.training for module in network.modules())


def test_every_operation_of_torch_that_draws_is_known():
    """But those that no graph holds, or that only draw with a dropout of their own."""
    tagged = set()
    for full in torch._C._dispatch_get_all_op_names():
        space, _, name = full.partition("::")
        packet = getattr(torch.ops.aten, name.partition(".")[0], None) if space == "aten" else None
        if packet is not None and any(
            torch.Tag.nondeterministic_seeded in getattr(packet, overload).tags for overload in packet.overloads()
        ):
            tagged.add(name.partition(".")[0].strip("_"))
    public = {name for name in tagged if hasattr(torch, name) or hasattr(F, name) or hasattr(torch.Tensor, name + "_")}
    others = {"scaled_dot_product_attention", "rnn_tanh", "rnn_relu", "lstm", "gru", "miopen_rnn"}
    assert public - DRAWS - set(DROPOUTS) <= others


@pytest.mark.parametrize(
    ("context", "name"),
    [
        (torch.no_grad, "torch.no_grad"),
        (torch.enable_grad, "torch.enable_grad"),
        (torch.inference_mode, "torch.inference_mode"),
        (lambda: torch.set_grad_enabled(False), "torch.no_grad"),
        (lambda: torch.autocast("cpu", dtype=torch.bfloat16), "torch.autocast"),
    ],
)
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_contexts_of_the_model_are_refused(context, name, around):
    def inside(m, h):
        with context():
            h = m.linear(h)
        return h

    x = torch.ones(2, 4)
    for function in (inside, context()(lambda m, h: m.linear(h))):
        with around(), pytest.raises(NotDecouplableError) as caught:
            companion.decouple(nn.Sequential(Of(function)).eval(), x)
        assert f"0.linear ({name} in 0): it runs in a context of its own" in str(caught.value)
        assert "leave it out" in str(caught.value)
        with around():
            assert companion.decouple(nn.Linear(4, 4), x)  # a context of the caller's is none of the model's


def test_a_context_that_changes_nothing_of_the_graph():
    def constant(m, h):
        with torch.no_grad():
            one = torch.ones(4)
        with torch.set_grad_enabled(True):
            return m.linear(h) + one

    model, x = Of(constant), torch.ones(2, 4)
    assert torch.equal(companion.decouple(model, x)(x), model(x))


def test_what_a_model_keeps_of_a_call_is_not_left_in_the_networks():
    def remember(m, h):
        m.kept.append(h)
        m.last = h
        return m.linear(m.last)

    model, x = Of(remember).eval(), torch.ones(2, 4)
    network = companion.decouple(model, x)
    for module in (model, network.feature_network, network.value_network):
        assert module.last is None
        assert module.kept == []
    model.function = network.feature_network.function = network.value_network.function = None
    assert pickle.dumps(network)
    assert copy.deepcopy(network).value_network.last is None


def test_what_cannot_be_copied_is_named():
    def remember(m, h):
        m.last = h
        return h

    model, x = Of(remember), torch.ones(2, 4)
    model(x)
    with pytest.raises(
        NotDecouplableError, match=r"attribute last holds a tensor of an earlier call.*set last to None"
    ):
        companion.decouple(model, x)
    model.last, model.file = None, Path(__file__).open()  # noqa: SIM115
    with model.file, pytest.raises(NotDecouplableError, match=r"cannot be copied \(TypeError.*out of the model"):
        companion.decouple(model, x)


def test_constants_are_kept_once():
    model, x = Of(lambda m, h: m.linear(h + torch.ones(4))).eval(), torch.ones(2, 4)
    network = companion.decouple(model, x)
    for _ in range(3):
        companion.decoupling.npk_sketch(
            companion.decouple(nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval(), x), x, draws=2
        )
        network._plans.clear()
        network(x)
        network.train()(x)
        network.eval()
    assert [name for name, _ in network.feature_network.named_buffers()] == ["_tensor_constant0"]
    assert torch.equal(network.double()(x.double()), model.double()(x.double()))


def test_a_constant_that_is_written_to_is_refused():
    def gather(m, h):
        out = torch.zeros(2, 4)
        out += h
        return out

    with pytest.raises(NotDecouplableError, match="it writes into a constant"):
        companion.decouple(Of(gather), torch.ones(2, 4))
