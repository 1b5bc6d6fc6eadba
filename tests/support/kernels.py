"""What the tests of kernels share: small networks of every kind, examples, and what counts as equal."""

import torch

from companion.kernels import DeepGatedNetwork, relu_network
from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool, GlobalMaxPool, Skip
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.gates import SoftGate
from companion.networks.initialise import initialise

SOFT = SoftGate(4.0, 0.1)

NETWORKS = {
    "fc": fully_connected((4,), 5, 4, bias=False),
    "fc-classes-bias": fully_connected((1, 2, 2), 5, 3, classes=3, bias=True),
    "circular-average": circular_cnn(5, 2, 3, 2, 2),
    "circular-maximum": circular_cnn(5, 3, 3, 2, 1, GlobalMaxPool()),
    "conv-average": Architecture((2, 3, 4), (Conv(3), Conv(2), GlobalAveragePool(), Dense(2)), 1, False),
    "conv-average-classes-bias": Architecture((1, 4, 3), (Conv(2), Conv(12), GlobalAveragePool()), 2, True),
    "conv-maximum": Architecture((1, 3, 4), (Conv(3), Conv(2, 1), GlobalMaxPool()), 1, False),
    "conv-flatten": Architecture((2, 3, 2), (Conv(2), Conv(2), Flatten(), Dense(3)), 1, False),
    "conv-average-flatten": Architecture((1, 3, 3), (Conv(2), GlobalAveragePool(), Flatten(), Dense(2)), 1, False),
    "average-first": Architecture((2, 3, 3), (GlobalAveragePool(), Dense(3), Flatten(), Dense(2)), 1, False),
    "maximum-first": Architecture((2, 2, 3), (GlobalMaxPool(), Dense(3)), 1, False),
    "flat-flatten": Architecture((4,), (Skip((Dense(4),)), Flatten(), Dense(3)), 1, False),
    "skips": residual(3, 4, 1, (0.5, 2.0), (1.5, 0.7)),
    "deep-skips": residual(3, 3, 2, (0.5,), (1.5,)),
}


def draw(network: Architecture, seed: int) -> dict[str, torch.Tensor]:
    return initialise(network, torch.Generator().manual_seed(seed), "normal", 0.8, torch.float64)


def examples(network: Architecture, n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, *network.input_shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def networks_of(name: str) -> dict[str, DeepGatedNetwork]:
    """Self-gated and decoupled, hard and soft."""
    network = NETWORKS[name]
    theta, theta_f = draw(network, 13), draw(network, 14)
    made = {"relu": relu_network(network, theta), "soft": relu_network(network, theta, SOFT)}
    if not any(isinstance(layer, GlobalMaxPool) for layer in network.layers):
        made["fixed"] = DeepGatedNetwork(network, theta, theta_f)
        made["decoupled"] = DeepGatedNetwork(network, theta, theta_f, gate=SOFT, value_input=torch.ones_like)
    return made


def close(measured: torch.Tensor, expected: torch.Tensor) -> None:
    assert measured.shape == expected.shape
    torch.testing.assert_close(measured, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


CASES = [(name, kind) for name in NETWORKS for kind in networks_of(name)]
