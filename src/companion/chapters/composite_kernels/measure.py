"""What the chapter on composite kernels shows: how the path kernel changes, and how it does not.

Every function draws small random networks in double precision and returns a frame of plain numbers; the same arguments
give the same frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

import pandas as pd
import torch

from companion.kernels import beta_cnn, gram, npk, npk_from_gates, relu_network
from companion.networks.architectures import Architecture
from companion.networks.families import circular_cnn, fully_connected
from companion.networks.forward import trace
from companion.networks.routing import permute
from companion.notation import Float, Tensor
from companion.render.tables import Table
from companion.statements.forward_pass import rotate
from companion.statements.oracles.cases import draw, examples
from companion.statements.oracles.expectations import expected_value_kernel

__all__ = [
    "gated_examples",
    "permutation_changes",
    "permutation_summary",
    "permutation_table",
    "pool_factor",
    "pool_table",
    "relative_change",
    "rotation_profile",
]

EXACT = 1e-10
"""Below this a relative difference is rounding."""


def relative_change(new: Float[Tensor, "N N"], old: Float[Tensor, "N N"]) -> float:
    """``|new - old| / |old|`` in Frobenius norm."""
    return float((new - old).norm() / old.norm())


def gated_examples(
    network: Architecture, n: int, seed: int
) -> tuple[Float[Tensor, "N ..."], tuple[Float[Tensor, "N ..."], ...]]:
    """Standard normal examples, and their gates in a random ReLU network in which none of them is lost on the way.

    Args:
        network: the architecture.
        n: examples.
        seed: of the examples; weights have the next one.  Where an example's output is zero, all its paths may be
            closed, and the next pair of seeds is taken.
    """
    while True:
        x = examples(network, n, seed)
        run = trace(network, draw(network, seed + 1, 1.0), x)
        if bool((run.output != 0).all()):
            return x, run.G
        seed += 2


def permutation_changes(
    draws: int, *, d_in: int = 7, w: int = 6, layers: int = 4, taps: Sequence[int] = (1, 2, 3), n: int = 6
) -> pd.DataFrame:
    """How far the path kernel ``H`` moves when gated layers change places (Paper C, the remark after Theorem 3.1).

    Gates are those of random ReLU networks: one fully connected, one convolutional with a global average pool for each
    length of its filters, and the last of these once more with a constant input of the value network.

    Args:
        draws: how many networks of each sort.
        d_in: inputs, or positions.
        w: units, or filters, of each layer.
        layers: gated layers; all of their orders but the identity are tried.
        taps: lengths of the filters.
        n: examples.

    Returns:
        One row per network, draw and order: ``network, draw, order, change``, the last as :func:`relative_change`.
    """
    networks = {"fully connected": (fully_connected((d_in,), w, layers + 1, bias=False), False)}
    for k in taps:
        networks[f"convolutional, {k} tap{'s' if k > 1 else ''}"] = (circular_cnn(d_in, k, w, layers, 1), False)
    last = list(networks)[-1]
    networks[f"{last}, constant input"] = (networks[last][0], True)
    orders = list(permutations(range(layers)))[1:]
    rows = []
    for name, (network, ones) in networks.items():
        for seed in range(draws):
            x, gates = gated_examples(network, n, 1000 * seed)
            value_input = torch.ones_like(x) if ones else x
            H = npk_from_gates(network, value_input, gates)
            for order in orders:
                moved = npk_from_gates(network, value_input, permute(gates, order))
                rows.append((name, seed, " ".join(map(str, order)), relative_change(moved, H)))
    return pd.DataFrame(rows, columns=["network", "draw", "order", "change"])


def permutation_summary(changes: pd.DataFrame) -> pd.DataFrame:
    """By network: how many orders were tried in all draws, and the median and the largest of the changes.

    Args:
        changes: as :func:`permutation_changes` makes them.

    Returns:
        ``orders, median, largest``, with the networks as index, in their order.
    """
    groups = changes.groupby("network", sort=False)["change"]
    return pd.DataFrame({"orders": groups.size(), "median": groups.median(), "largest": groups.max()})


def permutation_table(summary: pd.DataFrame) -> Table:
    """The frame of :func:`permutation_summary` as a table for the book."""
    lines = [
        {
            "network": network,
            "orders tried": row["orders"],
            "median change": _percent(row["median"]),
            "largest change": _percent(row["largest"]),
        }
        for network, row in summary.to_dict("index").items()
    ]
    return Table(pd.DataFrame(lines, dtype=object), "Relative change of H when gated layers change places")


def _percent(change: float) -> str:
    return "0 (< 1e-10)" if change < EXACT else f"{100 * change:.0f} %"


def rotation_profile(*, d_in: int = 12, w_cv: int = 3, w: int = 16, d_cv: int = 3, n: int = 20) -> pd.DataFrame:
    """How alike an example and its rotated copy are to three kernels, after Paper B, Lemma 4.3.

    The likeness of ``x`` and ``x'`` is ``H(x, x') / sqrt(H(x, x) H(x', x'))``, averaged over the examples.

    Args:
        d_in: positions.
        w_cv: taps of the filters.
        w: filters, and units of the fully connected network.
        d_cv: gated layers of both networks.
        n: examples.

    Returns:
        One row per kernel and rotation: ``kernel, rotation, likeness``.
    """
    cnn, fc = circular_cnn(d_in, w_cv, w, d_cv, 1), fully_connected((d_in,), w, d_cv + 1, bias=False)
    x = examples(cnn, n, 0)
    flat = npk(relu_network(fc, draw(fc, 1, 1.0)))
    kernels: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "Gram": gram,
        "path kernel, fully connected": lambda a, b: flat(a.flatten(1), b.flatten(1)),
        "path kernel, convolutional with average pool": npk(relu_network(cnn, draw(cnn, 2, 1.0))),
    }
    rows = []
    for name, kernel in kernels.items():
        here = kernel(x, x).diagonal()
        for r in range(d_in):
            turned = rotate(x, r)
            across, there = kernel(x, turned).diagonal(), kernel(turned, turned).diagonal()
            rows.append((name, r, float((across / (here * there).sqrt()).mean())))
    return pd.DataFrame(rows, columns=["kernel", "rotation", "likeness"])


def pool_factor(
    sizes: Sequence[tuple[int, int, int, int, int]], sigma_cv: float = 0.6, sigma_fc: float = 0.7
) -> pd.DataFrame:
    """``E[K_v] / (beta H)`` with and without the pooling mask in ``H`` (Paper B, Theorem 5.1 (ii)).

    The expectation is the average over all sign patterns of the weights, so nothing is sampled.

    Args:
        sizes: networks ``(d_in, w_cv, w, d_cv, d_fc)``, small enough to list their sign patterns.
        sigma_cv: size of the weights of convolutions.
        sigma_fc: size of the weights of dense layers.

    Returns:
        One row per network and kernel: ``size, d_in, mask, multiple, residual``.  ``multiple`` is the number ``c`` that
        brings ``c beta H`` nearest to ``E[K_v]``, ``residual`` what remains between the two, relative to ``E[K_v]``.
    """
    rows = []
    for size in sizes:
        d_in, w_cv, w, d_cv, d_fc = size
        network = circular_cnn(d_in, w_cv, w, d_cv, d_fc)
        x, gates = gated_examples(network, 3, 0)
        K = expected_value_kernel(network, x, gates, [sigma_cv] * d_cv + [sigma_fc] * d_fc)
        for mask in (False, True):
            H = npk_from_gates(network, x, gates, pool_factor=mask)
            limit = beta_cnn(d_in, d_cv, d_fc, sigma_cv, sigma_fc) * H
            multiple = float((K * limit).sum() / limit.square().sum())
            rows.append((size, d_in, mask, multiple, relative_change(multiple * limit, K)))
    return pd.DataFrame(rows, columns=["size", "d_in", "mask", "multiple", "residual"])


def pool_table(frame: pd.DataFrame) -> Table:
    """The frame of :func:`pool_factor` as a table for the book."""
    lines = [
        {
            "(d_in, w_cv, w, d_cv, d_fc)": str(row["size"]),
            "H": "with the pooling mask" if row["mask"] else "of gates 0 and 1",
            "E[K_v] / (beta H)": f"{row['multiple']:.6f}",
            "d_in²": row["d_in"] ** 2,
            "largest deviation from one multiple": "< 1e-10" if row["residual"] < EXACT else f"{row['residual']:.0e}",
        }
        for row in frame.to_dict("records")
    ]
    return Table(pd.DataFrame(lines, dtype=object), "Expectation over all sign patterns against beta H, average pool")
