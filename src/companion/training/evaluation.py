"""Test and holdout accuracy of the models of a training run, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from companion.networks.initialise import Params
from companion.notation import Tensor
from companion.runs.examples import Examples, Split
from companion.runs.objectives import predictions
from companion.runs.regimes import Model, gates, output
from companion.runs.spec import RunSpec
from companion.training.backends import chains
from companion.training.gate_cache import GateCache

__all__ = ["Evaluator", "evaluate", "evaluate_all", "evaluators"]

EVALUATION_BATCH = 500
LARGE_BATCH = 2500
"""Of a GPU, which then has fewer kernels to start."""


def evaluate_all(evaluators: Sequence[Evaluator], models: Sequence[Model], threads: int) -> list[dict[str, float]]:
    """Evaluate several models side by side, one thread each: small networks do not share out well."""
    # A GPU has one queue, and its library plans convolutions anew in every thread.
    workers = 1 if evaluators[0].device != "cpu" else min(threads, len(evaluators))
    torch.set_num_threads(threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda evaluator, model: evaluator(model), evaluators, models))


def evaluators(
    specs: Sequence[RunSpec], models: Sequence[Model], data: Split, device: str, share: float = 1.0
) -> list[Evaluator]:
    """One evaluator a run; the gates of frozen feature networks are computed once, and shared by all who use them.

    Args:
        specs: runs of one architecture on the same examples.
        models: their parameters, of which a frozen feature network stays as it is.
        data: their examples.
        device: a torch device.
        share: the part of the memory for cached gates that all of them together may take.
    """
    found = {"test_accuracy": data.test} | ({"holdout_accuracy": data.holdout} if data.holdout else {})
    sets = {name: Examples(e.inputs.to(device), e.labels.to(device)) for name, e in found.items()}
    frozen = [m for m, spec in enumerate(specs) if spec.regime.frozen]
    caches: dict[str, GateCache | None] = {}
    if frozen:
        features = [{n: t.to(device) for n, t in (models[m].feature or {}).items()} for m in frozen]
        for name, examples in sets.items():
            caches[name] = GateCache.within(share / len(sets), [specs[m] for m in frozen], features, examples.inputs)
    places = {m: place for place, m in enumerate(frozen)}
    return [Evaluator(spec, sets, device, caches, places.get(m)) for m, spec in enumerate(specs)]


@dataclass(frozen=True)
class Evaluator:
    """Test and holdout accuracy of one run.

    Args:
        spec: the run.
        sets: name of the curve to examples.
        device: a torch device.
        caches: likewise to the gates of several runs' frozen feature networks.
        place: which of them is this run's; ``None`` where it has none.
    """

    spec: RunSpec
    sets: Mapping[str, Examples]
    device: str
    caches: Mapping[str, GateCache | None]
    place: int | None

    def __call__(self, model: Model) -> dict[str, float]:
        """Name of the curve to accuracy in percent."""
        return {name: self._accuracy(name, examples, model) for name, examples in self.sets.items()}

    def _accuracy(self, name: str, examples: Examples, model: Model) -> float:
        cache, place, spec = self.caches.get(name), self.place, self.spec
        known = cache is not None and place is not None
        if self.device != "cpu" and chains.is_chain(spec.network) and (known or model.feature is None):
            return _fast(spec, model.value, examples, cache, place)
        rows = (lambda index: cache.rows(place, index)) if cache is not None and place is not None else None
        return evaluate(spec, model, examples, self.device, rows)


@torch.no_grad()
def _fast(spec: RunSpec, params: Params, examples: Examples, cache: GateCache | None, place: int | None) -> float:
    """Accuracy in percent of a chain, on the device where the examples are."""
    correct = torch.zeros((), dtype=torch.int64, device=examples.labels.device)
    params = {name: tensor.to(examples.labels.device) for name, tensor in params.items()}
    for at in range(0, len(examples), LARGE_BATCH):
        some = examples[at : at + LARGE_BATCH]
        index = torch.arange(at, at + len(some), device=some.labels.device)
        stack = None if cache is None or place is None else chains.kept(spec, cache, place, index)
        correct += (predictions(spec, chains.logits(spec, params, some.inputs, stack)) == some.labels).sum()
    return round(100 * int(correct) / len(examples), 4)


@torch.no_grad()
def evaluate(
    spec: RunSpec,
    model: Model,
    examples: Examples,
    device: str = "cpu",
    stack: Callable[[Tensor], list[Tensor]] | None = None,
) -> float:
    """Accuracy in percent, by the arithmetic of the run's training.

    Fixed gates are those of the float32 network in any precision.

    Args:
        spec: the run.
        model: its parameters.
        examples: images and labels.
        device: a torch device.
        stack: from numbers of examples to their gates, where they are known.
    """
    feature = None if model.feature is None else {n: t.to(device) for n, t in model.feature.items()}
    model = Model({n: t.to(device) for n, t in model.value.items()}, feature)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    for index in torch.arange(len(examples)).split(EVALUATION_BATCH):
        some = examples[int(index[0]) : int(index[-1]) + 1]
        x = some.inputs.to(device)
        known = stack(index) if stack else None
        if known is None and spec.regime.frozen and feature is not None:
            known = gates(spec, feature, x)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=spec.precision == "bfloat16"):
            logits = output(spec, model, x, known)
        correct += (predictions(spec, logits) == some.labels.to(device)).sum()
    return round(100 * int(correct) / len(examples), 4)
