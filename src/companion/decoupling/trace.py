"""The graph of a module, or the reason why there is none.

``torch.fx`` follows tensors through a module's code without values.  Where it would go wrong in silence (hooks, writing
in place, backward passes of one's own), or not at all (control flow that depends on data), this says so.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from companion.decoupling.refusal import NotDecouplableError, Refusal

__all__ = ["SIMPLER", "owner_of", "refuse_modules", "traced"]

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
    return Refusal(node.name, owner_of(node), "control flow that depends on data", reason, remedy)


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
            [Refusal(proxies[0].node.name, owner_of(proxies[0].node), cls.__name__, reason, remedy)]
        )

    with mock.patch.object(torch.autograd.Function, "apply", classmethod(apply)):
        yield


def traced(root: nn.Module) -> fx.Graph:
    """The graph of a module in its present mode; tensors made on the way become buffers of the module.

    Raises:
        NotDecouplableError: it takes more than one tensor, or ``torch.fx`` cannot trace it.
    """
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
        else:
            continue
        refusals.append(Refusal(path or "the model", path, name, reason, remedy))
    if refusals:
        raise NotDecouplableError(refusals)


def owner_of(node: fx.Node) -> str:
    """Path of the module that calls a node."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path = str(stack[-1][0]) if stack else ""
    return path.rpartition(".")[0] if node.op == "call_module" else path
