"""Kernels of gated networks: Gram, layer kernels, overlap, neural path kernel, neural tangent kernel and its parts.

Each is a function of two batches in which ``x2=None`` means ``x1``.  :func:`npk` and :func:`ntk` make such functions
from a :class:`DeepGatedNetwork`; they fill their matrix tile by tile, so that nothing of size examples times
parameters is held.
"""

from companion.kernels.alignment import label_alignment
from companion.kernels.base import gram, layer_kernels, overlap
from companion.kernels.constants import (
    angles,
    beta_cnn,
    beta_fc,
    beta_residual,
    co_activity,
    next_angle,
    relu_ntk_limit,
)
from companion.kernels.dgn import DeepGatedNetwork, relu_network
from companion.kernels.npk import npk, npk_from_gates, npk_of_subnetworks
from companion.kernels.ntk import ntk
from companion.kernels.reference import ntk_reference, tangent_features
from companion.kernels.tiled import Kernel

__all__ = [
    "DeepGatedNetwork",
    "Kernel",
    "angles",
    "beta_cnn",
    "beta_fc",
    "beta_residual",
    "co_activity",
    "gram",
    "label_alignment",
    "layer_kernels",
    "next_angle",
    "npk",
    "npk_from_gates",
    "npk_of_subnetworks",
    "ntk",
    "ntk_reference",
    "overlap",
    "relu_network",
    "relu_ntk_limit",
    "tangent_features",
]
