"""What the tests of networks share: architectures of every kind."""

from __future__ import annotations

from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalMaxPool,
    Skip,
)
from companion.networks.families import build, circular_cnn, fully_connected, residual

IMAGE = (2, 5, 4)
NETWORKS: dict[str, Architecture] = {
    "FC": fully_connected(IMAGE, 7, 4, 3),
    "FC without biases": fully_connected((6,), 5, 3, 2, bias=False),
    "GCONV": build("GCONV", IMAGE, 3, width=2),
    "VCONV": build("VCONV", IMAGE, 3, width=2),
    "C4GAP": build("C4GAP", IMAGE, 3, width=3),
    "max pool": Architecture(IMAGE, (Conv(3), Conv(4, 5), GlobalMaxPool(), Dense(5)), 2),
    "circular": circular_cnn(6, 3, 4, 2, 2),
    "circular, flatten": Architecture((1, 6), (CircularConv(3, 3), CircularConv(2, 2), Flatten(), Dense(4)), 2, False),
    "circular, max pool": circular_cnn(6, 3, 4, 2, 1, GlobalMaxPool()),
    "residual": residual(5, 4, 2, [0.5, 2.0], [3.0, 0.3]),
    "skip first": Architecture((4,), (Skip((Dense(6), Dense(4)), 0.7, 1.3), Dense(3)), 2),
}
