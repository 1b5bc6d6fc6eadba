"""The base kernel: at random weights the gates of a layer see only the angle between what enters it."""

from __future__ import annotations

from math import pi

import torch

from companion import kernels
from companion.kernels import angles, co_activity, next_angle
from companion.networks.families import fully_connected
from companion.networks.forward import trace
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, count, differ, near, slope
from companion.statements.oracles.cases import draw, examples

__all__ = ["CHECKS", "printed_base_kernel"]


def printed_base_kernel(theta: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """``1/2 - theta``, as Paper B prints it: the angle lacks its factor ``1 / (2 pi)``."""
    return 0.5 - theta


def _fractions(w: int, seed: int, layers: int) -> tuple[Float[Tensor, "L N N"], Float[Tensor, "L N N"]]:
    """Fractions of gates active for both, and the angles of what enters each layer, in a network of width ``w``."""
    network = fully_connected((8,), w, layers + 1, bias=False)
    x = examples(network, 10, 90)
    run = trace(network, draw(network, seed, (2 / w) ** 0.5), x)
    fractions = torch.stack(kernels.layer_kernels(run.G, normalise=True))
    return fractions, torch.stack([angles(z) for z in run.inputs[:-1]])


def _base_kernel(id: str) -> list[Check]:
    widths, draws, errors = (64, 256, 1024), 6, []
    for w in widths:
        samples = [_fractions(w, 500 + w + k, 3) for k in range(draws)]
        errors.append(sum(float((H - co_activity(theta)).square().mean()) for H, theta in samples) ** 0.5 / draws**0.5)
    fractions, theta = _fractions(1024, 499, 3)
    away = ~torch.eye(10, dtype=torch.bool).expand_as(theta)
    worst = float((fractions - co_activity(theta))[away].abs().max())
    printed = float((fractions - printed_base_kernel(theta))[away].abs().max())
    return [
        near(
            id,
            "slope of the deviation in width",
            slope([float(w) for w in widths], errors),
            -0.5,
            0.1,
            form="corrected",
        ),
        near(id, "largest deviation at width 1024", worst, 0.0, 5 * 0.5 / 1024**0.5, form="corrected"),
        near(id, "1/2 - angle: largest deviation", printed, 0.0, 5 * 0.5 / 1024**0.5, form="printed"),
    ]


def _recursion(steps: int) -> Float[Tensor, "steps angles"]:
    theta = torch.tensor([0.05, 0.5, 1.0, 2.0, 3.0, pi], dtype=torch.float64)
    rows = [theta]
    for _ in range(steps):
        theta = next_angle(theta)
        rows.append(theta)
    return torch.stack(rows)


def _infinite(id: str) -> list[Check]:
    """The recursion of the angle in an infinitely wide network."""
    steps = 10_000
    table = _recursion(steps)
    exact = torch.acos((torch.sin(table[:50]) + (pi - table[:50]) * torch.cos(table[:50])) / pi)
    last = float(table[-1, 2])
    half = float(co_activity(table[-1, 2]))
    return [
        near(id, "recursion against the arc cosine", float((table[1:51] - exact).abs().max()), 0.0, 1e-7),
        count(id, "angles that do not decrease, infinite width", int((table[1:] >= table[:-1]).sum()), 0),
        near(id, "l theta_l / (3 pi) at l = 10000, infinite width", steps * last / (3 * pi), 1.0, 0.005),
        near(id, "H/w at l = 10000, infinite width", half, 0.5, 2e-4),
    ]


def _finite(id: str) -> list[Check]:
    """Thirty layers of width 1000, averaged over four draws and all pairs of examples."""
    depth, draws = 30, 4
    pairs = ~torch.eye(10, dtype=torch.bool)
    fractions = torch.stack([_fractions(1000, 7 + k, depth)[0] for k in range(draws)]).mean(0)
    mean = torch.stack([H[pairs].mean() for H in fractions])
    theta, predicted = angles(examples(fully_connected((8,), 1, 2, bias=False), 10, 90)), []
    for _ in range(depth):
        predicted.append(co_activity(theta)[pairs].mean())
        theta = next_angle(theta)
    gap = float((mean - torch.stack(predicted)).abs().max())
    some = mean[[0, 2, 9, 29]]
    half = torch.tensor(0.5, dtype=torch.float64)
    return [
        near(id, "largest gap to the recursion, width 1000, depth 30", gap, 0.0, 0.03),
        count(id, "falls of the mean fraction between layers 1, 3, 10, 30", int((some[1:] <= some[:-1]).sum()), 0),
        differ(id, "still short of 1/2 at depth 30", mean[-1], half, at_least=0.03),
    ]


def _depth(id: str) -> list[Check]:
    return [*_infinite(id), *_finite(id)]


CHECKS: dict[str, Checker] = {
    "B-Base": _base_kernel,
    "B-CONJ": _depth,
}
