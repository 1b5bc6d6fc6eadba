"""Test and holdout accuracy of the models of a training run, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from companion.runs.examples import Examples, Split
from companion.runs.objectives import predictions
from companion.runs.regimes import Model, output
from companion.runs.spec import RunSpec
from companion.training.gate_cache import GateCache

__all__ = ["Evaluator", "evaluate", "evaluate_all"]

EVALUATION_BATCH = 500


def evaluate_all(evaluators: Sequence[Evaluator], models: Sequence[Model], threads: int) -> list[dict[str, float]]:
    """Evaluate several models side by side, one thread each: small networks do not share out well."""
    # A GPU has one queue, and its library plans convolutions anew in every thread.
    workers = 1 if evaluators[0].device != "cpu" else min(threads, len(evaluators))
    torch.set_num_threads(threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda evaluator, model: evaluator(model), evaluators, models))


class Evaluator:
    """Test and holdout accuracy of one run; the gates of a frozen feature network are computed once.

    Args:
        spec: the run.
        model: its parameters, of which a frozen feature network stays as it is.
        data: its examples.
        device: a torch device.
        share: the part of the memory for cached gates that this run may take.
    """

    def __init__(self, spec: RunSpec, model: Model, data: Split, device: str, share: float = 1.0) -> None:
        self.spec, self.device = spec, device
        sets = {"test_accuracy": data.test} | ({"holdout_accuracy": data.holdout} if data.holdout else {})
        self.sets = {name: Examples(e.inputs.to(device), e.labels.to(device)) for name, e in sets.items()}
        self.caches: dict[str, GateCache | None] = {}
        if spec.regime.frozen and model.feature is not None:
            feature = {name: tensor.to(device) for name, tensor in model.feature.items()}
            for name, examples in self.sets.items():
                self.caches[name] = GateCache.within(share, [spec], [feature], examples.inputs)

    def __call__(self, model: Model) -> dict[str, float]:
        """Name of the curve to accuracy in percent."""
        return {
            name: evaluate(self.spec, model, examples, self.device, self.caches.get(name))
            for name, examples in self.sets.items()
        }


@torch.no_grad()
def evaluate(
    spec: RunSpec, model: Model, examples: Examples, device: str = "cpu", cache: GateCache | None = None
) -> float:
    """Accuracy in percent; ``cache`` holds the gates of all examples where they are known."""
    feature = None if model.feature is None else {n: t.to(device) for n, t in model.feature.items()}
    model = Model({n: t.to(device) for n, t in model.value.items()}, feature)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    for index in torch.arange(len(examples)).split(EVALUATION_BATCH):
        some = examples[int(index[0]) : int(index[-1]) + 1]
        logits = output(spec, model, some.inputs.to(device), cache.rows(0, index) if cache else None)
        correct += (predictions(spec, logits) == some.labels.to(device)).sum()
    return round(100 * int(correct) / len(examples), 4)
