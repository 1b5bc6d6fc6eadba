"""A module as a deep gated network: one copy makes gates, the other is linear and is multiplied by them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import fx, nn

from companion.decoupling.check import check as compare
from companion.decoupling.check import copied, refuse_draws_in_training, require_arguments
from companion.decoupling.operations import SITE_MODULES
from companion.decoupling.plan import Plan, plan_of
from companion.decoupling.sites import DROPOUTS, GATES, POOLS, Site
from companion.decoupling.trace import refuse_modules
from companion.notation import Tensor

__all__ = ["DecoupledNetwork", "decouple"]


class DecoupledNetwork(nn.Module):
    """Two copies of a network: the feature network makes gates, the value network is linear under them.

    Both have the modules of the original, with its names.  The feature network computes what the original computes; the
    value network takes its gates, choices of pools and, in training mode, masks of dropout from a *stack* instead of
    its own activations.  They share no weights and no statistics of batch norm: train either, or load other weights.

    Args:
        feature_network: makes the gates.
        value_network: takes them; of the same shapes.

    Raises:
        NotDecouplableError: with every place that is in the way.

    Example:
        One unit's gate is open, of another network than the one whose values it multiplies:

        >>> halves = [nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU()) for _ in range(2)]
        >>> for half, weight in zip(halves, ([[1.0], [-1.0]], [[2.0], [3.0]]), strict=True):
        ...     half[0].weight.data = torch.tensor(weight)
        >>> DecoupledNetwork(*halves)(torch.tensor([[5.0]])).tolist()
        [[10.0, 0.0]]
    """

    feature_network: nn.Module
    value_network: nn.Module

    def __init__(self, feature_network: nn.Module, value_network: nn.Module) -> None:
        super().__init__()
        self.feature_network = feature_network
        self.value_network = value_network
        self.training = feature_network.training
        self._plans: dict[tuple[str, tuple[bool, ...]], Plan] = {}
        self.plan("feature_network")

    @property
    def sites(self) -> tuple[Site, ...]:
        """What the entries of a stack belong to, in their order, in the feature network's present mode."""
        return tuple(self.plan("feature_network").sites.values())

    @property
    def gate_names(self) -> tuple[str, ...]:
        """Names of the sites that are gates, in their order."""
        return tuple(site.name for site in self.sites if site.kind == "gate")

    def gates(self, x: Tensor) -> list[Tensor]:
        """The stack at the examples ``x [N, ...]``: one entry for each of :attr:`sites`, in their order, no gradient.

        A gate is shaped like its pre-activations ``[N, ...]``: bool for ReLU, else ``z / q`` in their type.  A max pool
        has the flat positions of its maxima, int64, shaped as what it gives.  In training mode dropout has its mask,
        in evaluation it has no entry.  Batch norm in training mode updates the feature network's running statistics.
        """
        return list(self._features(x))

    def value(self, x: Tensor, stack: Sequence[Tensor]) -> Any:
        """What the value network makes of ``x [N, ...]`` under a stack, in the form of the original's output.

        Args:
            x: what enters the value network: the examples themselves, or ones, or noise.
            stack: as :attr:`sites` says, gates bool or of any numbers.  Without masks of dropout the value network
                drops out by itself, in its own mode.

        Raises:
            ValueError: wrong number of entries, or one of another shape than what it multiplies.
        """
        return self._value(x, iter(stack), len(stack))

    def forward(self, x: Tensor) -> Any:
        """The value network under the feature network's gates, both at ``x [N, ...]``.

        Each gate is made when the value network comes to it, so that the stack is never there as a whole.
        """
        entries = self._features(x)
        output = self._value(x, entries, len(self.plan("feature_network").sites))
        list(entries)  # what follows the last gate has its statistics too
        return output

    def _value(self, x: Tensor, entries: Iterator[Tensor], count: int) -> Any:
        return under(self.plan("value_network"), self.value_network, x, entries, count)

    def _features(self, x: Tensor) -> Iterator[Tensor]:
        """The entries of the stack, one after the other; what follows the last of them is run only if it trains."""
        plan = self.plan("feature_network")
        left = len(plan.sites)
        run = steps(plan, self.feature_network, x)
        passed: list[Any] = [None]  # no name holds what the graph is done with
        while left or any(module.training for module in self.feature_network.modules()):
            with torch.no_grad():
                try:
                    asked = run.send(passed.pop())
                except StopIteration:
                    return
                entry, z = _entry(*asked)
            left -= 1
            passed.append(z)
            del asked, z
            yield entry
            del entry

    def plan(self, role: str) -> Plan:
        """How ``feature_network`` or ``value_network`` is run in its present mode; traced when first needed."""
        network: nn.Module = getattr(self, role)
        key = role, tuple(module.training for module in network.modules())
        if key not in self._plans:
            self._plans[key] = plan_of(network)
        return self._plans[key]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_plans": {}}  # plans are made anew where they are needed


