"""From a module to a plan: its graph, and which of its nodes are gates, pools, dropout, or in the way.

Every value of the graph is either constant, or depends on the input.  A node whose arguments are constant may be
anything.  Of the others each must be linear in what depends on the input (:mod:`companion.decoupling.operations`), or a
site (:mod:`companion.decoupling.sites`); all that is neither is collected and refused in one go.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from companion.decoupling.operations import (
    ALIASES,
    FIRST,
    FIRST_MODULES,
    JOINT,
    LIKE,
    ONE,
    SHAPE,
    SITE_MODULES,
    SITE_NAMES,
    WHERE,
    draws,
    name_of,
    reason_against,
)
from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.sites import DROPOUTS, GATES, POOLS, Kind, Site
from companion.decoupling.trace import SIMPLER, held_at, refuse_modules, traced
from companion.decoupling.watch import DRAW_ELSEWHERE, DRAWN, owner_of

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
        of_batch: whether batch norm takes its statistics from the batch.
    """

    graph: fx.Graph
    sites: dict[str, Site]
    last: dict[str, tuple[fx.Node, ...]]
    writes_to_input: bool
    reads_again: bool
    of_batch: bool


def plan_of(root: nn.Module) -> Plan:
    """Trace a module in its present mode and find its sites.

    Raises:
        NotDecouplableError: with every place that is in the way.
    """
    refuse_modules(root)
    graph = traced(root)
    kept, spoilt, writes_to_input = _written_in_place(graph, root)
    seen: dict[str, int] = {}
    sites, refusals, of_batch = {}, [], False
    dependent = {next(node for node in graph.nodes if node.op == "placeholder")}
    for node in graph.nodes:
        if node.op not in ("call_function", "call_method", "call_module"):
            continue
        inputs = _inputs(node, dependent)
        name, arguments = _called(node, root)
        if name in LIKE:
            inputs = [n for n in inputs if n is _operand(node)][:1]
        kind = _kind(name)
        if _draws(node, root, name, arguments) and not (inputs and (kind == "dropout" or node.op == "call_module")):
            refusals.append(_refusal(node, root, f"{DRAWN}, anew in each of the two networks", DRAW_ELSEWHERE))
            continue
        if node in spoilt:
            refusals.append(_refusal(node, root, *_SPOILT))
        if not inputs or name in SHAPE:
            continue
        dependent.add(node)
        if kind is not None and set(inputs) == {_operand(node)} and (reason := _unfit(name, arguments)) is None:
            place = _place(node)
            seen[place] = seen.get(place, 0) + 1
            place = place if seen[place] == 1 else f"{place}#{seen[place]}"
            if kind != "dropout" or _drops(node, root, arguments):
                sites[node.name] = Site(place, kind, name, node in kept)
        elif kind is not None:
            refusals.append(_refusal(node, root, reason or "more than its operand depends on the input", SIMPLER))
        elif (why := _rounds(node, root, name)) is not None:
            refusals.append(_refusal(node, root, *why))
        elif not _linear(node, root, name, inputs):
            refusals.append(_refusal(node, root, *_why(name, inputs)))
        elif _of_batch(node, root, name):
            of_batch = True
            if not root.get_submodule(str(node.target) if node.op == "call_module" else owner_of(node)).training:
                refusals.append(_refusal(node, root, *_BATCH))
    if refusals:
        raise NotDecouplableError(refusals)
    return Plan(graph, sites, _last_uses(graph), writes_to_input, bool(kept), of_batch)


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


def _draws(node: fx.Node, root: nn.Module, name: str, arguments: dict[str, Any]) -> bool:
    module = _module(node, root)
    if name in DROPOUTS:
        return _drops(node, root, arguments)
    return draws(name, module, node.kwargs.get("training"))


