"""Kernels of single layers' gates."""

import torch

from companion import kernels


def test_layer_kernels_and_overlap_count_common_units():
    a = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    assert kernels.layer_kernels([a])[0].tolist() == [[3, 1], [1, 2]]
    assert kernels.layer_kernels([a], normalise=True)[0].tolist() == [[0.75, 0.25], [0.25, 0.5]]
    assert kernels.overlap([a, a]).tolist() == [[9, 1], [1, 4]]
    assert kernels.overlap([a, a], [a[:1], a[:1]]).tolist() == [[9], [1]]
