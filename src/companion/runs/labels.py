"""Labels that a run trains on where they are not the dataset's: noise."""

from __future__ import annotations

import torch

from companion.notation import Int, Tensor
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

__all__ = ["noisy"]


def noisy(spec: RunSpec, labels: Int[Tensor, "N"]) -> Int[Tensor, "N"]:
    """A random fraction of the examples gets another label, once for the whole run.

    It is drawn uniformly from all classes, its own among them, or, where the spec says ``wrong``, from all others.
    """
    if not spec.label_noise:
        return labels
    generator = stream(spec.seed, "labels")
    chosen = torch.randperm(len(labels), generator=generator)[: round(spec.label_noise * len(labels))]
    labels = labels.clone()
    classes = len(spec.class_names)
    if spec.noise_kind == "wrong":
        labels[chosen] += torch.randint(1, classes, (len(chosen),), generator=generator)
        return labels % classes
    labels[chosen] = torch.randint(classes, (len(chosen),), generator=generator)
    return labels
