"""The neural path kernel of a small decoupled network, exactly: what random signs give, without drawing any.

With independent signs for weights every value of the graph is random, and ``H(x, x') = E[f(x) f(x')]`` for the output
``f`` (:mod:`companion.decoupling.paths`).  Such second moments, called covariances here, go through the graph node by
node, as in the recursion for Paper B's Lemma 4.3 (:mod:`companion.kernels.npk`), but between all units of all values
that are still needed: a gate multiplies them, a linear operation maps both sides, and a weight layer, whose signs are
new, forgets everything but the sum over its weights of what each of them alone would give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from companion.decoupling.network import DecoupledNetwork, run_node
from companion.decoupling.operations import SHAPE, name_of
from companion.decoupling.paths import ONE_TENSOR, bare_copy, weight_layers
from companion.decoupling.sites import Site
from companion.notation import Float, Tensor

__all__ = ["npk_exact"]

ROWS = 256
"""Vectors that go through an operation together."""


def npk_exact(
    network: DecoupledNetwork,
    x1: Float[Tensor, "N ..."],
    x2: Float[Tensor, "M ..."] | None = None,
    *,
    normalise: bool = True,
    limit: int = 2**27,
) -> Float[Tensor, "N M"]:
    """The neural path kernel that :func:`~companion.decoupling.paths.npk_sketch` estimates, in float64.

    Time and memory grow with the square of the units of a layer, so this is for small networks and few examples.

    Args:
        network: in evaluation mode.
        x1: examples; what enters the value network too.
        x2: others; ``None`` means ``x1``.
        normalise: divide every weight layer by its fan-in.
        limit: numbers that may be held at once.

    Raises:
        ValueError: as :func:`~companion.decoupling.paths.npk_sketch`; also a network that reads memory again after it
            has written there, that mixes examples, or that would need more than ``limit`` numbers.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import companion
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).eval()
        >>> model[0].weight.data, model[0].bias.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2)
        >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
        >>> npk_exact(companion.decouple(model, x), x, normalise=False)  # <x, x'> times the units open for both
        tensor([[10.,  1.],
                [ 1., 10.]], dtype=torch.float64)
    """
    if network.training:
        raise ValueError("the path kernel is that of fixed gates: call eval() on the network first")
    layers = weight_layers(network)
    plan = network.plan("value_network")
    if plan.reads_again:
        raise ValueError("this network reads memory again after it has written there: use npk_sketch")
    stacks = [network.gates(x) for x in (x1, x1 if x2 is None else x2)]
    entries = {node: (stacks[0][i], stacks[1][i]) for i, node in enumerate(plan.sites)}
    root = bare_copy(network.value_network).double()
    state = _Covariances(root, normalise, limit)
    values: dict[fx.Node, Any] = {}
    with torch.no_grad():
        for node in plan.graph.nodes:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            site = plan.sites.get(node.name)
            if node.op == "output":
                return state.of_output(args[0])
            if node.op == "placeholder":
                values[node] = state.enter(x1, x1 if x2 is None else x2)
            elif node.op == "get_attr":
                values[node] = _constant(root, str(node.target))
            elif site is not None:
                operand = args[0] if args else kwargs["input" if "input" in kwargs else "self"]
                values[node] = state.gate(site, operand, *entries[node.name])
            elif node.op == "call_module" and node.target in layers:
                values[node] = state.weigh(str(node.target), args[0] if args else kwargs["input"])
            else:
                values[node] = state.map(node, args, kwargs)
            for dead in plan.last[node.name]:
                del values[dead]
            state.forget(pytree.tree_leaves(list(values.values())))
    raise AssertionError("a traced graph ends with its output")


def _constant(root: nn.Module, name: str) -> Any:
    owner, _, last = name.rpartition(".")
    return getattr(root.get_submodule(owner), last)


class _Random:
    """A value of the graph, known by its shape ``[*units]`` and its covariances alone."""

    def __init__(self, shape: torch.Size) -> None:
        self.shape = shape

    def zeros(self) -> Tensor:
        return torch.zeros(ROWS, *self.shape, dtype=torch.float64)


Side = Callable[[Tensor], Tensor]
"""What an operation makes of covariances ``[N, M, units, ...]`` when it is applied to one side of them."""


def _left(operation: Callable[[Tensor], Tensor], u: _Random) -> Side:
    """Apply a linear operation on ``[rows, *units]`` to the first axis of units."""

    def apply(G: Tensor) -> Tensor:
        vectors = G.mT.reshape(-1, *u.shape)
        made = []
        for part in vectors.split(ROWS):
            filled = torch.cat([part, part.new_zeros(ROWS - len(part), *u.shape)])
            made.append(operation(filled)[: len(part)].flatten(1))
        return torch.cat(made).view(*G.shape[:2], G.shape[3], -1).mT

    return apply


def _right(operation: Callable[[Tensor], Tensor], u: _Random) -> Side:
    left = _left(operation, u)
    return lambda G: left(G.mT).mT


class _Covariances:
    """``cov[u, v]``, ``[N, M, units of u, units of v]``; pairs that are not there are uncorrelated."""

    def __init__(self, root: nn.Module, normalise: bool, limit: int) -> None:
        self.root, self.normalise, self.limit = root, normalise, limit
        self.modules = dict(root.named_modules(remove_duplicate=False))
        self.cov: dict[tuple[_Random, _Random], Tensor] = {}
        self.pairs = 0

    def enter(self, x1: Tensor, x2: Tensor) -> _Random:
        self.pairs = len(x1) * len(x2)
        x = self._new(x1.shape[1:])
        self.cov[x, x] = torch.einsum("ni,mj->nmij", x1.flatten(1).double(), x2.flatten(1).double())
        return x

    def forget(self, needed: Sequence[Any]) -> None:
        """Keep the covariances of what is still needed."""
        alive = {value for value in needed if isinstance(value, _Random)}
        self.cov = {(u, v): G for (u, v), G in self.cov.items() if u in alive and v in alive}

    def gate(self, site: Site, u: _Random, left: Tensor, right: Tensor) -> _Random:
        """A gate, or a maximum pool's choices: what it does depends on the example."""
        y = self._new(left.shape[1:])

        def by(entry: Tensor, G: Tensor) -> Tensor:
            if site.kind == "pool":
                chosen = _flat_choices(site, entry, u.shape)[:, None, :, None]
                return G.gather(2, chosen.expand(-1, G.shape[1], -1, G.shape[3]))
            return G * entry.flatten(1).double()[:, None, :, None]

        def turned(G: Tensor) -> Tensor:
            return G.permute(1, 0, 3, 2)

        self._follow(y, [u], [lambda G: by(left, G)], [lambda G: turned(by(right, turned(G)))])
        return y

    def map(self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A linear operation without weights; or one of constants, or of shapes."""
        leaves, form = pytree.tree_flatten((args, kwargs))
        inputs = list(dict.fromkeys(leaf for leaf in leaves if isinstance(leaf, _Random)))
        zeros = {u: u.zeros() for u in inputs}

        def run(values: dict[_Random, Tensor]) -> Any:
            filled = [values[leaf].clone() if isinstance(leaf, _Random) else leaf for leaf in leaves]
            return run_node(node, self.modules, *pytree.tree_unflatten(filled, form))

        result, out = pytree.tree_flatten(run(zeros))
        of_shape = node.op != "call_module" and name_of(node)[0] in SHAPE
        if not inputs or of_shape:
            return pytree.tree_unflatten(result, out)
        if any(part.shape[:1] != (ROWS,) for part in result):
            raise ValueError(f"{node.name} mixes examples, or loses their axis, so that none has paths of its own")
        made = [self._new(part.shape[1:]) for part in result]
        for i, (y, base) in enumerate(zip(made, result, strict=True)):

            def alone(rows: Tensor, u: _Random, i: int = i, base: Tensor = base) -> Tensor:
                return pytree.tree_leaves(run(zeros | {u: rows}))[i] - base

            operations = [partial(alone, u=u) for u in inputs]
            left = [_left(operation, u) for operation, u in zip(operations, inputs, strict=True)]
            right = [_right(operation, u) for operation, u in zip(operations, inputs, strict=True)]
            self._follow(y, inputs, left, right)
        return pytree.tree_unflatten(made, out)

    def weigh(self, name: str, u: _Random) -> _Random:
        """A weight layer: its signs are fresh, so its output is uncorrelated with all else."""
        layer: Any = self.root.get_submodule(name)
        weight = layer.weight
        outputs = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        y = self._new(layer(u.zeros()).shape[1:])
        if (u, u) not in self.cov:
            return y
        G = self.cov[u, u]
        if isinstance(layer, nn.Linear) and len(u.shape) == 1:
            total = torch.einsum("nmii->nm", G)[..., None, None] * torch.eye(outputs, dtype=G.dtype)
        else:
            total = G.new_zeros(*G.shape[:2], y.shape.numel(), y.shape.numel())
            for k in range(weight.numel()):
                weight.zero_().view(-1)[k] = 1
                total += _right(layer, u)(_left(layer, u)(G))
        self.cov[y, y] = total * (outputs / weight.numel()) if self.normalise else total
        return y

    def of_output(self, y: Any) -> Float[Tensor, "N M"]:
        """The covariance of the output, averaged over its units."""
        if not isinstance(y, _Random):
            raise ValueError(ONE_TENSOR)
        return torch.einsum("nmii->nm", self.cov[y, y]) / y.shape.numel()

    def _follow(self, y: _Random, inputs: list[_Random], left: list[Side], right: list[Side]) -> None:
        """Covariances of ``y``, a sum of what operations make of the inputs, with all that is known and with itself."""
        known = list(dict.fromkeys(u for pair in self.cov for u in pair))
        for v in known:
            parts = [side(self.cov[u, v]) for side, u in zip(left, inputs, strict=True) if (u, v) in self.cov]
            if parts:
                self.cov[y, v] = torch.stack(parts).sum(0)
        for v in [*known, y]:
            parts = [side(self.cov[v, u]) for side, u in zip(right, inputs, strict=True) if (v, u) in self.cov]
            if parts:
                self.cov[v, y] = torch.stack(parts).sum(0)

    def _new(self, shape: torch.Size) -> _Random:
        """A value, if there is room for its covariances."""
        y = _Random(shape)
        known = list(dict.fromkeys(u for pair in self.cov for u in pair))
        numbers = self.pairs * (sum(u.shape.numel() for u in known) + shape.numel()) ** 2
        if numbers > self.limit:
            raise ValueError(
                f"the exact path kernel of these examples needs {numbers:.1e} numbers at once, more than the limit of "
                f"{self.limit:.1e}: take fewer examples, or npk_sketch"
            )
        return y


def _flat_choices(site: Site, chosen: Tensor, shape: torch.Size) -> Tensor:
    """Where a maximum pool's outputs come from among all units of ``shape``, ``[N, units]``."""
    axes = int(site.operation[-2])
    positions = shape[-axes:].numel()
    channels = torch.arange(shape[:-axes].numel(), device=chosen.device)
    return (chosen.flatten(-axes).flatten(1, -2) + channels[:, None] * positions).flatten(1)
