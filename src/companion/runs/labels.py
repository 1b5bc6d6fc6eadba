"""Labels that a run trains on where they are not the dataset's: noise."""

from __future__ import annotations

import torch

from companion.notation import Int, Tensor
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

__all__ = ["noisy"]


def noisy(spec: RunSpec, labels: Int[Tensor, "N"]) -> Int[Tensor, "N"]:
    """A random fraction of the examples gets a label drawn uniformly from all classes, once for the whole run."""
    if not spec.label_noise:
        return labels
    generator = stream(spec.seed, "labels")
    chosen = torch.randperm(len(labels), generator=generator)[: round(spec.label_noise * len(labels))]
    labels = labels.clone()
    labels[chosen] = torch.randint(len(spec.class_names), (len(chosen),), generator=generator)
    return labels
