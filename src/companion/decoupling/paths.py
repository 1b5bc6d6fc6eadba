"""The neural path kernel of a decoupled network, from value networks whose weights are random signs.

A gate-linear network without biases is a sum over neural paths, ``f(x) = sum_p phi_x(p) v(p)``, and each ``v(p)`` is a
product of different weights.  For independent random signs ``E[v(p) v(p')]`` is 1 if ``p`` and ``p'`` take the same
weights, and else 0, so that ``E[f(x) f(x')] = H(x, x')``, with paths that share their weights bundled as in Paper B,
Definition 3.6.  That holds for every graph of linear layers, whatever its gates, and needs only forward passes.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from companion.decoupling.network import DecoupledNetwork, under
from companion.decoupling.operations import name_of
from companion.decoupling.plan import Plan
from companion.notation import Float, Tensor

__all__ = ["PathKernelSketch", "npk_sketch"]

ONE_TENSOR = "the path kernel is that of a network that gives one tensor"
NORMS = (nn.modules.batchnorm._BatchNorm,)


@dataclass(frozen=True)
class PathKernelSketch:
    """An unbiased estimate of a neural path kernel.

    Args:
        H: the estimate ``[N, M]``.
        error: its standard error ``[N, M]``, entry by entry, from the spread over the draws.  Entries of one draw are
            not independent of each other.
        draws: how many draws were averaged.

    Example:
        A network with a single path has no other signs than plus and minus:

        >>> import companion
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1)).eval()
        >>> model[0].weight.data, x = torch.ones(1, 1), torch.tensor([[5.0]])
        >>> sketch = npk_sketch(companion.decouple(model, x), x, draws=8)
        >>> sketch.H, sketch.error, sketch.draws
        (tensor([[25.]]), tensor([[0.]]), 8)
    """

    H: Float[Tensor, "N M"]
    error: Float[Tensor, "N M"]
    draws: int


def npk_sketch(
    network: DecoupledNetwork,
    x1: Float[Tensor, "N ..."],
    x2: Float[Tensor, "M ..."] | None = None,
    *,
    draws: int = 64,
    seed: int = 0,
    normalise: bool = True,
    batch: int = 64,
) -> PathKernelSketch:
    """The path kernel of a decoupled network (Paper B, Definition 3.6), estimated; errors fall as ``1/sqrt(draws)``.

    The network's own weights do not matter.  Batch norm counts as the identity, biases and other constants as absent,
    numbers by which the network multiplies (average pools included) as constants of the path.  With several outputs the
    kernel is that of one of them, and their average estimates it.

    Memory: gates of ``batch`` examples, and ``draws (N + M) outputs`` numbers.

    Args:
        network: in evaluation mode.
        x1: examples; what enters the value network too.
        x2: others; ``None`` means ``x1``.
        draws: value networks drawn, at least 2.
        seed: of their signs.
        normalise: divide every weight layer by its fan-in, that is take weights ``+-1 / sqrt(fan_in)``; without it a
            deep network's kernel leaves the range of float32.
        batch: examples that go through the networks together; changes no result.

    Raises:
        ValueError: a network in training mode, or that gives more than one tensor; weights that are used twice, or
            outside of linear and convolutional modules, or made of others (a parametrisation), whose paths have no
            product of different weights; batch norm that is no module; fewer than 2 draws; no example.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import companion
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
        >>> network = companion.decouple(model, torch.eye(2))
        >>> npk_sketch(network, torch.eye(2), draws=8).H.shape
        torch.Size([2, 2])
    """
    if network.training:
        raise ValueError("the path kernel is that of fixed gates: call eval() on the network first")
    if draws < 2 or len(x1) == 0 or (x2 is not None and len(x2) == 0):
        raise ValueError("a sketch needs at least 2 draws, for its error, and at least one example on each side")
    layers, bare = weight_layers(network), bare_copy(network.value_network)
    f1 = _outputs(network, bare, layers, x1, draws, seed, normalise, batch)
    f2 = f1 if x2 is None else _outputs(network, bare, layers, x2, draws, seed, normalise, batch)
    total = square = torch.zeros((), dtype=torch.float64)
    for a, b in zip(f1, f2, strict=True):
        H = (a @ b.T).double() / a.shape[1]
        total, square = total + H, square + H.square()
    mean = total / draws
    variance = (square / draws - mean.square()).clamp(min=0) * draws / (draws - 1)
    return PathKernelSketch(mean.to(x1.dtype), (variance / draws).sqrt().to(x1.dtype), draws)


def _outputs(
    network: DecoupledNetwork,
    bare: nn.Module,
    layers: list[str],
    x: Tensor,
    draws: int,
    seed: int,
    normalise: bool,
    batch: int,
) -> Float[Tensor, "R N C"]:
    """What each of the value networks drawn makes of every example under its gates."""
    parts, plan = [], network.plan("value_network")
    with torch.no_grad():
        for part in x.split(batch):
            stack = network.gates(part)
            value = partial(_one_tensor, plan, bare, stack)
            of_part = []
            for _ in _signs(bare, layers, draws, seed, normalise):
                of_part.append((value(part) - value(torch.zeros_like(part))).flatten(1))
            parts.append(torch.stack(of_part))
    return torch.cat(parts, dim=1)


def _one_tensor(plan: Plan, bare: nn.Module, stack: list[Tensor], x: Tensor) -> Tensor:
    output = under(plan, bare, x, iter(stack), len(stack))
    if not isinstance(output, torch.Tensor):
        raise ValueError(ONE_TENSOR)
    return output


def _signs(network: nn.Module, layers: list[str], draws: int, seed: int, normalise: bool) -> Iterator[None]:
    """Write fresh signs into the weights, once for each draw; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(draws):
        for name in layers:
            layer: Any = network.get_submodule(name)
            weight = layer.weight
            sign = torch.randint(0, 2, weight.shape, generator=generator).to(weight) * 2 - 1
            outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
            weight.copy_(sign * (outputs / weight.numel()) ** 0.5 if normalise else sign)
        yield


