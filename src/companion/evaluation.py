"""Test and holdout accuracy of the models of a training run, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from companion.examples import Examples, Split
from companion.notation import Tensor
from companion.objectives import predictions
from companion.regimes import Model, gates, output
from companion.spec import RunSpec

__all__ = ["Evaluator", "evaluate", "evaluate_all"]

EVALUATION_BATCH = 500


def evaluate_all(evaluators: Sequence[Evaluator], models: Sequence[Model], threads: int) -> list[dict[str, float]]:
    """Evaluate several models side by side, one thread each: small networks do not share out well."""
    workers = min(threads, len(evaluators))
    torch.set_num_threads(threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda evaluator, model: evaluator(model), evaluators, models))


class Evaluator:
    """Test and holdout accuracy of one run; the gates of a frozen feature network are computed once."""

    def __init__(self, spec: RunSpec, model: Model, data: Split, device: str) -> None:
        self.spec, self.device = spec, device
        self.sets = {"test_accuracy": data.test} | ({"holdout_accuracy": data.holdout} if data.holdout else {})
        small = not spec.network.convolutional
        self.stacks: dict[str, list[list[Tensor]]] = {}
        if spec.regime.frozen and small and model.feature is not None:
            for name, examples in self.sets.items():
                batches = examples.inputs.split(EVALUATION_BATCH)
                self.stacks[name] = [[g.bool() for g in gates(spec, model.feature, batch)] for batch in batches]

    def __call__(self, model: Model) -> dict[str, float]:
        """Name of the curve to accuracy in percent."""
        return {
            name: evaluate(self.spec, model, examples, self.device, self.stacks.get(name))
            for name, examples in self.sets.items()
        }


@torch.no_grad()
def evaluate(
    spec: RunSpec,
    model: Model,
    examples: Examples,
    device: str = "cpu",
    stacks: Sequence[list[Tensor]] | None = None,
) -> float:
    """Accuracy in percent; ``stacks`` holds each batch's gates where they are known."""
    feature = None if model.feature is None else {n: t.to(device) for n, t in model.feature.items()}
    model = Model({n: t.to(device) for n, t in model.value.items()}, feature)
    batches = zip(examples.inputs.split(EVALUATION_BATCH), examples.labels.split(EVALUATION_BATCH), strict=True)
    correct = 0
    for i, (x, y) in enumerate(batches):
        logits = output(spec, model, x.to(device), stacks[i] if stacks else None)
        correct += int((predictions(spec, logits).cpu() == y).sum())
    return round(100 * correct / len(examples), 4)
