"""What cannot be decoupled is refused with the name of the place, the reason, and what would do."""

from __future__ import annotations

import types

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

import companion
from companion.decoupling import NotDecouplableError


class Of(nn.Module):
    """A linear layer and then any function of what it gives."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.linear, self.layers = function, nn.Linear(4, 4), nn.ModuleList(layers)

    def forward(self, x):
        return self.function(self.linear(x), *self.layers)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 3 * gradient


def squeeze_and_excite(z):
    return z * torch.relu(z).mean(-1, keepdim=True)


def checked(z):
    assert z.shape[1] == 4
    return z


def assigned(z):
    z[:, 0] = 0
    return z


LINE = "line "


@torch.fx.wrap
def own_function(z):
    return z.relu()


@pytest.mark.parametrize(
    ("model", "node", "reason", "remedy"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.GELU()), "1 (GELU)", "smooth", "use nn.ReLU"),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Tanh())), "0.1 (Tanh in 0)", "smooth", "use nn.ReLU"),
        (Of(F.silu), "silu (silu)", "smooth", "use nn.ReLU"),
        (Of(lambda z: z.softmax(-1)), "softmax (softmax)", "not linear at the output", "leave it out of the model"),
        (Of(lambda z, n: n(z), nn.LayerNorm(4)), "layers.0 (LayerNorm", "statistic of the example", "batch norm"),
        (nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)).eval(), "0 (BatchNorm1d)", "the batch", "keep"),
        (Of(lambda z: F.batch_norm(z, None, None, training=True)).eval(), "(batch_norm)", "the batch", ""),
        (Of(lambda z, a: a(z, z, z)[0], nn.MultiheadAttention(4, 1)), "(MultiheadAttention", "softmax", "convolutions"),
        (Of(squeeze_and_excite), "mul (mul)", "linear and mean", "convolutions or sums"),
        (Of(lambda z: z @ z.T), "matmul (matmul)", "linear and getattr_1", "convolutions or sums"),
        (Of(lambda z: z * z), "mul (mul)", "by what depends on the input", "convolutions or sums"),
        (Of(lambda z: z / z.sum()), "truediv (truediv)", "divides", "convolutions or sums"),
        (Of(lambda z: torch.where(z > 0, z, 0)), "gt (gt)", "compares", "torch.relu"),
        (Of(lambda z: torch.maximum(z, -z)), "maximum (maximum)", "no single pre-activation", "max pool"),
        (Of(lambda z: z.max(-1).values), "max_1 (max)", "whole axes", "AdaptiveMaxPool2d"),
        (Of(lambda z: z.abs()), "abs_1 (abs)", "not among the operations", "torch's layers"),
        (Of(lambda z: own_function(z)), "own_function (own_function)", "not among the operations", "torch's layers"),
        (Of(lambda z: z.clamp(min=0.5)), "clamp (clamp)", "does not map 0 to 0", "write it without"),
        (Of(lambda z: z.clamp(min=torch.zeros(4))), "clamp (clamp)", "bounds are tensors", "write it without"),
        (Of(lambda z: torch.clamp(z, 0, out=None)), "clamp (clamp)", "in a way that is not known", "write it without"),
        (Of(lambda z: z if z.sum() > 0 else -z), "gt (control flow", "branch", "decide it by what is known"),
        (Of(lambda z: sum(row for row in z)), "linear (control flow", "a loop", "decide it by what is known"),
        (Of(lambda z: z * float(z.sum())), "forward (Of)", "torch.fx cannot trace it", "decouple the modules within"),
        (Of(lambda z: Doubled.apply(z)), "linear (Doubled)", "backward pass", "torch's own operations"),
        (nn.Sequential(nn.LazyLinear(3)), "0 (LazyLinear", "no weights yet", "run the model once"),
        (nn.DataParallel(nn.Linear(4, 4)), "the model (DataParallel)", "wraps", ".module"),
        (nn.Bilinear(4, 4, 2), "forward (Bilinear)", "takes 2 inputs", "one tensor"),
        (nn.Sequential(nn.MaxPool1d(2, return_indices=True)), "0 (MaxPool1d)", "positions besides", "write it without"),
        (nn.Sequential(nn.Linear(4, 4), nn.RReLU()), "1 (RReLU)", "drawn anew", "nn.LeakyReLU"),
        (Of(lambda z: z if z.dim() == 2 else -z), "eq (control flow that depends on shape", f"shape ({LINE}", "leave"),
        (Of(lambda z: checked(z)), "eq (control flow that depends on shape", f"its shape ({LINE}", "an attribute"),
        (Of(lambda z: z.view(*z.shape)), "getattr_1 (control flow that depends", f"shape ({LINE}", "x.shape[0]"),
        (Of(lambda z: z if z.sum() > 0 else -z), "gt (control flow that", f"value ({LINE}", "decide it"),
        (Of(lambda z: z.view(len(z), -1)), "forward (Of)", f"len() of a tensor ({LINE}", "use x.shape[0]"),
        (Of(lambda z: [z[:, i] for i in range(z.shape[1])]), "forward (Of)", f"number of Python ({LINE}", "attribute"),
        (Of(lambda z: assigned(z)), "forward (Of)", f"an assignment to entries of a tensor ({LINE}", "torch.where"),
        (Of(lambda z: z + torch.zeros(z.shape[0], 4)), "forward (Of)", f"those of the input ({LINE}", "x.new_zeros"),
        (Of(lambda z: torch.where(z.sum() > 0, z, -z)), "gt (gt)", "compares", "torch.relu"),
        (Of(lambda z: torch.div(z, 0.5, rounding_mode="floor")), "div (div)", "it rounds", "rounding_mode"),
        (Of(lambda z: z.div_(0.5, rounding_mode="trunc")), "div_ (div)", "it rounds", "rounding_mode"),
        (Of(lambda z: z.to(torch.int32).float()), "to (to)", "casts to torch.int32, which rounds", "floating-point"),
        (Of(lambda z: z.to(dtype=torch.bool)), "to (to)", "casts to torch.bool, which rounds", "floating-point"),
        (Of(lambda z: z.sum(-1, dtype=torch.long)), "sum_1 (sum)", "casts to torch.int64", "floating"),
        (Of(lambda z: z.type_as(torch.arange(4))), "type_as (type_as)", "casts to torch.int64, which", "floating"),
        (Of(lambda z: z.to(torch.arange(4))), "to (to)", "casts to torch.int64, which", "floating"),
        (Of(lambda z: z.view(torch.float16)), "view (view)", "bits", ".to(dtype)"),
    ],
)  # fmt: skip
def test_refusals(model, node, reason, remedy):
    with pytest.raises(NotDecouplableError) as caught:
        companion.decouple(model, torch.randn(2, 4))
    line = str(caught.value).splitlines()[1]
    assert node in line
    why, _, instead = line.partition("; ")
    assert reason in why
    assert remedy in instead


def test_all_places_are_named_at_once():
    model = nn.Sequential(
        nn.Linear(4, 4), nn.GELU(), nn.ReLU(), nn.Sequential(nn.Sigmoid(), nn.Linear(4, 4), nn.GELU())
    )
    with pytest.raises(NotDecouplableError, match="3 places stand in the way") as caught:
        companion.decouple(model, torch.randn(2, 4))
    assert [refusal.node for refusal in caught.value.refusals] == ["1", "3.0", "3.2"]
    assert isinstance(caught.value, ValueError)


def test_hooks_are_refused_and_not_passed_by():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    handle = model[0].register_forward_hook(lambda module, args, output: output.square())
    with pytest.raises(NotDecouplableError, match=r"0 \(Linear in 0\): it has forward hooks.*; remove them first"):
        companion.decouple(model, torch.randn(2, 4))
    handle.remove()
    assert companion.decouple(model, torch.randn(2, 4))


@pytest.mark.filterwarnings("ignore")
def test_scripted_modules_are_refused():
    scripted = torch.jit.script(nn.Linear(4, 4))
    with pytest.raises(NotDecouplableError, match=r"it is scripted; give the module that it was made from"):
        companion.decouple(nn.Sequential(scripted), torch.randn(2, 4))


def test_an_autograd_function_of_constants_is_none_of_our_business():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return torch.relu(self.linear(x)) + Doubled.apply(torch.ones(4))

    x = torch.randn(2, 4)
    model = Constant()
    assert torch.equal(companion.decouple(model, x)(x), model(x))


def test_parametrised_weights_are_constants():
    x = torch.randn(2, 4)
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU()).eval()
    assert torch.allclose(companion.decouple(model, x)(x), model(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda z, mask: torch.where(mask, z, torch.zeros(4)),
        lambda z, mask: torch.where(condition=mask, input=torch.ones(4), other=z),
        lambda z, mask: z.where(mask, torch.tensor(0.0)),
        lambda z, mask: z.where(condition=mask, other=-z),
    ],
)
def test_a_constant_mask_may_choose(function):
    model, x = Of(lambda z: function(torch.relu(z), torch.tensor([True, False, True, True]))), torch.randn(2, 4)
    network = companion.decouple(model, x)
    assert torch.equal(network(x), model(x))


def test_defaults_of_any_kind():
    class Defaults(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x, size=(4, 1), options=[0.5, 2.0], by={"a": 3.0}, *, mode="on", shift=torch.ones(4), **more):  # noqa: B006, B008
            assert not more
            h = torch.relu(self.linear(x)) if mode == "on" else x
            return (h.view(-1, *size) * options[1] * by["a"]).flatten(1) + shift

    model, x = Defaults(), torch.randn(2, 4)
    assert torch.equal(companion.decouple(model, x)(x), model(x))


def test_a_forward_of_one_object_is_refused():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    for place in (model, model[0]):
        place.forward = types.MethodType(lambda self, x: 3 * x, place)
        with pytest.raises(NotDecouplableError, match="its forward was put on this one object; make it a class"):
            companion.decouple(model, torch.randn(2, 4), check=False)
        del place.forward


def test_the_example_must_be_a_tensor():
    with pytest.raises(TypeError, match="the example must be one tensor"):
        companion.decouple(nn.Linear(4, 4), [torch.randn(2, 4)])
