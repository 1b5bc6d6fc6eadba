"""The neural path kernel ``H(s, s') = <phi_s, phi_s'>`` without a single path.

A recursion over the layers keeps the inner product of all *partial* paths that end at the same unit for both examples:

* dense layer: it is multiplied by ``<G_l(s), G_l(s')>``, so ``H`` is a product (Paper A, Lemma 4.1; Paper B, Lemma
4.1);
* skip: the value before the block and the value through it add up, a sum of products (Paper B, Lemma 4.2);
* convolution: paths that share weights go in parallel at different positions, see :mod:`companion.kernels.pairs`
  (Paper B, Lemma 4.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod

import torch

from companion.kernels.base import gram
from companion.kernels.checks import require_batch
from companion.kernels.dgn import DeepGatedNetwork, require_plain
from companion.kernels.pairs import Pairs, parallel
from companion.kernels.tiled import Batch, Kernel
from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
    Layer,
    Skip,
)
from companion.notation import Float, Tensor

__all__ = ["npk", "npk_from_gates", "npk_of_subnetworks"]


def npk(dgn: DeepGatedNetwork, *, normalise: bool = False, pool_factor: bool = False) -> Kernel:
    """The neural path kernel of a deep gated network as a function of two batches of examples.

    Args:
        dgn: the network; its gates and its value input make the path features.
        normalise: divide each gated layer by the choices a path has there: units, or filters times taps.  Then the
            kernel stays bounded as the width grows (Paper C, Eq. 2).
        pool_factor: count the ``1 / positions`` of an average pool among the gates, as Paper B's Definition 3.2 does.
            Its Lemma 4.3 and Theorem 5.1 leave it out, which is the default.

    Example:
        >>> import torch
        >>> from companion.networks.families import fully_connected
        >>> from companion.networks.initialise import initialise
        >>> network = fully_connected((3,), width=8, depth=3, bias=False)
        >>> theta = initialise(network, torch.Generator().manual_seed(0))
        >>> H = npk(DeepGatedNetwork(network, theta, theta))
        >>> H(torch.eye(3)).shape
        torch.Size([3, 3])
    """
    pooled = _pooled_by_maximum(dgn.architecture)

    def factors(batch: Batch) -> Batch:
        (x,) = batch
        with torch.no_grad():
            gates = dgn.gates(x)
            factors = [dgn.value_input(x), *gates]
            if pooled is not None:
                z = factors[0] if pooled == 0 else dgn.value_trace(x, gates).z[pooled - 1]
                factors[pooled] = _largest(factors[pooled], z)
            return factors

    kernel = _kernel(dgn.architecture, normalise, pool_factor, factors)
    return replace(kernel, shapes=[dgn.input_shape], dtype=dgn.dtype)


def npk_from_gates(
    architecture: Architecture,
    x1: Float[Tensor, "N ..."],
    gates1: Sequence[Float[Tensor, "N ..."]],
    x2: Float[Tensor, "M ..."] | None = None,
    gates2: Sequence[Float[Tensor, "M ..."]] | None = None,
    *,
    normalise: bool = False,
    pool_factor: bool = False,
) -> Float[Tensor, "N M"]:
    """The path kernel of given inputs under given gates (Paper A, Lemma 4.1; Paper B, Lemmas 4.1 to 4.3).

    Args:
        architecture: of the value network.
        x1: what enters the value network, ``[N, *input_shape]``.
        gates1: ``L`` gates ``[N, *gate_shape]``; for a maximum pool those of the last convolution, or ``x1`` where
            there is none, times the pooling mask.
        x2: other inputs; ``None`` means ``x1``.
        gates2: their gates.
        normalise: as in :func:`npk`.
        pool_factor: as in :func:`npk`.

    Raises:
        TypeError: no tensors of one floating type; gates of bool want ``.double()``.
        ValueError: wrong number or shapes of inputs and gates, no example, or only one of ``x2`` and ``gates2``.

    Example:
        The products of the inputs times how many gates both have open:

        >>> from companion.networks.families import fully_connected
        >>> x, gates = torch.tensor([[5.0], [2.0]]), [torch.tensor([[1.0, 0.0], [1.0, 1.0]])]
        >>> npk_from_gates(fully_connected((1,), width=2, depth=2, bias=False), x, gates)
        tensor([[25., 10.],
                [10.,  8.]])
    """
    if (x2 is None) != (gates2 is None):
        raise ValueError("x2 and gates2 go together: give both or neither")
    require_plain(architecture)
    for side, x, gates in ((1, x1, gates1), (2, x2, gates2)):
        if x is None or gates is None:
            continue
        if len(gates) != architecture.gated_layers:
            raise ValueError(f"{architecture.gated_layers} gated layers need as many gates, not {len(gates)}")
        require_batch(f"x{side}", (x,), [architecture.input_shape])
        require_batch(f"gates{side}", gates, architecture.gate_shapes())
    kernel = _kernel(architecture, normalise, pool_factor, lambda batch: batch)
    return kernel([x1, *gates1], None if x2 is None or gates2 is None else [x2, *gates2])


def npk_of_subnetworks(
    architecture: Architecture, x: Float[Tensor, "N D"], gates: Sequence[Float[Tensor, "N W"]]
) -> dict[tuple[int, ...], Float[Tensor, "N N"]]:
    """``H^J`` for every set ``J`` of blocks gone through, numbered from 1 (Paper B, Definition 2.3, Lemma 4.2).

    The gates are those of the whole residual network, not of a network without skips.

    Args:
        architecture: a residual network of dense layers (:func:`companion.networks.families.residual`).
        x: what enters it.
        gates: of its ``L`` gated layers.

    Example:
        >>> from companion.networks.families import residual
        >>> network, ones = residual(d_in=1, w=2, d_blk=1, pre=[1.0], post=[1.0]), torch.ones(1, 2)
        >>> {J: float(H) for J, H in npk_of_subnetworks(network, torch.tensor([[3.0]]), [ones, ones]).items()}
        {(): 18.0, (1,): 36.0}
    """
    skips = [layer for layer in architecture.layers if isinstance(layer, Skip)]
    result = {}
    for size in range(len(skips) + 1):
        for J in combinations(range(1, len(skips) + 1), size):
            layers, kept = _without_skips(architecture, J)
            result[J] = npk_from_gates(
                Architecture(architecture.input_shape, layers, 1, bias=False), x, [gates[l] for l in kept]
            )
    return result


def _without_skips(architecture: Architecture, J: tuple[int, ...]) -> tuple[tuple[Layer, ...], list[int]]:
    """The dense layers that remain when blocks outside ``J`` are passed by, and which gates are theirs."""
    layers: list[Layer] = []
    kept: list[int] = []
    block = position = 0
    for layer in architecture.layers:
        inner = layer.layers if isinstance(layer, Skip) else (layer,)
        block += isinstance(layer, Skip)
        if not isinstance(layer, Skip) or block in J:
            layers += inner
            kept += range(position, position + len(inner))
        position += len(inner)
    return tuple(layers), kept


def _kernel(
    architecture: Architecture, normalise: bool, pool_factor: bool, factors: Callable[[Batch], Batch]
) -> Kernel:
    require_plain(architecture)
    before, end = _positional(architecture)
    flattens = isinstance(end, Flatten)  # before it weights are not shared between positions
    paired = end is not None and (before > 0 or not flattens)
    positions = prod(architecture.input_shape[1:])
    floats = prod(architecture.input_shape) + sum(prod(shape) for shape in architecture.gate_shapes())

    def combine(f1: Batch, f2: Batch) -> Tensor:
        walk = _Walk(f1, f2, normalise, pool_factor)
        if not paired:
            return walk(architecture.layers, gram(f1[0], f2[0]))
        return walk(architecture.layers, parallel(f1[0], f2[0], diagonal=flattens))

    area = 1 if not paired else 3 * positions if flattens else 3 * positions**2
    return Kernel(factors, combine, floats, area)


class _Walk:
    """One recursion through the layers; consumes the gates of both batches as it goes."""

    def __init__(self, f1: Batch, f2: Batch, normalise: bool, pool_factor: bool) -> None:
        self.normalise, self.pool_factor = normalise, pool_factor
        self.gates: Iterator[tuple[Tensor, Tensor]] = iter(zip(f1[1:], f2[1:], strict=True))

    def __call__(self, layers: Sequence[Layer], S: Tensor | Pairs) -> Tensor:
        for layer in layers:
            match layer, S:
                case Dense(width), Tensor():
                    a, b = next(self.gates)
                    S = self.scaled(S * (a @ b.T), width)
                case ((Conv() | CircularConv()), Pairs()):
                    a, b = next(self.gates)
                    S = S.convolve(layer).gate(parallel(a, b, diagonal=S.diagonal))
                    S = Pairs(self.scaled(S.values, layer.channels * layer.kernel**S.axes), S.axes, S.diagonal)
                case ((GlobalAveragePool() | GlobalMaxPool()), Pairs()):
                    averaged = self.pool_factor and isinstance(layer, GlobalAveragePool)
                    S = S.total() / (S.positions**2 if averaged else 1)
                case Flatten(), _:
                    S = S.total() if isinstance(S, Pairs) else S
                case Skip(inner), Tensor():
                    S = S + self(inner, S)
                case _:
                    raise ValueError(f"the path kernel does not know what {layer} does to paths here")
        assert not isinstance(S, Pairs)  # an architecture pools or flattens before its output layer
        return S

    def scaled(self, S: Tensor, choices: int) -> Tensor:
        return S / choices if self.normalise else S


def _positional(architecture: Architecture) -> tuple[int, Layer | None]:
    """How many layers keep the positions of the input, and the layer that ends them; ``None`` without positions."""
    for l, layer in enumerate(architecture.layers if len(architecture.input_shape) > 1 else ()):
        if isinstance(layer, Flatten | GlobalAveragePool | GlobalMaxPool):
            return l, layer
    return 0, None


def _pooled_by_maximum(architecture: Architecture) -> int | None:
    """The weight layers before a maximum pool: convolutions, of which each is gated."""
    before, end = _positional(architecture)
    return before if isinstance(end, GlobalMaxPool) else None


def _largest(G: Tensor, z: Tensor) -> Tensor:
    """Times the one-hot mask of each channel's largest output (Paper B, Definition 2.2)."""
    flat = z.flatten(2)
    return G * torch.zeros_like(flat).scatter(2, flat.argmax(2, keepdim=True), 1.0).view_as(z)
