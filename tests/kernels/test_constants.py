"""Constants and limits of wide networks."""

from math import pi

import pytest
import torch

from companion import kernels
from companion.kernels import relu_network
from companion.networks.families import fully_connected
from companion.networks.initialise import initialise
from support.kernels import close, examples


def test_angles_and_their_recursion():
    x = torch.tensor([[1.0, 0.0], [1.0, 1e-9], [-2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    close(kernels.angles(x)[0], torch.tensor([0.0, 1e-9, pi, pi / 2], dtype=torch.float64))
    theta = torch.linspace(0.3, pi, 20, dtype=torch.float64)
    close(kernels.next_angle(theta).cos(), (theta.sin() + (pi - theta) * theta.cos()) / pi)
    tiny = torch.tensor([1e-5, 0.0999999, 0.1000001], dtype=torch.float64)
    close(kernels.next_angle(tiny[:1]) / tiny[:1], 1 - tiny[:1] / (3 * pi))
    assert float(kernels.next_angle(tiny[2:]) - kernels.next_angle(tiny[1:2])) == pytest.approx(2e-7, rel=0.1)
    close(kernels.co_activity(torch.tensor([0.0, pi])), torch.tensor([0.5, 0.0]))


def test_limit_kernel_is_what_wide_networks_come_near():
    network, x = fully_connected((6,), 2048, 3, bias=False), examples(fully_connected((6,), 1, 2), 4, 5)
    theta = initialise(network, torch.Generator().manual_seed(0), "normal", (2 / 2048) ** 0.5, torch.float64)
    limit = kernels.relu_ntk_limit(x, depth=3, scale=2**0.5)
    K = kernels.ntk(relu_network(network, theta))(x)
    assert float((K - limit).norm() / limit.norm()) < 0.12
    close(kernels.relu_ntk_limit(x[:1], x, depth=3, scale=2**0.5), limit[:1])
