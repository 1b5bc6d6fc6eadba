"""The check of a decoupled network sees what is wrong, is content with what is not, and touches nothing."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import companion
from companion.decoupling import NotDecouplableError, check, plan


class Of(nn.Module):
    """Any function of a linear layer's output."""

    def __init__(self, function, **attributes):
        super().__init__()
        self.function, self.linear = function, nn.Linear(4, 4)
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(self, self.linear(x))


def mlp():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()


def test_an_example_of_the_checks_own_seed_is_compared_with_another(monkeypatch):
    monkeypatch.setattr(plan, "FIRST_MODULES", plan.FIRST_MODULES | {nn.GELU})
    for seed in (0, 1):
        torch.manual_seed(seed)
        for x in (torch.randn(2, 4), torch.randn(2, 4, generator=torch.Generator().manual_seed(seed))):
            with pytest.raises(RuntimeError, match="not linear"):
                companion.decouple(nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.ReLU()), x)


def test_what_rounds_is_not_linear_though_its_derivative_is_the_same_everywhere(monkeypatch):
    monkeypatch.setattr(plan, "FIRST", plan.FIRST | {"<floor>"})
    with pytest.raises(RuntimeError, match="not linear"):
        companion.decouple(Of(lambda m, h: torch.floor(10 * h)), torch.ones(2, 4))


@pytest.mark.parametrize("track", [True, False])
def test_batch_norm_without_running_statistics_is_refused_in_evaluation(track):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=track), nn.ReLU()).eval()
    for seed in (0, 1):
        torch.manual_seed(seed)
        x = torch.randn(6, 4)
        if track:
            assert torch.equal(companion.decouple(model, x)(x), model(x))
        else:
            with pytest.raises(NotDecouplableError, match=r"1 \(BatchNorm1d\): it takes its statistics from the batch"):
                companion.decouple(model, x)
    model.train()
    assert torch.equal(companion.decouple(model, x)(x), model(x))


def test_batch_norm_as_a_function_that_trains_with_the_model():
    model = Of(
        lambda m, h: F.relu(F.batch_norm(h, m.mean, m.var, training=m.training)),
        mean=torch.zeros(4),
        var=torch.ones(4),
    )
    x = torch.randn(6, 4)
    assert torch.equal(companion.decouple(model, x)(x), model(x))
    with pytest.raises(NotDecouplableError, match=r"batch_norm \(batch_norm\): it takes its statistics from the batch"):
        companion.decouple(Of(lambda m, h: F.batch_norm(h, None, None, training=True)).eval(), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("gate", [nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.3), nn.Hardtanh(), nn.PReLU()], ids=str)
def test_precisions(dtype, gate):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 50), gate, nn.Linear(50, 50), copy.deepcopy(gate), nn.Linear(50, 3)).to(dtype)
    assert companion.decouple(model, (3 * torch.randn(8, 4)).to(dtype))


OUTPUTS = {
    "infinite": lambda m, h: F.relu(h).masked_fill(torch.tensor([False, True, False, False]), -torch.inf),
    "an int": lambda m, h: (F.relu(h), 3),
    "a size": lambda m, h: (F.relu(h), h.shape[0]),
    "a text": lambda m, h: {"y": F.relu(h), "name": "abc", "none": None},
    "whole numbers": lambda m, h: (F.relu(h), torch.arange(4)),
    "nested": lambda m, h: {"a": F.relu(h), "b": [h, (h,)]},
    "ordered": lambda m, h: OrderedDict(a=F.relu(h)),
    "a list": lambda m, h: [F.relu(h), h],
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(name):
    model, x = Of(OUTPUTS[name]).eval(), torch.randn(2, 4)
    network = companion.decouple(model, x)
    found, expected = network(x), model(x)
    torch.testing.assert_close(check._tensors(found), check._tensors(expected))
    if isinstance(found, dict):
        assert type(found) is dict
        found["loss"] = 1
    if isinstance(found, list):
        assert type(found) is list
        found.append(1)


def test_an_infinite_output_that_is_not_the_models_is_noticed():
    with pytest.raises(RuntimeError, match="differs"):
        check._require_close(torch.tensor([1.0, torch.inf]), torch.tensor([1.0, 2.0]), "it differs")
    with pytest.raises(RuntimeError, match="differs"):
        check._require_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, torch.nan]), "it differs")
    check._require_close(torch.tensor([torch.nan, torch.inf]), torch.tensor([torch.nan, torch.inf]), "it differs")


