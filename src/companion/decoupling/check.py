"""Whether a decoupled network is what it should be: compared at an example, without a trace left behind."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from companion.decoupling.refusal import NotDecouplableError, Refusal
from companion.decoupling.watch import DRAWN, undisturbed
from companion.networks.derivatives import differentiating, fresh
from companion.notation import Tensor

__all__ = ["check", "copied", "refuse_draws_in_training", "require_arguments"]

Network = Any
"""A :class:`~companion.decoupling.network.DecoupledNetwork`, whose file imports this one."""

TOLERANCE = 1e-4
"""How far outputs and derivatives of the two ways may lie apart, relative to the largest of them; in half precision 16
units of rounding."""


def require_arguments(model: Any, x: Any) -> None:
    """Refuse what is no module and no tensor of examples.

    Raises:
        TypeError: no module; no tensor, or none of real numbers that are all there.
        ValueError: no example in it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model must be a torch.nn.Module, not {type(model).__name__}")
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"the example must be one tensor [N, ...], not {type(x).__name__}")
    if x.layout != torch.strided or x.is_complex() or x.is_quantized:
        raise TypeError(f"the example must be a dense tensor of real numbers, not {x.dtype} of {x.layout}")
    if x.dim() == 0 or len(x) == 0:
        raise ValueError(f"the example must be [N, ...] with N of at least 1, and has the shape {tuple(x.shape)}")


def copied(model: nn.Module) -> nn.Module:
    """A copy that trains, under ``torch.inference_mode`` too.

    Raises:
        NotDecouplableError: it cannot be copied; names the attribute, if that is a tensor with a history.
    """
    try:
        with torch.inference_mode(False):
            return copy.deepcopy(model)
    except Exception as error:
        for path, module in model.named_modules():
            for name, held in vars(module).items():
                if any(not tensor.is_leaf for tensor in _tensors(held)):
                    reason = f"its attribute {name} holds a tensor of an earlier call, which cannot be copied"
                    remedy = f"set {name} to None first, or let the model keep {name}.detach()"
                    raise NotDecouplableError(
                        [Refusal(path or "the model", path, type(module).__name__, reason, remedy)]
                    ) from error
        reason = f"it cannot be copied ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        remedy = "keep what copy.deepcopy cannot copy out of the model"
        raise NotDecouplableError([Refusal("the model", "", type(model).__name__, reason, remedy)]) from error


def refuse_draws_in_training(network: Network) -> None:
    """Trace it as it trains, too, and refuse what draws random numbers there; other faults are found when it trains.

    Raises:
        NotDecouplableError: naming what draws.
    """
    before = [(module, module.training) for module in network.value_network.modules()]
    try:
        for module, _ in before:
            module.training = True
        network.plan("value_network")
    except NotDecouplableError as error:
        if refusals := [refusal for refusal in error.refusals if refusal.reason.startswith(DRAWN)]:
            raise NotDecouplableError([_while_it_trains(refusal) for refusal in refusals]) from error
    finally:
        for module, training in before:
            module.training = training


def _while_it_trains(r: Refusal) -> Refusal:
    remedy = f"{r.remedy}, or for evaluation alone decouple it with check=False"
    return Refusal(r.node, r.where, r.operation, f"while it trains {r.reason}", remedy)


def check(model: nn.Module, network: Network, x: Tensor) -> None:
    """Compare with the model at an example, and that the value network is linear; leaves all as it was.

    Raises:
        ValueError: the model does not take the example.
        RuntimeError: they differ.
    """
    x = fresh(x)
    with _as_it_was(model, network), torch.inference_mode(False), torch.no_grad():
        torch.manual_seed(0)
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        try:
            expected = _numbers(functional_call(model, buffers, x.clone()))
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise ValueError(f"the model does not take the example, {x.dtype} {tuple(x.shape)}: {said}") from error
        torch.manual_seed(0)
        stack = network.gates(x)
        found = _numbers(network.value(x, stack))
        for a, b in zip(expected, found, strict=True):
            _require_close(a, b, "the output differs from the model's")
        if network.plan("value_network").of_batch or not x.is_floating_point():
            return  # statistics of its own make it depend on the batch; there is nothing between whole numbers
        there = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
        there = torch.where(there == x, there + 1, there)  # whatever the example is, this is another
        _require_close(_slope(network, x, stack), _slope(network, there, stack), "the value network is not linear")
        ends = [_numbers(network.value(z, stack)) for z in (x, there, (x + there) / 2)]
        for a, b, middle in zip(*ends, strict=True):
            _require_close((a + b) / 2, middle, "the value network is not linear", finite=True)


def _slope(network: Network, x: Tensor, stack: Sequence[Tensor]) -> Tensor:
    with differentiating():
        x, stack = x.detach().clone().requires_grad_(), [fresh(gates) for gates in stack]
        outputs = [y for y in _numbers(network.value(x, stack)) if y.requires_grad]
        along = [torch.cos(torch.arange(y.numel(), device=y.device).double()).view_as(y).to(y.dtype) for y in outputs]
        slope = torch.autograd.grad(outputs, x, along, allow_unused=True)[0] if outputs else None
        return torch.zeros_like(x) if slope is None else slope


def _require_close(a: Tensor, b: Tensor, message: str, *, finite: bool = False) -> None:
    a, b = a.detach(), b.detach()
    rounding = max(torch.finfo(a.dtype).eps, torch.finfo(b.dtype).eps)
    a, b = a.double(), b.double()
    compared = (a != b) & ~(a.isnan() & b.isnan())
    if finite:
        compared &= a.isfinite() & b.isfinite()
    if not compared.any():
        return
    largest = torch.where(a.isfinite(), a, 0).abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    apart = float((a - b)[compared].abs().max() / largest)
    if not apart <= max(TOLERANCE, 16 * rounding):
        raise RuntimeError(f"{message} by {apart:.1e} of its size: please report this")


@contextmanager
def _as_it_was(model: nn.Module, network: nn.Module) -> Iterator[None]:
    """Attributes, the network's buffers and random numbers as before; what has not changed is not written to."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    with undisturbed(model, network):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)


def _tensors(output: Any) -> list[Tensor]:
    """The tensors of an output, in order; numbers, texts and the like are none."""
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, Mapping):
        output = output.values()
    elif not isinstance(output, list | tuple):
        return []
    return [tensor for part in output for tensor in _tensors(part)]


def _numbers(output: Any) -> list[Tensor]:
    return [tensor for tensor in _tensors(output) if tensor.is_floating_point()]
