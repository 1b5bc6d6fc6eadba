"""What every probe works on: the first examples of each class, parameters in double precision."""

from __future__ import annotations

import torch

from companion.networks.forward import Params
from companion.notation import Int, Tensor

__all__ = ["ALIGNMENT_EXAMPLES", "NORM_EXAMPLES", "double", "first_of_each_class"]

ALIGNMENT_EXAMPLES, NORM_EXAMPLES = 100, 20
"""Examples of each class, as in Paper A and its code."""


def first_of_each_class(labels: Int[Tensor, "N"], count: int) -> Int[Tensor, "n"]:
    """Indices of the first ``count`` examples of every class, class after class."""
    return torch.cat([(labels == c).nonzero()[:count, 0] for c in labels.unique()])


def double(params: Params) -> Params:
    """The same parameters in double precision."""
    return {name: tensor.double() for name, tensor in params.items()}
