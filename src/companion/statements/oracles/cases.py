"""The small networks on which statements are checked: fixed seeds, double precision, no biases, one output."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from companion.kernels.neural_paths import Paths, enumerate_paths, neural_path_features, neural_path_values, pool_mask
from companion.networks.architectures import Architecture, CircularConv, GlobalAveragePool, GlobalMaxPool
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.forward import Params, Trace, trace
from companion.networks.gates import Gate, HardGate, SoftGate
from companion.networks.initialise import initialise
from companion.notation import Float, Tensor

__all__ = [
    "CASES",
    "CNN",
    "CNN_MAX",
    "CNN_SIZE",
    "D_BLK",
    "FC",
    "FC_SIZE",
    "POST",
    "PRE",
    "RESNET",
    "RESNET_SIZE",
    "SOFT",
    "Case",
    "draw",
    "examples",
]

SOFT = SoftGate(beta=4.0, eps=0.0)
"""The soft gate of Paper A, without the constant that only its code adds."""


def draw(architecture: Architecture, seed: int, sigma: float, scheme: str = "normal") -> Params:
    """Parameters in double precision from a generator of their own."""
    return initialise(architecture, torch.Generator().manual_seed(seed), scheme, sigma, torch.float64)


def examples(architecture: Architecture, n: int, seed: int) -> Float[Tensor, "N ..."]:
    """``n`` standard normal examples in double precision."""
    return torch.randn(n, *architecture.input_shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass(frozen=True)
class Case:
    """A network with parameters and examples.

    Args:
        name: for tables.
        architecture: the network.
        seed: of the parameters; the examples and a second network have seeds beside it.
        n: number of examples.
        sigma: standard deviation of the parameters.
    """

    name: str
    architecture: Architecture
    seed: int
    n: int = 5
    sigma: float = 1.0

    @property
    def theta(self) -> Params:
        """The parameters, or those of the value network."""
        return _draw(self.architecture, self.seed, self.sigma)

    @property
    def theta_f(self) -> Params:
        """Other, independent parameters for a feature network."""
        return _draw(self.architecture, self.seed + 1, self.sigma)

    @property
    def x(self) -> Float[Tensor, "N ..."]:
        """The examples."""
        return examples(self.architecture, self.n, self.seed + 2)

    @property
    def paths(self) -> Paths:
        """All paths."""
        return _paths(self.architecture)

    def run(self, gate: Gate | None = None) -> Trace:
        """One pass of the network over its examples, gated by itself."""
        return trace(self.architecture, self.theta, self.x, gate=gate or HardGate())

    def mask(self, run: Trace) -> Tensor | None:
        """The pooling mask of that pass; ``None`` without a pool."""
        for layer in self.architecture.layers:
            if isinstance(layer, GlobalAveragePool | GlobalMaxPool):
                return pool_mask(layer, run.z[self.convolutions - 1])
        return None

    @property
    def convolutions(self) -> int:
        """Number of convolutional layers."""
        return sum(isinstance(layer, CircularConv) for layer in self.architecture.layers)

    def features(self, gate: Gate | None = None) -> Float[Tensor, "N P"]:
        """``phi`` of every path, the pooling mask included."""
        run = self.run(gate)
        return neural_path_features(self.paths, self.x, run.G, self.mask(run))

    def values(self) -> Float[Tensor, "P"]:
        """``v`` of every path."""
        return neural_path_values(self.paths, self.theta)


@cache
def _draw(architecture: Architecture, seed: int, sigma: float) -> Params:
    return draw(architecture, seed, sigma)


@cache
def _paths(architecture: Architecture) -> Paths:
    return enumerate_paths(architecture)


FC_SIZE = (4, 3, 4)
"""``(d_in, w, d)``."""

CNN_SIZE = (5, 2, 3, 2, 2)
"""``(d_in, w_cv, w, d_cv, d_fc)``."""

D_BLK, PRE, POST = 2, (0.5, 1.5), (1.25, 0.8)
RESNET_SIZE = (3, 3, D_BLK, len(PRE))
"""``(d_in, w, d_blk, b)``."""

FC = Case("fully connected", fully_connected(FC_SIZE[:1], FC_SIZE[1], FC_SIZE[2], bias=False), seed=676)
CNN = Case("convolutional, average pool", circular_cnn(*CNN_SIZE), seed=200)
CNN_MAX = Case("convolutional, maximum pool", circular_cnn(*CNN_SIZE, GlobalMaxPool()), seed=300)
RESNET = Case("residual", residual(3, 3, D_BLK, PRE, POST), seed=502)
CASES = (FC, CNN, CNN_MAX, RESNET)
