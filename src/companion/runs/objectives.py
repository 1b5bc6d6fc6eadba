"""What a run minimises, and what it answers."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from companion.notation import Float, Int, Tensor
from companion.runs.spec import RunSpec

__all__ = ["losses", "predictions"]


def losses(spec: RunSpec, output: Float[Tensor, "*M N C"], labels: Int[Tensor, "*M N"]) -> Float[Tensor, "*M N"]:
    """The loss of every example: cross-entropy in nats, or ``(y_hat - y)^2`` with labels ``y`` of minus and plus 1."""
    output = output.to(torch.promote_types(output.dtype, torch.float32))  # not in what autocast rounds to
    if spec.loss == "squared-error":
        return (output[..., 0] - (2.0 * labels - 1)).square()
    return F.cross_entropy(output.flatten(0, -2), labels.flatten(), reduction="none").view_as(labels)


def predictions(spec: RunSpec, output: Float[Tensor, "*M N C"]) -> Int[Tensor, "*M N"]:
    """The class of every example: the largest output, or the sign of the only one."""
    return (output[..., 0] > 0).to(torch.int64) if spec.loss == "squared-error" else output.argmax(-1)
