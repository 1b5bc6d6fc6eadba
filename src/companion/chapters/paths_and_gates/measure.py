"""What the chapter on paths and gates draws: active sub-networks, bundles of paths, sub-networks of a residual network.

Everything here is found by enumerating paths, so the networks are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import pandas as pd
import torch

from companion.kernels.neural_paths import (
    activity,
    bundle_values,
    count_paths,
    enumerate_paths,
    neural_path_values,
    pool_mask,
)
from companion.networks.architectures import GlobalAveragePool, GlobalMaxPool
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.forward import Params, trace
from companion.notation import Bool, Tensor
from companion.render.tables import Table
from companion.statements.oracles.cases import FC, POST, PRE, RESNET
from companion.statements.oracles.longhand import subsets
from companion.statements.paths import paths_cnn, paths_fc, paths_residual

__all__ = [
    "ActiveNetwork",
    "Bundle",
    "Cartoon",
    "Subnetwork",
    "active_networks",
    "bundles",
    "cartoons",
    "count_table",
    "residual_subnetworks",
]


@dataclass(frozen=True)
class ActiveNetwork:
    """The part of a fully connected network that one example, or two together, keep active.

    Attributes:
        title: whose it is.
        sizes: units of each layer, from the input to the output.
        on: for each layer and unit, whether it is on: its gate, or 1 for input and output.
        edges: for each pair of neighbouring layers, ``{(from, to): active paths along that weight}``.
        active: number of active paths.
        paths: number of all paths.
    """

    title: str
    sizes: tuple[int, ...]
    on: tuple[tuple[bool, ...], ...]
    edges: tuple[dict[tuple[int, int], int], ...]
    active: int
    paths: int


def active_networks(s: int = 0, t: int = 1) -> tuple[ActiveNetwork, ActiveNetwork, ActiveNetwork]:
    """The active sub-networks of two examples of the small fully connected network, and what they have in common.

    Args:
        s: one example.
        t: another.

    Raises:
        ValueError: an example that the case does not have.
    """
    for example in (s, t):
        if not 0 <= example < FC.n:
            raise ValueError(f"examples are numbered from 0 to {FC.n - 1}, not {example}")
    gates = [G.bool() for G in FC.run().G]
    A = activity(FC.paths, FC.run().G).bool()  # [N, P]
    return (
        _active("x", [G[s] for G in gates], A[s]),
        _active("x'", [G[t] for G in gates], A[t]),
        _active("both", [G[s] & G[t] for G in gates], A[s] & A[t]),
    )


def _active(title: str, gates: Sequence[Bool[Tensor, "W"]], A: Bool[Tensor, "P"]) -> ActiveNetwork:
    (d_in,) = FC.architecture.input_shape
    on = ((True,) * d_in, *(tuple(G.tolist()) for G in gates), (True,))
    nodes = [column[A].tolist() for column in (FC.paths.source, *FC.paths.units, FC.paths.node)]
    edges = []
    for start, end in pairwise(nodes):
        steps = list(zip(start, end, strict=True))
        edges.append({step: steps.count(step) for step in sorted(set(steps))})
    return ActiveNetwork(title, tuple(map(len, on)), on, tuple(edges), int(A.sum()), len(A))


@dataclass(frozen=True)
class Bundle:
    """Paths of a convolutional network that have all their weights in common (Paper B, Definition 3.3).

    Attributes:
        taps: the tap of the filter that its paths take in each convolution.
        value: the product of its weights, the same for all of its paths.
        positions: for each path, its positions from the input to the last convolution.
        activity: name of a pool to the activity of each path: its gates times its entry of the pooling mask.
    """

    taps: tuple[int, ...]
    value: float
    positions: tuple[tuple[int, ...], ...]
    activity: dict[str, tuple[float, ...]]


def _small_weights(w_cv: int, d_cv: int) -> Params:
    """Filters with the taps ``1, 1/2, 1/3, ...``, the first one with alternating signs, so that gates can close."""
    taps = 1 / torch.arange(1, w_cv + 1, dtype=torch.float64)
    theta: Params = {f"weight.{l}": taps[None, None] for l in range(d_cv)}
    theta["weight.0"] = (taps * (-1) ** torch.arange(w_cv))[None, None]
    theta[f"weight.{d_cv}"] = torch.ones(1, 1, dtype=torch.float64)
    return theta


def bundles(x: Sequence[float], w_cv: int = 2, d_cv: int = 3) -> list[Bundle]:
    """The bundles of a network with one filter in each layer, for one example; weights as in :func:`cartoons`.

    Args:
        x: the input, one number per position.
        w_cv: taps of the filters.
        d_cv: convolutions.
    """
    d_in, theta = len(x), _small_weights(w_cv, d_cv)
    example = torch.tensor([[list(x)]], dtype=torch.float64)
    paths = enumerate_paths(circular_cnn(d_in, w_cv, 1, d_cv, 1))
    A: dict[str, Tensor] = {}
    for name, pool in (("average", GlobalAveragePool()), ("maximum", GlobalMaxPool())):
        run = trace(circular_cnn(d_in, w_cv, 1, d_cv, 1, pool), theta, example)
        A[name] = activity(paths, run.G, pool_mask(pool, run.z[-1]))[0]
    index = paths.bundles()
    values = bundle_values(neural_path_values(paths, theta), index).tolist()
    positions = torch.stack([paths.source, *paths.units], dim=1)
    found = []
    for number, value in enumerate(values):
        mine = index == number
        first = int(mine.nonzero()[0, 0])
        found.append(
            Bundle(
                taps=tuple(int(weight[first]) for weight in paths.weights[:d_cv]),
                value=value,
                positions=tuple(map(tuple, positions[mine].tolist())),
                activity={name: tuple(a[mine].tolist()) for name, a in A.items()},
            )
        )
    return found


@dataclass(frozen=True)
class Cartoon:
    """A convolutional network with one filter in each layer, unrolled over its positions (Paper B, Figure 2).

    Attributes:
        title: its pool and its input.
        x: the input.
        q: pre-activations of each convolution, one for each position.
        on: its gates.
        mask: the pool's, one entry for each position.
        output: after the pool.
        edges: ``(layer, from, to, tap)``, layers and taps from 0: what the paths run along.
        active: the edges that an active path runs along.
        paths: number of paths; ``open``: of active ones.
        bundles: number of bundles; ``shared``: the paths in each.
    """

    title: str
    x: tuple[float, ...]
    q: tuple[tuple[float, ...], ...]
    on: tuple[tuple[bool, ...], ...]
    mask: tuple[float, ...]
    output: float
    edges: frozenset[tuple[int, int, int, int]]
    active: frozenset[tuple[int, int, int, int]]
    paths: int
    open: int
    bundles: int
    shared: tuple[int, ...]


def cartoons(x: Sequence[float], w_cv: int = 2, d_cv: int = 3) -> tuple[Cartoon, Cartoon, Cartoon]:
    """The three networks of Paper B's Figure 2: an average pool, a maximum pool, and that one for the rotated input.

    The paper's numbers are lost in its text; filters here have the taps ``1, 1/2, ...``, the first with alternating
    signs.

    Args:
        x: the input, one number per position.
        w_cv: taps of the filters.
        d_cv: convolutions.
    """
    turned = [*x[1:], *x[:1]]
    average, maximum = GlobalAveragePool(), GlobalMaxPool()
    return (
        _cartoon("average pool", average, x, w_cv, d_cv),
        _cartoon("maximum pool", maximum, x, w_cv, d_cv),
        _cartoon("maximum pool, input rotated by one", maximum, turned, w_cv, d_cv),
    )


def _cartoon(title: str, pool: GlobalAveragePool | GlobalMaxPool, x: Sequence[float], w_cv: int, d_cv: int) -> Cartoon:
    network = circular_cnn(len(x), w_cv, 1, d_cv, 1, pool)
    run = trace(network, _small_weights(w_cv, d_cv), torch.tensor([[list(x)]], dtype=torch.float64))
    mask = pool_mask(pool, run.z[-1])
    paths = enumerate_paths(circular_cnn(len(x), w_cv, 1, d_cv, 1))
    A = activity(paths, run.G, mask)[0] != 0
    nodes = [column.tolist() for column in (paths.source, *paths.units)]
    steps = [
        list(zip([l] * len(paths), nodes[l], nodes[l + 1], paths.weights[l].tolist(), strict=True)) for l in range(d_cv)
    ]
    return Cartoon(
        title,
        tuple(x),
        q=tuple(tuple(q[0, 0].tolist()) for q in run.q),
        on=tuple(tuple((G[0, 0] > 0).tolist()) for G in run.G),
        mask=tuple(mask[0, 0].tolist()),
        output=float(run.output[0, 0]),
        edges=frozenset(step for layer in steps for step in layer),
        active=frozenset(step for layer in steps for step, on in zip(layer, A.tolist(), strict=True) if on),
        paths=len(paths),
        open=int(A.sum()),
        bundles=int(paths.bundles().max()) + 1,
        shared=tuple(torch.bincount(paths.bundles()).tolist()),
    )


@dataclass(frozen=True)
class Subnetwork:
    """A fully connected network inside a residual one (Paper B, Definition 2.3).

    Attributes:
        J: the blocks that its paths go through, numbered from 1.
        blocks: number of blocks of the whole network, the first and the last included.
        paths: number of its paths.
        gamma: the product of its constants (Paper B, Definition 3.4).
        output: its part ``<phi, v>`` of the output at one example.
    """

    J: tuple[int, ...]
    blocks: int
    paths: int
    gamma: float
    output: float


def residual_subnetworks(example: int = 0) -> list[Subnetwork]:
    """The ``2^b`` sub-networks of the small residual network; their outputs add up to its output."""
    paths, phi, v = RESNET.paths, RESNET.features()[example], RESNET.values()
    b, found = len(PRE), []
    for J in subsets(b):
        mine = torch.stack([flag if j in J else ~flag for j, flag in enumerate(paths.through)]).all(0)
        gamma = prod(PRE[j] for j in J) * prod(POST)
        output = float(phi[mine] @ v[mine])
        found.append(Subnetwork(tuple(j + 1 for j in J), b + 2, int(mine.sum()), gamma, output))
    return found


def count_table() -> Table:
    """Paths by formula and by counting, from networks that fit on a page to those that are trained."""
    dense: tuple[tuple[int, int, int], ...] = ((4, 3, 4), (784, 128, 6))
    convolutional: tuple[tuple[int, int, int, int, int], ...] = ((3, 2, 1, 3, 1), (5, 2, 3, 2, 2), (32, 3, 128, 4, 1))
    skipping: tuple[tuple[int, int, int, int], ...] = ((3, 3, 2, 2), (32, 128, 8, 2))
    lines = [
        *[
            (
                f"fully connected, (d_in, w, d) = {size}",
                paths_fc(*size),
                count_paths(fully_connected(size[:1], *size[1:])),
            )
            for size in dense
        ],
        *[
            (f"convolutional, (d_in, w_cv, w, d_cv, d_fc) = {size}", paths_cnn(*size), count_paths(circular_cnn(*size)))
            for size in convolutional
        ],
        *[
            (
                f"residual, (d_in, w, b, d_blk) = {(d_in, w, b, d_blk)}",
                paths_residual(d_in, w, b, d_blk),
                count_paths(residual(d_in, w, d_blk, (1.0,) * b, (1.0,) * b)),
            )
            for d_in, w, b, d_blk in skipping
        ],
    ]
    frame = pd.DataFrame(
        [
            {
                "network": name,
                "P by formula": f"{formula:.4g}",
                "P by counting": f"{counted:.4g}",
                "equal": "yes" if formula == counted else "no",
            }
            for name, formula, counted in lines
        ],
        dtype=object,
    )
    return Table(
        frame, "Number of neural paths: the formulas of Proposition 3.1 of Paper B beside a count node by node"
    )
