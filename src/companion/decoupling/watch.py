"""What a trace would lose without a word: random draws, contexts, backward passes; and what it would leave behind.

``torch.fx`` runs a module's code once.  A number drawn there becomes a constant, and a context such as
``torch.no_grad`` is over before anything is computed.  Both are refused while the trace goes on, by the line that does
it.
"""

from __future__ import annotations

import inspect
import os
import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import fx, nn
from torch.utils._python_dispatch import TorchDispatchMode

from companion.decoupling.refusal import NotDecouplableError, Refusal

__all__ = ["DRAWN", "DRAW_ELSEWHERE", "Modes", "drawn", "line_of", "other_draws", "owner_of", "undisturbed", "watched"]

DRAWN = "it draws random numbers"
DRAW_ELSEWHERE = "use nn.Dropout, or draw outside of the model"


def owner_of(node: fx.Node) -> str:
    """Path of the module that calls a node."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path = str(stack[-1][0]) if stack else ""
    return path.rpartition(".")[0] if node.op == "call_module" else path


def drawn(node: str, where: str, operation: str, how: str = "") -> Refusal:
    """The refusal of what draws random numbers while it is traced."""
    return Refusal(node, where, operation, f"{DRAWN}{how}, which a trace would keep for ever", DRAW_ELSEWHERE)


class _Draws(TorchDispatchMode):
    """Refuses what draws random numbers by itself; whatever is a node of the graph never comes here."""

    def __init__(self, where: Callable[[], str]) -> None:
        super().__init__()
        self.where = where

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            name = func.overloadpacket.__name__
            raise NotDecouplableError([drawn(name, self.where(), name)])
        return func(*args, **(kwargs or {}))


def other_draws() -> tuple[Any, ...]:
    """The states of Python's random numbers and NumPy's."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), name, np.asarray(keys).tobytes(), *rest


class Modes:
    """The contexts that are open: whether derivatives are recorded, and autocast."""

    def __init__(self) -> None:
        self.recorded = 0  # depth of torch.enable_grad, which may change nothing
        self.before = self._state()

    def _state(self) -> tuple[Any, ...]:
        casts = [(torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")]
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled(), self.recorded > 0, casts

    def changed(self) -> str | None:
        """The name of what has been opened since."""
        names = ("torch.inference_mode", "torch.no_grad", "torch.enable_grad", "torch.autocast")
        pairs = zip(names, self.before, self._state(), strict=True)
        return next((name for name, before, now in pairs if before != now), None)

    def refuse(self, node: fx.Node) -> None:
        """Refuse a node that is made in another context than that of the trace.

        Raises:
            NotDecouplableError: naming it.
        """
        if node.op.startswith("call") and (name := self.changed()) is not None:
            remedy = "leave it out; to freeze weights use requires_grad_(False)"
            if name == "torch.autocast":
                remedy = "leave it out, and open it around the decoupled network"
            reason = "it runs in a context of its own, which tracing would lose"
            place = str(node.target) if node.op == "call_module" else node.name
            raise NotDecouplableError([Refusal(place, owner_of(node), name, reason, remedy)])


@contextmanager
def watched(modes: Modes, where: Callable[[], str]) -> Iterator[None]:
    """Refuse random draws and calls of ``autograd.Function``, and count ``torch.enable_grad``, while this is open.

    Args:
        modes: counts.
        where: gives the path of the module that is traced just then.
    """
    plain = inspect.getattr_static(torch.autograd.Function, "apply")
    enter, leave = torch.enable_grad.__enter__, torch.enable_grad.__exit__

    def apply(cls: type, *args: Any, **kwargs: Any) -> Any:
        proxies = [arg for arg in (*args, *kwargs.values()) if isinstance(arg, fx.Proxy)]
        if not proxies:
            return plain.__get__(None, cls)(*args, **kwargs)
        reason = "tracing an autograd.Function would lose the backward pass that it defines"
        remedy = "write it with torch's own operations"
        raise NotDecouplableError(
            [Refusal(proxies[0].node.name, owner_of(proxies[0].node), cls.__name__, reason, remedy)]
        )

    def entered(self: torch.enable_grad) -> None:
        modes.recorded += 1
        enter(self)

    def left(self: torch.enable_grad, *error: Any) -> None:
        modes.recorded -= 1
        leave(self, *error)

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch.autograd.Function, "apply", classmethod(apply)))
        stack.enter_context(mock.patch.object(torch.enable_grad, "__enter__", entered))
        stack.enter_context(mock.patch.object(torch.enable_grad, "__exit__", left))
        stack.enter_context(_Draws(where))
        yield


@contextmanager
def undisturbed(*roots: nn.Module) -> Iterator[None]:
    """Random numbers, and what modules hold as attributes, are after the block as they were; not what tensors hold."""
    python, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    held = [(box, _copied(box)) for box in _boxes(roots)]
    with torch.random.fork_rng(range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpys)  # noqa: NPY002
            for box, before in held:
                _put_back(box, before)


_BOXES = (list, dict, OrderedDict, defaultdict, set, deque)


def _boxes(roots: tuple[nn.Module, ...]) -> list[Any]:
    """The attributes of all modules, and the lists, dicts and sets in them."""
    found: dict[int, Any] = {}
    left = [vars(module) for root in roots for module in root.modules()]
    while left:
        box = left.pop()
        if id(box) not in found:
            found[id(box)] = box
            left += [part for part in (box.values() if isinstance(box, dict) else box) if type(part) in _BOXES]
    return list(found.values())


def _copied(box: Any) -> Any:
    return dict(box) if isinstance(box, dict) else list(box)


def _put_back(box: Any, before: Any) -> None:
    now = _copied(box)
    same = len(now) == len(before) and all(a is b for a, b in zip(now, before, strict=True))
    if isinstance(before, dict):
        same = same and all(now[key] is before[key] for key in before)
    if same:
        return
    box.clear()
    box.update(before) if isinstance(box, dict | set) else box.extend(before)


_TORCH, _OURS, _PYTHON = (f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__, inspect.__file__))


def line_of(trace: TracebackType | None) -> str:
    """Where an error came from: ``line 3 of net.py``, the last that is no library's, or else the last; or nothing."""
    own = installed = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        place = f"line {trace.tb_lineno} of {Path(file).name}"
        if "site-packages" in file and not file.startswith((_TORCH, _OURS)):
            installed = place
        elif not file.startswith((_TORCH, _OURS, _PYTHON)):
            own = place
        trace = trace.tb_next
    return own or installed
