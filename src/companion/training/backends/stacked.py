"""The stacked backend: ``M`` models in one step, in plain PyTorch, on any device.

Dense networks are stacked for good: parameters have a leading axis ``M`` and one batched product serves all models.
Convolutions run model by model inside the step, which is faster than grouped convolution.  Either way there is one
backward pass and one fused optimiser step for all models, and gates of frozen feature networks are computed once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager

import torch

from companion.networks.forward import Params, forward
from companion.networks.precision import fast_products, single_precision
from companion.notation import Float, Int, Tensor, ValueInput
from companion.runs.examples import Examples
from companion.runs.objectives import losses, predictions
from companion.runs.regimes import RULES, gates, stacked_gates, value_input
from companion.runs.spec import RunSpec
from companion.training.augmentation import Augmenter
from companion.training.backends import optimisers
from companion.training.backends.base import AROUND, strange
from companion.training.backends.memory import keep_freed_memory
from companion.training.gate_cache import GateCache
from companion.training.schedule import learning_rate
from companion.training.state import EpochResult, TrainState

__all__ = ["StackedBackend", "StackedEngine", "stack", "unstack"]

MANY = 4
"""Models from which on the faster library for products pays."""


def stack(many: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """``M`` dictionaries of like tensors as one, with a leading axis ``M``."""
    return {name: torch.stack([one[name] for one in many]) for name in many[0]}


def unstack(stacked: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """The inverse of :func:`stack`, on the CPU, detached."""
    size = len(next(iter(stacked.values())))
    return [{name: tensor[m].detach().cpu().clone() for name, tensor in stacked.items()} for m in range(size)]


class StackedBackend:
    """Trains many like models at once.

    Example:
        >>> StackedBackend().refusal(RunSpec(precision="tf32"))
        'only GPUs have tf32'
    """

    name = "stacked"
    KNOWS = AROUND | {
        "architecture",
        "width",
        "depth",
        "bias",
        "regime",
        "value_input",
        "gate_permutation",
        "gate_shifts",
        "gate_turns",
        "feature_width",
        "feature_activation",
        "gate_beta",
        "gate_eps",
        "optimiser",
        "learning_rate",
        "momentum",
        "nesterov",
        "weight_decay",
        "schedule",
        "augmentation",
        "batch_size",
        "loss",
        "precision",
    }

    def refusal(self, spec: RunSpec) -> str | None:
        """The precision that only GPUs have."""
        return strange(self.KNOWS, spec) or ("only GPUs have tf32" if spec.precision == "tf32" else None)

    def group(self, spec: RunSpec) -> Hashable:
        """Runs that differ in nothing but seed, value input and gate permutation."""
        return spec.stackable

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> StackedEngine:
        """One engine for all runs."""
        torch.set_num_threads(threads)
        return StackedEngine(specs, states, data, device)


class StackedEngine:
    """Some like runs in the middle of their training; they may use a ``share`` of the memory for cached gates.

    Parameters are leaves ``[M, ...]`` for dense networks (one *bundle* of ``M`` models), and plain ones for each
    model of a convolutional network (``M`` bundles of one).
    """

    capturable = False

    def __init__(
        self,
        specs: Sequence[RunSpec],
        states: Sequence[TrainState],
        data: Examples,
        device: str,
        share: float = 1.0,
    ) -> None:
        self.specs, self.initial, self.device = list(specs), list(states), device
        self.spec, self.step = specs[0], states[0].step
        self.convolutional = self.spec.network.convolutional
        if device != "cpu":
            single_precision(tensor_cores=self.spec.precision == "tf32")
        elif self.convolutional:
            keep_freed_memory()
        layout = torch.channels_last if self.convolutional else torch.contiguous_format
        self.inputs = data.inputs.to(device).contiguous(memory_format=layout)
        self.labels = data.labels.to(device)
        self.bundles = self._bundle([state.model.trainable(self.spec.regime) for state in states], leaves=True)
        # Running statistics of networks that train: each model's own, changed in place by its forward passes.
        following = [state.model.following(self.spec.regime) for state in states]
        self.following = [{n: t.detach().clone().to(device) for n, t in one.items()} for one in following]
        self.optimiser = self._optimiser(states)
        self.sums = torch.zeros(2, len(specs), device=device)
        # What enters the value network in place of images is the same for every example: made once, not in the step.
        self.entering = [
            None if spec.value_input is ValueInput.IMAGE else value_input(spec, self.inputs[:1]) for spec in specs
        ]
        self.augmenters = [Augmenter(spec, len(data), device) for spec in specs]
        features = [{} if s.model.feature is None else _to(s.model.feature, device) for s in states]
        self.features, self.cache = features, None
        if self.spec.regime.frozen and self.spec.augmentation is None:  # else an example's gates are never the same
            self.cache = GateCache.within(share, self.specs, features, self.inputs)

    def _bundle(self, models: Sequence[dict[str, Tensor]], leaves: bool = False) -> list[dict[str, Tensor]]:
        bundles = list(models) if self.convolutional else [stack(models)]
        made = []
        for bundle in bundles:
            copies = {name: tensor.detach().clone().to(self.device) for name, tensor in bundle.items()}
            if self.convolutional:
                copies = {
                    n: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for n, t in copies.items()
                }
            made.append({name: tensor.requires_grad_(leaves) for name, tensor in copies.items()})
        return made

    def _optimiser(self, states: Sequence[TrainState]) -> torch.optim.Optimizer:
        leaves = [leaf for bundle in self.bundles for leaf in bundle.values()]
        optimiser = optimisers.make(self.spec, leaves, fused=True, capturable=self.capturable)
        empty: list[dict[str, Tensor]] = [{} for _ in self.bundles]
        firsts = self._bundle([s.first for s in states]) if states[0].first else empty
        seconds = self._bundle([s.second for s in states]) if states[0].second else empty
        for bundle, first, second in zip(self.bundles, firsts, seconds, strict=True):
            for name, leaf in bundle.items():
                known = {"first": first.get(name), "second": second.get(name)}
                state = {moment: tensor for moment, tensor in known.items() if tensor is not None}
                optimisers.resume(optimiser, self.spec, leaf, self.step, state)
        return optimiser

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        """Train every run once through its examples in the given order."""
        index = torch.stack(list(orders)).to(self.device)  # [M, N]
        self.sums.zero_()
        stacked = self.device == "cpu" and not self.convolutional and len(self.specs) >= MANY
        with fast_products(wanted=stacked):
            for batch in index.split(self.spec.batch_size, dim=1):
                self.advance(batch)
                self.step += 1
        losses, correct = self.sums.tolist()
        return [EpochResult(a, round(c), index.shape[1]) for a, c in zip(losses, correct, strict=True)]

    def advance(self, batch: Int[Tensor, "M n"]) -> None:
        """One step of every model."""
        self.optimiser.zero_grad(set_to_none=not self.capturable)
        y = self.labels[batch]  # [M, n]
        for models in self._pieces():
            with self._precision():
                logits = self._logits(models, batch)  # [m, n, C]
            each = losses(self.spec, logits, y[models])
            each.mean(1).sum().backward()  # every model has its own mean, so its own gradient
            with torch.no_grad():
                right = predictions(self.spec, logits) == y[models]
                self.sums[:, models] += torch.stack([each.sum(1), right.sum(1)])
        optimisers.set_rate(self.optimiser, learning_rate(self.spec, self.step, len(self.inputs)))
        self.optimiser.step()

    def _pieces(self) -> list[slice]:
        """Models that go forward and back together: all dense ones; convolutional ones alone, to reuse their memory."""
        return [slice(m, m + 1) for m in range(len(self.specs))] if self.convolutional else [slice(None)]

    def _precision(self, reduce: bool = True) -> AbstractContextManager:
        reduced = reduce and self.spec.precision == "bfloat16"
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=reduced)

    def _logits(self, models: slice, batch: Int[Tensor, "M n"]) -> Float[Tensor, "m n C"]:
        network = self.spec.network
        if self.convolutional:
            m = models.start
            bundle, x = self.bundles[m], self._images(m, batch[m])
            everything = bundle | self.following[m]
            G = self._gates(m, everything, x, batch[m])
            return forward(network, _part(everything, "value"), self._entering(m, x), G, training=True)[None]
        if self.spec.augmentation is None:
            x = self.inputs[batch]  # [M, n, ...]
        else:
            x = torch.stack([self._images(m, own) for m, own in enumerate(batch)])
        entering = x
        if any(constant is not None for constant in self.entering):
            entering = torch.stack([self._entering(m, x[m]) for m in range(len(self.specs))])
        return forward(network, _part(self.bundles[0], "value"), entering, self._stacked_gates(batch, x))

    def _images(self, m: int, batch: Int[Tensor, "n"]) -> Float[Tensor, "n ..."]:
        """The images of one model for a batch, as its own draws alter them."""
        return self.augmenters[m](self.inputs[batch], batch, self.step)

    def _entering(self, m: int, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """What enters the value network of one model for images ``x``."""
        constant = self.entering[m]
        return x if constant is None else constant.expand_as(x)

    def _stacked_gates(self, batch: Int[Tensor, "M n"], x: Tensor) -> list[Tensor] | None:
        """Gates ``L x [M, n, W]`` of stacked dense networks."""
        if not RULES[self.spec.regime].trains_feature:
            rows = [self._gates(m, {}, x[m], batch[m]) for m in range(len(self.specs))]
            return (
                None
                if rows[0] is None
                else [torch.stack(layer) for layer in zip(*(r or [] for r in rows), strict=True)]
            )
        return stacked_gates(self.specs, _part(self.bundles[0], "feature"), x)

    def _gates(self, m: int, bundle: dict[str, Tensor], x: Tensor, batch: Int[Tensor, "n"]) -> list[Tensor] | None:
        """Gates ``L x [n, ...]`` of one model; ``None`` where it gates itself."""
        spec = self.specs[m]
        if RULES[spec.regime].feature is None:
            return None
        if self.cache is not None:
            return self.cache.rows(m, batch)
        learns = RULES[spec.regime].trains_feature
        # Fixed gates are those of the float32 network, kept or not, whatever the precision of the value network.
        with torch.set_grad_enabled(learns), self._precision(reduce=learns):
            found = gates(spec, _part(bundle, "feature") if learns else self.features[m], x, training=learns)
        reduced = spec.precision == "bfloat16" and not learns  # zeros and ones lose nothing, and products stay small
        return [layer.to(torch.bfloat16) for layer in found] if reduced else found

    def states(self) -> list[TrainState]:
        """Where every run stands, on the CPU."""
        known = [{n: optimisers.moments(self.optimiser, self.spec, t) for n, t in b.items()} for b in self.bundles]
        first, second = (
            self._separate([{n: moments[which] for n, moments in b.items() if which in moments} for b in known])
            for which in ("first", "second")
        )
        moved = [
            leaves | {n: t.detach().cpu().clone() for n, t in following.items()}
            for leaves, following in zip(self._separate(self.bundles), self.following, strict=True)
        ]
        return [
            TrainState(start.model.updated(tensors), a, b, self.step)
            for start, tensors, a, b in zip(self.initial, moved, first, second, strict=True)
        ]

    def _separate(self, bundles: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        if not self.convolutional:
            return unstack(bundles[0]) if bundles[0] else [{} for _ in self.specs]
        return [
            {n: t.detach().cpu().clone(memory_format=torch.contiguous_format) for n, t in b.items()} for b in bundles
        ]


def _to(params: Params, device: str) -> Params:
    return {name: tensor.to(device) for name, tensor in params.items()}


def _part(bundle: dict[str, Tensor], part: str) -> Params:
    return {name.removeprefix(f"{part}/"): t for name, t in bundle.items() if name.startswith(f"{part}/")}