def _rounds(node: fx.Node, root: nn.Module, name: str) -> tuple[str, str] | None:
    """Why a node is not linear though its name is that of what is; and what would do."""
    if _module(node, root) is not None:
        return None
    if node.kwargs.get("rounding_mode") is not None:
        return "it rounds", "leave rounding_mode out"
    found = [part for part in pytree.tree_leaves((node.args, dict(node.kwargs))) if isinstance(part, torch.dtype)]
    others = node.all_input_nodes if name in ("to", "type_as") else ()
    held = [held_at(root, str(other.target)) for other in others if other.op == "get_attr"]
    found += [other.dtype for other in held if isinstance(other, torch.Tensor)]
    whole = [dtype for dtype in found if not dtype.is_floating_point]
    if whole:
        return f"it casts to {whole[0]}, which rounds", "stay with floating-point numbers"
    if found and name == "view":
        return "it reads the bits of its numbers as others", "cast by .to(dtype)"
    return None


_SPOILT = "it writes into a constant, which is then another at the next call", "write it as a sum that is a new tensor"
_BATCH = (
    "it takes its statistics from the batch, in evaluation too",
    "let it keep running statistics (track_running_stats=True), or pass training=self.training",
)


def _of_batch(node: fx.Node, root: nn.Module, name: str) -> bool:
    """Whether it is batch norm by the statistics of the batch."""
    module = _module(node, root)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return module.training or module.running_mean is None
    training = node.kwargs.get("training", node.args[5] if len(node.args) > 5 else False)
    return name == "batch_norm" and training is not False


def _linear(node: fx.Node, root: nn.Module, name: str, inputs: list[fx.Node]) -> bool:
    """Whether a node is linear in those of its arguments that depend on the input."""
    module = _module(node, root)
    if module is not None:
        return type(module) in FIRST_MODULES and inputs == [_operand(node)]
    if name in JOINT:
        return True
    if name == WHERE:
        condition = [*node.args, node.kwargs.get("condition")][node.op == "call_method"]
        return condition not in inputs
    if name in ONE:
        return len(inputs) == 1
    return name in FIRST and inputs == [_operand(node)]


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


def _written_in_place(graph: fx.Graph, root: nn.Module) -> tuple[set[fx.Node], set[fx.Node], bool]:
    """Nodes that must write where their operand lies; nodes that write into a constant; whether the input is written.

    A node must write there if something in that memory is read later.
    Memory is followed through everything that *may* give a view, so that too much is written in place rather than too
    little.
    """
    order = {node: place for place, node in enumerate(graph.nodes)}
    memory: dict[fx.Node, fx.Node] = {}
    kept: set[fx.Node] = set()
    spoilt: set[fx.Node] = set()
    input_memory = next(node for node in graph.nodes if node.op == "placeholder")
    writes_to_input = False
    for node in graph.nodes:
        operand = _operand(node) if node.op.startswith("call") else None
        if isinstance(operand, str):  # einsum begins with its equation
            operand = node.all_input_nodes[0]
        memory[node] = node
        if not isinstance(operand, fx.Node):
            continue
        name, arguments = _called(node, root)
        module = _module(node, root)
        writes = bool(arguments.get("inplace"))
        passes = name in ALIASES or name in DROPOUTS or isinstance(module, nn.Flatten | nn.Unflatten | nn.Identity)
        if writes or passes:
            memory[node] = memory[operand]
        if writes:
            before = [n for n, m in memory.items() if m is memory[operand] and n is not node]
            if any(order[user] > order[node] for n in before for user in n.users):
                kept.add(node)
            if memory[operand].op == "get_attr":
                spoilt.add(node)
            writes_to_input |= memory[operand] is input_memory
    return kept, spoilt, writes_to_input


def _last_uses(graph: fx.Graph) -> dict[str, tuple[fx.Node, ...]]:
    last: dict[str, tuple[fx.Node, ...]] = {}
    seen: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        dead = tuple(n for n in node.all_input_nodes if n not in seen)
        seen.update(dead)
        last[node.name] = dead
    return last
