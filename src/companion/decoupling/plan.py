"""From a module to a plan: its graph, and which of its nodes are gates, pools, dropout, or in the way.

Every value of the graph is either constant, or depends on the input.  A node whose arguments are constant may be
anything.  Of the others each must be linear in what depends on the input (:mod:`companion.decoupling.operations`), or a
site (:mod:`companion.decoupling.sites`); all that is neither is collected and refused in one go.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from companion.decoupling.operations import (
    FIRST,
    FIRST_MODULES,
    JOINT,
    LIKE,
    ONE,
    SHAPE,
    SITE_MODULES,
    SITE_NAMES,
    VIEWS,
    name_of,
    reason_against,
)
from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.sites import DROPOUTS, GATES, POOLS, Kind, Site
from companion.decoupling.trace import SIMPLER, owner_of, refuse_modules, traced

__all__ = ["Plan", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """How to run a network: its graph, its sites by node, and what may be forgotten when.

    Args:
        graph: as ``torch.fx`` traced it.
        sites: node name to site, in the order in which they are reached.
        last: node name to the nodes whose values nobody needs after it.
        writes_to_input: whether some operation writes into the memory of the input.
        reads_again: whether memory is read again after an operation has written there.
    """

    graph: fx.Graph
    sites: dict[str, Site]
    last: dict[str, tuple[fx.Node, ...]]
    writes_to_input: bool
    reads_again: bool


def plan_of(root: nn.Module) -> Plan:
    """Trace a module in its present mode and find its sites.

    Raises:
        NotDecouplableError: with every place that is in the way.
    """
    refuse_modules(root)
    graph = traced(root)
    kept, writes_to_input = _written_in_place(graph, root)
    seen: dict[str, int] = {}
    sites, refusals = {}, []
    dependent = {next(node for node in graph.nodes if node.op == "placeholder")}
    for node in graph.nodes:
        if node.op not in ("call_function", "call_method", "call_module"):
            continue
        inputs = _inputs(node, dependent)
        name, arguments = _called(node, root)
        if name in LIKE:
            inputs = [n for n in inputs if n is _operand(node)][:1]
        if not inputs or name in SHAPE:
            continue
        dependent.add(node)
        kind = _kind(name)
        if kind is not None and set(inputs) == {_operand(node)} and (reason := _unfit(name, arguments)) is None:
            place = _place(node)
            seen[place] = seen.get(place, 0) + 1
            place = place if seen[place] == 1 else f"{place}#{seen[place]}"
            if kind != "dropout" or _drops(node, root, arguments):
                sites[node.name] = Site(place, kind, name, node in kept)
        elif kind is not None:
            refusals.append(_refusal(node, root, reason or "more than its operand depends on the input", SIMPLER))
        elif _by_the_batch(node, root, name):
            refusals.append(_refusal(node, root, *reason_against("statistics of the batch")))
        elif not _linear(node, root, name, inputs):
            refusals.append(_refusal(node, root, *_why(name, inputs)))
    if refusals:
        raise NotDecouplableError(refusals)
    return Plan(graph, sites, _last_uses(graph), writes_to_input, bool(kept))


def _inputs(node: fx.Node, dependent: set[fx.Node]) -> list[fx.Node]:
    """Arguments that depend on the input, each as often as it stands there."""
    found: list[fx.Node] = []
    fx.node.map_arg((node.args, node.kwargs), lambda n: found.append(n) if n in dependent else None)
    return found


def _operand(node: fx.Node) -> Any:
    return node.args[0] if node.args else node.kwargs.get("input", node.kwargs.get("self"))


def _module(node: fx.Node, root: nn.Module) -> nn.Module | None:
    return root.get_submodule(str(node.target)) if node.op == "call_module" else None


def _called(node: fx.Node, root: nn.Module) -> tuple[str, dict[str, Any]]:
    """The plain name of what a node calls, and its arguments by name where it is a site."""
    module = _module(node, root)
    if module is not None:
        name, attributes = SITE_MODULES.get(type(module), (type(module).__name__, ()))
        arguments = {attribute: getattr(module, attribute) for attribute in attributes}
        extra = {key: getattr(module, key) for key in ("return_indices", "inplace") if hasattr(module, key)}
        return name, arguments | extra
    name, in_place = name_of(node)
    if name not in SITE_NAMES:
        return name, {"inplace": in_place}
    rest = {key: value for key, value in node.kwargs.items() if key not in ("input", "self")}
    function = (GATES | POOLS | DROPOUTS)[name]
    try:
        return name, {"inplace": in_place} | inspect.signature(function).bind(None, *node.args[1:], **rest).arguments
    except TypeError as error:
        return name, {"unknown": str(error)}


def _kind(name: str) -> Kind | None:
    return "gate" if name in GATES else "pool" if name in POOLS else "dropout" if name in DROPOUTS else None


def _unfit(name: str, arguments: dict[str, Any]) -> str | None:
    """Why a site is not one after all."""
    if arguments.get("return_indices"):
        return "it gives positions besides maxima"
    if "unknown" in arguments:
        return f"it is called in a way that is not known ({arguments['unknown']})"
    if name in ("clamp", "clip", "clamp_min", "hardtanh"):
        low = arguments.get("min", arguments.get("min_val", -1.0 if name == "hardtanh" else None))
        high = arguments.get("max", arguments.get("max_val", 1.0 if name == "hardtanh" else None))
        bounds = [bound for bound in (low, high) if bound is not None]
        if not all(isinstance(bound, int | float) for bound in bounds):
            return "its bounds are tensors"
        if (low or 0) > 0 or (high or 0) < 0:
            return "it does not map 0 to 0"
    return None


def _drops(node: fx.Node, root: nn.Module, arguments: dict[str, Any]) -> bool:
    module = _module(node, root)
    return module.training if module is not None else bool(arguments.get("training", True))


def _linear(node: fx.Node, root: nn.Module, name: str, inputs: list[fx.Node]) -> bool:
    """Whether a node is linear in those of its arguments that depend on the input."""
    module = _module(node, root)
    if module is not None:
        return type(module) in FIRST_MODULES and inputs == [_operand(node)]
    if name in JOINT:
        return True
    if name in ONE:
        return len(inputs) == 1
    return name in FIRST and inputs == [_operand(node)]


def _by_the_batch(node: fx.Node, root: nn.Module, name: str) -> bool:
    """Whether a batch norm takes the statistics of the batch though the network is evaluated."""
    module = _module(node, root)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return not module.training and module.running_mean is None
    training = node.args[5] if len(node.args) > 5 else node.kwargs.get("training", False)
    return name == "batch_norm" and not root.training and training is True


def _why(name: str, inputs: list[fx.Node]) -> tuple[str, str]:
    if name in ONE or name in FIRST:
        factors = " and ".join(dict.fromkeys(node.name for node in inputs))
        return (
            f"it multiplies, divides or chooses by what depends on the input itself ({factors})",
            "replace the block (attention, squeeze-and-excitation) by convolutions or sums",
        )
    return reason_against(name)


def _place(node: fx.Node) -> str:
    if node.op == "call_module":
        return str(node.target)
    owner = owner_of(node)
    return f"{owner}.{node.name}" if owner else node.name


def _refusal(node: fx.Node, root: nn.Module, reason: str, remedy: str) -> Refusal:
    module = _module(node, root)
    called = type(module).__name__ if module is not None else name_of(node)[0].strip("<>")
    return Refusal(_place(node) if module is not None else node.name, owner_of(node), called, reason, remedy)


def _written_in_place(graph: fx.Graph, root: nn.Module) -> tuple[set[fx.Node], bool]:
    """Nodes that must write where their operand lies, as something in that memory is read later; and the input's case.

    Memory is followed through everything that *may* give a view, so that too much is written in place rather than too
    little.
    """
    order = {node: place for place, node in enumerate(graph.nodes)}
    memory: dict[fx.Node, fx.Node] = {}
    kept: set[fx.Node] = set()
    input_memory = next(node for node in graph.nodes if node.op == "placeholder")
    writes_to_input = False
    for node in graph.nodes:
        operand = _operand(node) if node.op.startswith("call") else None
        memory[node] = node
        if not isinstance(operand, fx.Node):
            continue
        name, arguments = _called(node, root)
        module = _module(node, root)
        writes = bool(arguments.get("inplace"))
        passes = name in VIEWS or name in DROPOUTS or isinstance(module, nn.Flatten | nn.Unflatten | nn.Identity)
        if writes or passes:
            memory[node] = memory[operand]
        if writes:
            before = [n for n, m in memory.items() if m is memory[operand] and n is not node]
            if any(order[user] > order[node] for n in before for user in n.users):
                kept.add(node)
            writes_to_input |= memory[operand] is input_memory
    return kept, writes_to_input


def _last_uses(graph: fx.Graph) -> dict[str, tuple[fx.Node, ...]]:
    last: dict[str, tuple[fx.Node, ...]] = {}
    seen: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        dead = tuple(n for n in node.all_input_nodes if n not in seen)
        seen.update(dead)
        last[node.name] = dead
    return last
