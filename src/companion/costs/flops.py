"""What a run costs in floating-point operations.

A multiply-add is two operations, a backward pass costs two forward passes less the gradient of the input, testing
after each epoch counts, and fixed gates are computed once, unless images are altered in every epoch.
"""

from __future__ import annotations

from companion.data import DATASETS
from companion.notation import Regime
from companion.runs.spec import RunSpec

__all__ = ["epoch_flops", "run_flops", "training_flops"]


def training_flops(spec: RunSpec) -> int:
    """Operations of one training step for one example.

    With ``F`` forward multiply-adds, ``F_1`` of them in the first and ``F_out`` in the output layer: ``2 (3F - F_1)``.
    Fixed gates are known before the first step and add nothing, but those of altered images ``2 (F - F_out)``; in DL
    the feature network trains too and adds ``2 (3 (F - F_out) - F_1)``.  These are its own ``F``.
    """
    layers = [layer.macs for layer in spec.network.weight_shapes()]
    feature = [layer.macs for layer in spec.feature_network.weight_shapes()]
    hidden = sum(feature[:-1])
    gates = 2 * (3 * hidden - feature[0]) if spec.regime is Regime.DL else 2 * hidden if _anew(spec) else 0
    return 2 * (3 * sum(layers) - layers[0]) + gates


def epoch_flops(spec: RunSpec) -> int:
    """Operations of one epoch: every training example once, then every test and holdout example forward."""
    trained, tested = _examples(spec)
    feature = _feature_macs(spec) if spec.regime is Regime.DL else 0
    return trained * training_flops(spec) + tested * 2 * (spec.network.macs() + feature)


def run_flops(spec: RunSpec, epochs: int | None = None) -> int:
    """Operations of a run, the gates of a fixed feature network for all examples included.

    Args:
        spec: the run.
        epochs: how many it trained, where it stopped early.
    """
    trained, tested = _examples(spec)
    once = tested + (0 if _anew(spec) else trained)
    fixed = once * 2 * _feature_macs(spec) if spec.regime.frozen else 0
    return (spec.epochs if epochs is None else epochs) * epoch_flops(spec) + fixed


def _anew(spec: RunSpec) -> bool:
    """Whether fixed gates are computed in every step: those of an image that is altered are not those of the image."""
    return spec.regime.frozen and spec.augmentation is not None


def _examples(spec: RunSpec) -> tuple[int, int]:
    """How many examples a run trains on, and how many it is tested on after each epoch, the holdout among them."""
    info = DATASETS[spec.dataset]
    kept = len(spec.class_names) / info.classes  # near enough: classes are about equally frequent
    trained = min(spec.train_size or info.train_size, round(kept * info.train_size)) - spec.holdout
    tested = min(spec.test_size or info.test_size, round(kept * info.test_size)) + spec.holdout
    return trained, tested


def _feature_macs(spec: RunSpec) -> int:
    """Multiply-adds of one example in a feature network, which has no output layer."""
    return sum(layer.macs for layer in spec.feature_network.weight_shapes()[:-1])
