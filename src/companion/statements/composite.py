"""Composite kernels of Paper B: a sum of products for skips, a sum over rotations for convolutions."""

from __future__ import annotations

import torch

from companion.kernels import npk_from_gates, npk_of_subnetworks
from companion.kernels.neural_paths import bundle_features, neural_path_features
from companion.networks.forward import trace
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, equal
from companion.statements.forward_pass import rotate
from companion.statements.oracles.cases import CNN, CNN_MAX, RESNET, Case
from companion.statements.path_kernel import paths_active_for_both, weighted_inner_product

__all__ = ["CHECKS", "sum_over_rotations", "sum_over_subnetworks"]


def _bundled(case: Case, gates: tuple[Tensor, ...]) -> Float[Tensor, "N N"]:
    """``H = Phi^T Phi`` over bundles, with gates of 0 and 1."""
    phi = bundle_features(neural_path_features(case.paths, case.x, gates), case.paths.bundles())
    return phi @ phi.T


def sum_over_subnetworks(case: Case) -> Float[Tensor, "N N"]:
    """``sum_J H^J`` (Paper B, Lemma 4.2)."""
    return sum(npk_of_subnetworks(case.architecture, case.x, case.run().G).values(), start=torch.zeros(()))


def _sum_of_products(id: str) -> list[Check]:
    H = _bundled(RESNET, RESNET.run().G)
    return [
        equal(id, "sum over the four sub-networks", sum_over_subnetworks(RESNET), H),
        equal(id, "recursion", npk_from_gates(RESNET.architecture, RESNET.x, RESNET.run().G), H),
    ]


def sum_over_rotations(case: Case, *, first: bool) -> Float[Tensor, "N N"]:
    """``sum_r <x_s, rot(x_s', r)>``, weighted by the paths active for both (Paper B, Lemma 4.3).

    ``first``: with ``x_s`` rotated instead.

    Counts are made by enumeration.  The gates of a rotated example are those the network computes for it.
    """
    n, d_in = case.n, case.architecture.input_shape[1]
    x = case.x.flatten(1)
    here, total = _folded(case, case.x), torch.zeros(n, n, dtype=x.dtype)
    for r in range(d_in):
        turned = rotate(x, r)
        gates = [torch.cat(pair) for pair in zip(here, _folded(case, rotate(case.x, r)), strict=True)]
        counts = paths_active_for_both(case, gates)
        if first:
            total += weighted_inner_product(turned, x, counts[n:, :n])
        else:
            total += weighted_inner_product(x, turned, counts[:n, n:])
    return total


def _folded(case: Case, x: Tensor) -> list[Tensor]:
    """Gates at ``x``; with a maximum pool those of the last convolution times the mask, which is a gate too."""
    run = trace(case.architecture, case.theta, x)
    if case is not CNN_MAX:
        return list(run.G)
    mask, last = case.mask(run), case.convolutions - 1
    return [G * mask if l == last and mask is not None else G for l, G in enumerate(run.G)]


def _rotations(id: str) -> list[Check]:
    checks = []
    for case in (CNN, CNN_MAX):
        gates = tuple(_folded(case, case.x))
        H = _bundled(case, gates)
        checks += [
            equal(id, f"second example rotated, {case.name}", sum_over_rotations(case, first=False), H),
            equal(id, f"first example rotated, {case.name}", sum_over_rotations(case, first=True), H),
            equal(id, f"recursion over pairs, {case.name}", npk_from_gates(case.architecture, case.x, gates), H),
        ]
        turned = npk_from_gates(case.architecture, rotate(case.x, 2), _folded(case, rotate(case.x, 2)))
        checks.append(equal(id, f"H of rotated examples, {case.name}", turned, H))
    return checks


CHECKS: dict[str, Checker] = {
    "B-L4.2": _sum_of_products,
    "B-L4.3": _rotations,
}
