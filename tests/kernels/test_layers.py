"""Kernels of single weight layers."""

import pytest
import torch

from companion import kernels
from companion.kernels import relu_network
from companion.kernels.layers import WeightLayerKernel
from companion.networks.families import fully_connected
from companion.networks.initialise import initialise
from support.kernels import close, examples, networks_of


def test_memory_per_example_is_far_below_the_number_of_parameters():
    network = fully_connected((784,), 128, 6, 10)
    parameters = sum(torch.Size(shape).numel() for shape in network.parameter_shapes().values())
    theta = initialise(network, torch.Generator().manual_seed(0))
    assert kernels.ntk(relu_network(network, theta)).floats < parameters / 15


@pytest.mark.parametrize("compares", [True, False])
@pytest.mark.parametrize("part", ["total", "cross"])
def test_both_forms_of_a_convolution_agree(monkeypatch, compares, part):
    monkeypatch.setattr(WeightLayerKernel, "compares_positions", property(lambda self: compares or self.positions == 1))
    dgn = networks_of("conv-average-classes-bias")["soft"]
    x = examples(dgn.architecture, 4, 1)
    for classes in ("trace", "each"):
        close(
            kernels.ntk(dgn, part=part, classes=classes)(x), kernels.ntk_reference(dgn, x, part=part, classes=classes)
        )
