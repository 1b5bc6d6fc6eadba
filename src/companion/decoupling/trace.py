"""From a module to a plan: its graph, and which of its nodes are gates, pools, dropout, or in the way.

Every value of the graph is either constant, or depends on the input.  A node whose arguments are constant may be
anything.  Of the others each must be linear in what depends on the input (:mod:`companion.decoupling.operations`), or a
site (:mod:`companion.decoupling.sites`); all that is neither is collected and refused in one go.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

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

__all__ = ["Plan", "plan_of"]

SIMPLER = "write it without that, or decouple the modules within one by one"


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
    _refuse_modules(root)
    graph = _traced(root)
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
        elif not _linear(node, root, name, inputs):
            refusals.append(_refusal(node, root, *_why(name, inputs)))
    if refusals:
        raise NotDecouplableError(refusals)
    return Plan(graph, sites, _last_uses(graph), writes_to_input, bool(kept))


def _written(function: Callable[..., Any]) -> Callable[[fx.Proxy, Any], fx.Proxy]:
    def write(self: fx.Proxy, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return write


class _Proxy(fx.Proxy):
    """``z += y`` writes to ``z``; a plain proxy would trace it as ``z = z + y``, which views of ``z`` do not see."""

    __iadd__, __isub__ = _written(operator.iadd), _written(operator.isub)
    __imul__, __itruediv__ = _written(operator.imul), _written(operator.itruediv)


class _Tracer(fx.Tracer):
    """Leaves are torch's own modules; control flow that depends on data is refused by the node it depends on."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        torchs = type(m).__module__.startswith("torch.nn") and not isinstance(m, nn.Sequential)
        return torchs and not parametrize.is_parametrized(m)

    def to_bool(self, obj: fx.Proxy) -> bool:
        raise NotDecouplableError([_flow(obj.node, "a branch is chosen by its value")])

    def iter(self, obj: fx.Proxy) -> Iterator:
        raise NotDecouplableError([_flow(obj.node, "a loop, or a star, runs over it")])


def _flow(node: fx.Node, reason: str) -> Refusal:
    remedy = "decide it by what is known beforehand (an attribute, a fixed size), or decouple the modules beside it"
    return Refusal(node.name, _owner(node), "control flow that depends on data", reason, remedy)


@contextmanager
def _watched() -> Iterator[None]:
    """Calls of ``autograd.Function`` are refused while this is open: tracing would lose their backward pass."""
    plain = inspect.getattr_static(torch.autograd.Function, "apply")

    def apply(cls: type, *args: Any, **kwargs: Any) -> Any:
        proxies = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, fx.Proxy)]
        if not proxies:
            return plain.__get__(None, cls)(*args, **kwargs)
        reason = "tracing an autograd.Function would lose the backward pass that it defines"
        remedy = "write it with torch's own operations"
        raise NotDecouplableError(
            [Refusal(proxies[0].node.name, _owner(proxies[0].node), cls.__name__, reason, remedy)]
        )

    with mock.patch.object(torch.autograd.Function, "apply", classmethod(apply)):
        yield


def _traced(root: nn.Module) -> fx.Graph:
    parameters = list(inspect.signature(root.forward).parameters.values())
    empty = inspect.Parameter.empty
    defaults = {p.name: p.default for p in parameters[1:] if p.default is not empty}
    required = [p for p in parameters if p.default is empty and p.kind is not p.VAR_KEYWORD]
    if len(required) > 1 or not parameters or any(p.kind is p.VAR_POSITIONAL for p in required):
        reason = f"forward takes {len(required)} inputs" if len(required) > 1 else "forward has no single named input"
        raise NotDecouplableError(
            [Refusal("forward", "", type(root).__name__, reason, "wrap it in a module whose forward takes one tensor")]
        )
    try:
        with _watched():
            graph = _Tracer().trace(root, concrete_args=defaults or None)
    except NotDecouplableError:
        raise
    except Exception as error:
        raise NotDecouplableError(
            [Refusal("forward", "", type(root).__name__, f"torch.fx cannot trace it ({error})", SIMPLER)]
        ) from error
    for name in {str(node.target) for node in graph.nodes if node.op == "get_attr"}:
        owner, _, last = name.rpartition(".")
        module = root.get_submodule(owner)
        if isinstance(tensor := module.__dict__.get(last), torch.Tensor):
            delattr(module, last)
            module.register_buffer(last, tensor, persistent=False)  # so that it moves with the network
    return graph


def _refuse_modules(root: nn.Module) -> None:
    refusals = []
    for path, module in root.named_modules():
        name = type(module).__name__
        if isinstance(module, torch.jit.ScriptModule):
            reason, remedy = "it is scripted", "give the module that it was made from"
        elif isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():  # type: ignore[misc]
            reason, remedy = "it is lazy and has no weights yet", "run the model once on an example"
        elif module._forward_hooks or module._forward_pre_hooks:
            reason, remedy = "it has forward hooks, which tracing would pass by", "remove them first"
        elif isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel) or hasattr(module, "_orig_mod"):
            reason, remedy = "it wraps the module proper", "give that: its .module or ._orig_mod"
        else:
            continue
        refusals.append(Refusal(path or "the model", path, name, reason, remedy))
    if refusals:
        raise NotDecouplableError(refusals)


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


def _why(name: str, inputs: list[fx.Node]) -> tuple[str, str]:
    if name in ONE or name in FIRST:
        factors = " and ".join(dict.fromkeys(node.name for node in inputs))
        return (
            f"it multiplies, divides or chooses by what depends on the input itself ({factors})",
            "replace the block (attention, squeeze-and-excitation) by convolutions or sums",
        )
    return reason_against(name)


def _owner(node: fx.Node) -> str:
    """Path of the module that calls a node."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path = str(stack[-1][0]) if stack else ""
    return path.rpartition(".")[0] if node.op == "call_module" else path


def _place(node: fx.Node) -> str:
    if node.op == "call_module":
        return str(node.target)
    owner = _owner(node)
    return f"{owner}.{node.name}" if owner else node.name


def _refusal(node: fx.Node, root: nn.Module, reason: str, remedy: str) -> Refusal:
    module = _module(node, root)
    called = type(module).__name__ if module is not None else name_of(node)[0].strip("<>")
    return Refusal(_place(node) if module is not None else node.name, _owner(node), called, reason, remedy)


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
