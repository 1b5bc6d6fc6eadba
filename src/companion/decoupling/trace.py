"""The graph of a module, or the reason why there is none.

``torch.fx`` follows tensors through a module's code without values.  Where it would go wrong in silence (hooks, writing
in place, backward passes of one's own), or not at all (control flow that depends on data), this says so.
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from companion.decoupling.operations import SHAPE, draws, name_of
from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.watch import (
    DRAW_ELSEWHERE,
    DRAWN,
    Modes,
    drawn,
    line_of,
    other_draws,
    owner_of,
    undisturbed,
    watched,
)
from companion.networks.derivatives import differentiating

__all__ = ["SIMPLER", "held_at", "refuse_modules", "traced"]

SIMPLER = "write it without that, or decouple the modules within one by one"


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

    def __init__(self) -> None:
        super().__init__()
        self.modes = Modes()

    def where(self) -> str:
        """Path of the module that is traced just now."""
        return str(self.scope.module_path)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        torchs = type(m).__module__.startswith("torch.nn") and not isinstance(m, nn.Sequential)
        return torchs and not parametrize.is_parametrized(m)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> tuple[Any, list[Any]]:
        """One tensor; what else ``forward`` takes has its default."""
        name = next(iter(inspect.signature(self.root.forward).parameters))
        return root_fn, [self.root, self.create_proxy("placeholder", name, (), {})]

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        self.modes.refuse(node)
        return node

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        before = other_draws()
        output = super().call_module(m, forward, args, kwargs)
        if other_draws() != before:
            raise NotDecouplableError([drawn(self.path_of_module(m), "", type(m).__name__, " by Python or NumPy")])
        return output

    def to_bool(self, obj: fx.Proxy) -> bool:
        raise NotDecouplableError([_flow(obj.node, "a branch is chosen by")])

    def iter(self, obj: fx.Proxy) -> Iterator:
        raise NotDecouplableError([_flow(obj.node, "a loop, or a star, runs over")])


def _flow(node: fx.Node, what: str) -> Refusal:
    if not _of_values(node):
        remedy = "a network serves every shape: leave it out, name entries (x.shape[0]), or decide by an attribute"
        return Refusal(node.name, owner_of(node), "control flow that depends on shape", f"{what} its shape", remedy)
    remedy = "decide it by what is known beforehand (an attribute, a fixed size), or decouple the modules beside it"
    what = f"{what} its value" if what.endswith("by") else f"{what} it"
    return Refusal(node.name, owner_of(node), "control flow that depends on data", what, remedy)


def _of_values(node: fx.Node) -> bool:
    """Whether a node depends on more of the input than its shape and type."""
    left, seen = [node], set()
    while left:
        node = left.pop()
        if node.op == "placeholder":
            return True
        if node in seen or (node.op in ("call_function", "call_method") and name_of(node)[0] in SHAPE):
            continue
        seen.add(node)
        left += node.all_input_nodes
    return False


_SIZES = "take it from an attribute, or work on whole tensors"
_UNTRACEABLE = {
    r"'len' is not supported": ("len() of a tensor", "use x.shape[0], or x.dim() for len(x.shape)"),
    r"item assignment": (
        "an assignment to entries of a tensor",
        "use torch.cat, torch.where or a product with a mask, which is a buffer",
    ),
    r"interpreted as an integer|must be an integer": ("a size of the input as a number of Python", _SIZES),
    r"(?:zeros|ones|full|empty|eye|arange)\(\)": (
        "a tensor whose sizes are those of the input",
        "make it by x.new_zeros(...) or x.new_ones(...), or by sizes that are attributes",
    ),
}
"""What the errors that ``torch.fx`` raises mean, and what would do."""


def _untraceable(error: Exception) -> tuple[str, str]:
    text = " ".join(str(error).split())
    for pattern, (what, remedy) in _UNTRACEABLE.items():
        if re.search(pattern, text):
            return f"torch.fx cannot trace {what}", remedy
    if (call := re.match(r"(\w+)\(\)", text)) and draws(call[1], None, None):
        return f"{DRAWN} by {call[1]}", DRAW_ELSEWHERE
    return f"torch.fx cannot trace it ({text if len(text) <= 200 else f'{text[:199]}…'})", SIMPLER


def traced(root: nn.Module) -> fx.Graph:
    """The graph of a module in its present mode; tensors made on the way become buffers of the module.

    Random numbers, and what the module keeps of a call as attributes, are as before.

    Raises:
        NotDecouplableError: it takes more than one tensor, draws random numbers or opens contexts while it is traced,
            or ``torch.fx`` cannot trace it.
    """
    name = type(root).__name__
    parameters = list(inspect.signature(root.forward).parameters.values())
    required = [p for p in parameters if p.default is inspect.Parameter.empty and p.kind is not p.VAR_KEYWORD]
    if len(required) > 1 or not parameters or any(p.kind is p.VAR_POSITIONAL for p in required):
        reason = f"forward takes {len(required)} inputs" if len(required) > 1 else "forward has no single named input"
        raise NotDecouplableError(
            [Refusal("forward", "", name, reason, "wrap it in a module whose forward takes one tensor")]
        )
    try:
        with differentiating(), undisturbed(root):
            tracer, before = _Tracer(), other_draws()
            with watched(tracer.modes, tracer.where):
                graph = tracer.trace(root)
            if other_draws() != before:
                raise NotDecouplableError([drawn("forward", "", name, " by Python or NumPy")])
            tensors = {
                str(node.target): held_at(root, str(node.target)) for node in graph.nodes if node.op == "get_attr"
            }
    except NotDecouplableError as error:
        place = line_of(error.__traceback__)
        refusals = [replace(r, reason=f"{r.reason} ({place})") if place else r for r in error.refusals]
        raise NotDecouplableError(refusals) from error
    except Exception as error:
        reason, remedy = _untraceable(error)
        place = line_of(error.__traceback__)
        reason = f"{reason} ({place})" if place else reason
        raise NotDecouplableError([Refusal("forward", "", name, reason, remedy)]) from error
    for path, tensor in tensors.items():
        _keep(root, graph, path, tensor)
    return graph


def held_at(root: nn.Module, path: str) -> Any:
    """What a path such as ``norm.running_mean`` leads to."""
    owner, _, last = path.rpartition(".")
    return getattr(root.get_submodule(owner), last)


def _keep(root: nn.Module, graph: fx.Graph, path: str, tensor: Any) -> None:
    """What a graph reads, as a buffer, so that it moves with the network; what is there already is not kept twice."""
    owner, _, last = path.rpartition(".")
    module = root.get_submodule(owner)
    if not isinstance(tensor, torch.Tensor) or last in module._parameters or last in module._buffers:
        return
    vars(module).pop(last, None)
    for name, known in root._buffers.items() if last.startswith(_CONSTANT) else ():
        if name.startswith(_CONSTANT) and known is not None and _alike(known, tensor):
            for node in graph.nodes:
                if node.op == "get_attr" and node.target == path:
                    node.target = name
            return
    module.register_buffer(last, tensor, persistent=False)


_CONSTANT = "_tensor_constant"


def _alike(a: torch.Tensor, b: torch.Tensor) -> bool:
    return (a.dtype, a.device, a.shape) == (b.dtype, b.device, b.shape) and torch.equal(a, b)


def refuse_modules(root: nn.Module) -> None:
    """Refuse modules that tracing would not see as they are.

    Raises:
        NotDecouplableError: naming all of them.
    """
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
        elif "forward" in vars(module):
            reason, remedy = "its forward was put on this one object", "make it a class of its own with that forward"
        else:
            continue
        refusals.append(Refusal(path or "the model", path, name, reason, remedy))
    if refusals:
        raise NotDecouplableError(refusals)