def bare_copy(value_network: nn.Module) -> nn.Module:
    """A copy whose batch norms pass everything on and whose biases are zero."""
    bare = copy.deepcopy(value_network)
    for name, module in list(bare.named_modules(remove_duplicate=False)):
        if isinstance(module, NORMS):
            owner, _, last = name.rpartition(".")
            setattr(bare.get_submodule(owner), last, nn.Identity())
        elif isinstance(bias := getattr(module, "bias", None), torch.Tensor):
            bias.data.zero_()
    return bare.eval()


def weight_layers(network: DecoupledNetwork) -> list[str]:
    """Names of the modules whose weights are on the paths, each of which is called once."""
    graph = network.plan("value_network").graph
    for node in graph.nodes:
        owner, inside, weight = str(node.target).partition(".parametrizations.")
        if node.op == "call_module" and inside:
            raise ValueError(
                f"{owner} makes its {weight} of other numbers by a parametrisation, so that no signs can stand in its "
                f'place: call torch.nn.utils.parametrize.remove_parametrizations(module, "{weight}") on the model first'
            )
    own = [str(node.target) for node in graph.nodes if node.op == "get_attr"]
    parameters = dict(network.value_network.named_parameters())
    if outside := [name for name in own if name in parameters]:
        raise ValueError(f"the weight {outside[0]} is used outside of linear and convolutional modules")
    if any(node.op == "call_function" and name_of(node)[0] == "batch_norm" for node in graph.nodes):
        raise ValueError("batch norm counts as the identity in the path kernel only as a module: use nn.BatchNorm2d")
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    layers = []
    for name, times in calls.items():
        module = network.value_network.get_submodule(name)
        if isinstance(module, NORMS) or not isinstance(getattr(module, "weight", None), torch.Tensor):
            continue
        if isinstance(module, nn.PReLU):
            continue  # its slopes are gates
        if times > 1:
            raise ValueError(f"the weights of {name} are used {times} times, so that a path may take one of them twice")
        layers.append(name)
    held = [network.value_network.get_submodule(name).weight for name in layers]
    if len({id(weight) for weight in held}) < len(held):
        raise ValueError("two modules share their weights, so that a path may take one of them twice")
    return layers
