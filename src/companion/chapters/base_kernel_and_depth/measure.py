"""What the chapter on the base kernel shows: gates that are open for both of two examples, layer by layer.

Every function draws random ReLU networks in double precision, or follows the recursion of the angle that holds for
infinitely many units, and returns a frame of plain numbers; the same arguments give the same frame.  Weights have
standard deviation ``sqrt(2 / W)`` in every layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import pandas as pd
import torch

from companion.kernels import angles, co_activity, layer_kernels, next_angle
from companion.networks.families import fully_connected
from companion.networks.forward import Trace, trace
from companion.notation import Float, Int, Tensor
from companion.statements.base_kernel import printed_base_kernel
from companion.statements.check import slope
from companion.statements.oracles.cases import draw, examples

__all__ = [
    "INFINITE",
    "angle_recursion",
    "base_kernel_lines",
    "base_kernel_points",
    "depth_profile",
    "deviations",
    "fitted_slope",
    "gate_fractions",
    "mean_deviations",
    "on_half_circle",
    "random_pass",
]

INFINITE = "infinite"
"""The width for which the recursion holds."""


def random_pass(x: Float[Tensor, "N D"], w: int, layers: int, seed: int) -> Trace:
    """One pass of ``x`` through a random ReLU network of ``layers`` gated layers, each ``w`` wide, without biases."""
    network = fully_connected((x.shape[1],), w, layers + 1, bias=False)
    return trace(network, draw(network, seed, (2 / w) ** 0.5), x)


def gate_fractions(run: Trace) -> tuple[Float[Tensor, "L P"], Float[Tensor, "L P"]]:
    """``H_l / w`` for all ``P`` pairs of different examples, and the angles between what enters each layer."""
    pairs = _pairs(len(run.output))
    fractions = torch.stack([H[pairs] for H in layer_kernels(run.G, normalise=True)])
    return fractions, torch.stack([angles(z)[pairs] for z in run.inputs[:-1]])


def _pairs(n: int) -> tuple[Int[Tensor, "P"], ...]:
    return torch.triu_indices(n, n, offset=1).unbind()


def on_half_circle(n: int) -> Float[Tensor, "N 2"]:
    """``n`` unit vectors evenly spread over half a circle: their angles are multiples of ``pi / (n - 1)``."""
    at = torch.linspace(0, pi, n, dtype=torch.float64)
    return torch.stack([at.cos(), at.sin()], dim=1)


def base_kernel_points(w: int, *, layers: int = 3, n: int = 17, seed: int = 0) -> pd.DataFrame:
    """Fractions of gates open for both, against the angle of what enters the layer: ``layer, angle, fraction``.

    Args:
        w: width.
        layers: gated layers, numbered from 1.
        n: examples, on half a circle.
        seed: of the weights.
    """
    fractions, theta = gate_fractions(random_pass(on_half_circle(n), w, layers, seed))
    return pd.concat(
        pd.DataFrame({"layer": l + 1, "angle": theta[l].numpy(), "fraction": fractions[l].numpy()})
        for l in range(layers)
    )


def base_kernel_lines(points: int = 101) -> pd.DataFrame:
    """What Paper B's base kernel should be at each angle, right and as printed: ``angle, corrected, printed``."""
    theta = torch.linspace(0, pi, points, dtype=torch.float64)
    lines = {"angle": theta, "corrected": co_activity(theta), "printed": printed_base_kernel(theta)}
    return pd.DataFrame({name: line.numpy() for name, line in lines.items()})


def deviations(widths: Sequence[int], draws: int, *, layers: int = 3) -> pd.DataFrame:
    """How far gate fractions are from ``1/2 - angle / (2 pi)`` at finite width: ``width, draw, deviation``.

    Args:
        widths: of the networks.
        draws: networks of each width.
        layers: gated layers; the deviation is the root mean square over layers and pairs of examples.
    """
    x, rows = on_half_circle(17), []
    for w in widths:
        for k in range(draws):
            fractions, theta = gate_fractions(random_pass(x, w, layers, 1000 * w + k))
            rows.append((w, k, float((fractions - co_activity(theta)).square().mean().sqrt())))
    return pd.DataFrame(rows, columns=["width", "draw", "deviation"])


def mean_deviations(frame: pd.DataFrame) -> pd.Series:
    """The mean of :func:`deviations` over draws, by width."""
    return frame.groupby("width")["deviation"].mean()


def fitted_slope(means: pd.Series) -> float:
    """The exponent of the power law through the means of :func:`mean_deviations`."""
    return slope([float(w) for w in means.index], means.to_list())


def angle_recursion(starts: Sequence[float], steps: int) -> pd.DataFrame:
    """The angle after each layer of an infinitely wide network, at layers evenly spread over a logarithmic axis.

    Args:
        starts: first angles, in radians.
        steps: layers; the number of the first is 1.

    Returns:
        One row per start and layer: ``start, layer, angle, asymptote``, the last being ``3 pi / layer``.
    """
    theta = torch.tensor(list(starts), dtype=torch.float64)
    shown = {round(steps ** (i / 100)) for i in range(101)}
    rows = []
    for layer in range(1, steps + 1):
        theta = next_angle(theta)
        if layer in shown:
            rows += [(start, layer, angle, 3 * pi / layer) for start, angle in zip(starts, theta.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=["start", "layer", "angle", "asymptote"])


def depth_profile(widths: Sequence[int], depth: int, draws: int, *, d_in: int = 8, n: int = 10) -> pd.DataFrame:
    """Mean fraction of gates open for both of two random examples, layer by layer, at finite and at infinite width.

    Args:
        widths: finite widths.
        depth: gated layers.
        draws: networks of each width.
        d_in: inputs.
        n: examples, the same for all networks.

    Returns:
        One row per width, draw and layer: ``width, draw, layer, fraction``; the width of the recursion is
        :data:`INFINITE`, its draw 0.
    """
    x = examples(fully_connected((d_in,), 1, 2, bias=False), n, 0)
    rows = []
    for w in widths:
        for k in range(draws):
            fractions, _ = gate_fractions(random_pass(x, w, depth, 100 * w + k))
            rows += [(str(w), k, l + 1, mean) for l, mean in enumerate(fractions.mean(1).tolist())]
    theta = angles(x)[_pairs(n)]
    for l in range(depth):
        rows.append((INFINITE, 0, l + 1, float(co_activity(theta).mean())))
        theta = next_angle(theta)
    return pd.DataFrame(rows, columns=["width", "draw", "layer", "fraction"])