def decouple(model: nn.Module, example_input: Any, *, check: bool = True) -> DecoupledNetwork:
    """A ReLU network as a deep gated network: one copy makes gates, a linear one takes them (Paper A, Section 3).

    With the weights and the gates that it begins with, its output is the model's to rounding.  The model is not
    touched.  Its nonlinearities may be ReLU, LeakyReLU, PReLU, ReLU6, Hardtanh and ``clamp``, as modules, functions or
    methods, in place or not; max pools and dropout.  All else must be linear or affine: convolutions, linear layers,
    batch norm, average pools, sums, concatenations, reshaping, padding, resizing.

    Args:
        model: ``torch.fx`` must be able to trace it; its forward takes one tensor.
        example_input: a tensor ``[N, ...]``, one or two examples, on the model's device.
        check: run the example through and compare with the model, in its present mode; that the value network's
            derivative under fixed gates is the same at another input; and that no random numbers are drawn as it
            trains, but for dropout.

    Raises:
        NotDecouplableError: with the name of every node in the way, the reason, and what would do.
        TypeError: the model is no module; the example is no dense tensor of real numbers.
        ValueError: there is no example, or the model does not take it.
        RuntimeError: the comparison failed, which would be an error of this package.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import companion
        >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        >>> x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        >>> network = companion.decouple(model, x)
        >>> [(site.name, site.kind, tuple(G.shape)) for site, G in zip(network.sites, network.gates(x))]
        [('1', 'gate', (4, 5))]
        >>> torch.equal(network(x), model(x))
        True
        >>> network.value(torch.ones_like(x), network.gates(x)).shape
        torch.Size([4, 2])
    """
    require_arguments(model, example_input)
    refuse_modules(model)
    network = DecoupledNetwork(copied(model), copied(model))
    if check:
        refuse_draws_in_training(network)
        compare(model, network, example_input)
    return network


@dataclass(frozen=True)
class Call:
    """What a site's node calls: its operand, the other arguments, and the call as the original makes it."""

    site: Site
    operand: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    original: Callable[[], Any]

    def mask(self) -> Tensor:
        """A fresh mask of dropout: what it makes of ones, with the random numbers that it would use."""
        p = self.kwargs.get("p", self.args[0] if self.args else 0.5)
        return DROPOUTS[self.site.operation](torch.ones_like(self.operand), p, True)


def under(plan: Plan, root: nn.Module, x: Tensor, entries: Iterator[Tensor], count: int) -> Any:
    """What a value network makes of ``x`` under a stack of ``count`` entries; the plan may be of one like it.

    Raises:
        ValueError: as :meth:`DecoupledNetwork.value`.
    """
    sites = list(plan.sites.values())
    masked = count == len(sites)
    if not masked and count != sum(site.kind != "dropout" for site in sites):
        raise ValueError(
            f"the value network in its present mode takes {len(sites)} entries, not {count}: "
            + ", ".join(site.name for site in sites)
        )

    def visit(site: Site, call: Call) -> Tensor:
        return site.apply(call.operand, call.mask() if site.kind == "dropout" and not masked else next(entries))

    return walk(plan, root, x, visit)


def walk(plan: Plan, root: nn.Module, x: Tensor, visit: Callable[[Site, Call], Any]) -> Any:
    """Run a graph node by node; a site gives whatever ``visit`` makes of its call."""
    run = steps(plan, root, x)
    passed: list[Any] = [None]  # no name holds what the graph is done with
    while True:
        try:
            asked = run.send(passed.pop())
        except StopIteration as end:
            return end.value
        passed.append(visit(*asked))
        del asked


def steps(plan: Plan, root: nn.Module, x: Tensor) -> Generator[tuple[Site, Call], Any, Any]:
    """Run a graph node by node, stop at each site, and go on with what it is sent; the output is what it returns."""
    values: dict[fx.Node, Any] = {}
    modules = dict(root.named_modules(remove_duplicate=False))  # looked up by name, each takes as long as a small gate
    for node in plan.graph.nodes:
        if node.op == "output":
            return _filled(node.args[0], values)
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        if node.op == "placeholder":
            first = x.clone() if plan.writes_to_input else x
            values[node] = first
        elif node.op == "get_attr":
            owner, _, name = str(node.target).rpartition(".")
            values[node] = getattr(modules[owner], name)
        else:
            site = plan.sites.get(node.name)
            if site is None:
                values[node] = run_node(node, modules, args, kwargs)
            else:
                values[node] = yield site, _call(site, node, modules, args, dict(kwargs))
        for dead in plan.last[node.name]:
            del values[dead]
    raise AssertionError("a traced graph ends with its output")


def _filled(form: Any, values: Mapping[fx.Node, Any]) -> Any:
    """An output in the form of the model's: its lists and dicts can be written to, unlike those of a graph."""
    if isinstance(form, fx.Node):
        return values[form]
    if isinstance(form, dict):
        return {key: _filled(part, values) for key, part in form.items()}
    if isinstance(form, list | tuple):
        parts = [_filled(part, values) for part in form]
        return parts if isinstance(form, list) else tuple(parts)
    return form


def _entry(site: Site, call: Call) -> tuple[Tensor, Tensor]:
    """A site's entry of the stack, and what the feature network goes on with."""
    if site.kind == "pool":
        z, chosen = POOLS[site.operation](call.operand, *call.args, **call.kwargs)
        return chosen, z
    if site.kind == "dropout":
        mask = call.mask()
        return mask, site.apply(call.operand, mask)
    gate = GATES[site.operation](call.operand, *call.args, **call.kwargs)
    return gate, call.original()


def run_node(node: fx.Node, modules: Mapping[str, nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a node gives, of which all modules are known by name."""
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    return node.target(*args, **kwargs)  # type: ignore[operator]


def _call(
    site: Site, node: fx.Node, modules: Mapping[str, nn.Module], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call:
    original = partial(run_node, node, modules, args, kwargs)
    operand, *rest = args or (kwargs["input" if "input" in kwargs else "self"],)
    others = {name: value for name, value in kwargs.items() if name not in ("input", "self")}
    if node.op == "call_module":
        module = modules[str(node.target)]
        others = {name: getattr(module, name) for name in SITE_MODULES[type(module)][1]}
    return Call(site, operand, tuple(rest), others, original)
