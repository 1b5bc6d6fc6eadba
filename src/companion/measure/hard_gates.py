"""What a network that has learnt through soft gates does when its gates are made hard."""

from __future__ import annotations

import torch

from companion.networks.gates import HardGate
from companion.notation import Float, Int, Tensor
from companion.runs.objectives import predictions
from companion.runs.regimes import Model, gates, output
from companion.runs.spec import RunSpec

__all__ = ["hard_gates"]

BATCH = 1000


@torch.no_grad()
def hard_gates(
    spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]
) -> dict[str, float]:
    """Accuracy in percent of a network of DL with each soft gate replaced by 1 where ``q > 0``, else 0.

    Nothing else changes: the same weights, the same routing, the same value input.

    Returns:
        ``hard_test_accuracy``.
    """
    assert model.feature is not None
    correct = 0
    for x, y in zip(inputs.split(BATCH), labels.split(BATCH), strict=True):
        stack = gates(spec, model.feature, x, gate=HardGate())
        correct += int((predictions(spec, output(spec, model, x, stack)) == y).sum())
    return {"hard_test_accuracy": round(100 * correct / len(labels), 4)}
