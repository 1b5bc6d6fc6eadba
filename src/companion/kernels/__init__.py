"""Kernels of gated networks: Gram, layer kernels, overlap, neural path kernel, neural tangent kernel and its parts.

Each is a function of two batches in which ``x2=None`` means ``x1``.  :func:`npk` and :func:`ntk` make such functions
from a :class:`DeepGatedNetwork`; they fill their matrix tile by tile, so that nothing of size examples times
parameters is held.  What needs gates alone (:func:`layer_kernels_of`, :func:`overlap_of`, :func:`gate_statistics`)
takes any :class:`~companion.networks.gated.GatedNetwork`, decoupled modules too.
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
from companion.kernels.gate_statistics import GateStatistics, gate_statistics
from companion.kernels.gated import layer_kernels_of, overlap_of
from companion.kernels.npk import npk, npk_from_gates, npk_of_subnetworks
from companion.kernels.ntk import ntk
from companion.kernels.reference import ntk_reference, tangent_features
from companion.kernels.tiled import Kernel

__all__ = [
    "DeepGatedNetwork",
    "GateStatistics",
    "Kernel",
    "angles",
    "beta_cnn",
    "beta_fc",
    "beta_residual",
    "co_activity",
    "gate_statistics",
    "gram",
    "label_alignment",
    "layer_kernels",
    "layer_kernels_of",
    "next_angle",
    "npk",
    "npk_from_gates",
    "npk_of_subnetworks",
    "ntk",
    "ntk_reference",
    "overlap",
    "overlap_of",
    "relu_network",
    "relu_ntk_limit",
    "tangent_features",
]