ALIASES = {
    "pos": lambda m, h: (lambda y: (F.relu_(h), y)[1])(+h),
    "positive": lambda m, h: (lambda y: (F.relu_(y), h)[1])(torch.positive(h)),
    "einsum": lambda m, h: (lambda y: (F.relu_(y), h)[1])(torch.einsum("ij->ji", h)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_what_lies_in_the_same_memory(name):
    model, x = Of(ALIASES[name]).eval(), torch.randn(3, 4)
    assert torch.equal(companion.decouple(model, x)(x), model(x))


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        (torch.empty(0, 4), ValueError, r"N of at least 1, and has the shape \(0, 4\)"),
        (torch.tensor(1.0), ValueError, r"N of at least 1, and has the shape \(\)"),
        (torch.ones(2, 4).to_sparse(), TypeError, "dense tensor of real numbers"),
        (torch.ones(2, 4, dtype=torch.complex64), TypeError, "dense tensor of real numbers"),
        (torch.ones(2, 5), ValueError, "the model does not take the example, torch.float32 .2, 5.: .*shapes"),
        (torch.ones(2, 4, dtype=torch.long), ValueError, "the model does not take the example, torch.int64"),
    ],
)
def test_examples_that_are_none(x, error, said):
    with pytest.raises(error, match=said) as caught:
        companion.decouple(mlp(), x)
    assert "\n" not in str(caught.value)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"the model must be a torch\.nn\.Module, not function"):
        companion.decouple(lambda x: x, torch.ones(2, 4))


def test_whole_numbers_as_examples():
    model = nn.Sequential(Bytes(), *mlp()).eval()
    x = torch.randint(0, 255, (2, 4), dtype=torch.uint8)
    assert torch.equal(companion.decouple(model, x)(x), model(x))


class Bytes(nn.Module):
    def forward(self, x):
        return x.float() / 255


@pytest.mark.parametrize("inside", [False, True])
def test_tensors_of_inference_mode(inside):
    with torch.inference_mode():
        x = torch.randn(2, 4)
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU()).eval()
    with torch.inference_mode(inside):
        network = companion.decouple(model, x)
    x = x.clone()
    with torch.no_grad():
        assert torch.equal(network(x), model(x))
    network.value(torch.ones(2, 4), [G.clone() for G in network.gates(x)]).sum().backward()
    assert network.value_network[0].weight.grad.any()


@pytest.mark.parametrize("training", [False, True])
def test_a_model_that_waits_for_its_backward_pass_is_not_touched(training):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.norm, self.calls = nn.Linear(4, 4), nn.BatchNorm1d(4), 0
            self.register_buffer("one", torch.ones(1).expand(4))

        def forward(self, x):
            self.calls += 1
            return F.relu(self.norm(self.linear(x))) * self.one

    torch.manual_seed(0)
    model, x = Counting().train(training), torch.randn(5, 4)
    output = model(x).sum()
    versions = [tensor._version for tensor in (*model.parameters(), *model.buffers())]
    values = [tensor.clone() for tensor in model.state_dict().values()]
    companion.decouple(model, x)
    assert model.calls == 1
    assert versions == [tensor._version for tensor in (*model.parameters(), *model.buffers())]
    assert all(torch.equal(a, b) for a, b in zip(values, model.state_dict().values(), strict=True))
    output.backward()
