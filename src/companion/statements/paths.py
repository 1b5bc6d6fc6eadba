"""Paths and bundles: how many there are, and what tells them apart."""

from __future__ import annotations

from math import comb, prod

import torch

from companion.kernels.neural_paths import count_paths, enumerate_paths, neural_path_values
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.forward import trace
from companion.statements.check import Check, Checker, count, equal
from companion.statements.oracles import longhand
from companion.statements.oracles.cases import CNN, CNN_SIZE, D_BLK, POST, PRE, RESNET

__all__ = ["CHECKS", "paths_cnn", "paths_fc", "paths_residual"]


def paths_fc(d_in: int, w: int, d: int) -> int:
    """``P = d_in w^(d-1)``."""
    return d_in * w ** (d - 1)


def paths_cnn(d_in: int, w_cv: int, w: int, d_cv: int, d_fc: int) -> int:
    """``P = d_in (w_cv w)^d_cv w^(d_fc - 1)``."""
    return d_in * (w_cv * w) ** d_cv * w ** (d_fc - 1)


def paths_residual(d_in: int, w: int, b: int, d_blk: int) -> int:
    """``P = d_in sum_i (b over i) w^((i + 2) d_blk - 1)``."""
    return d_in * sum(comb(b, i) * w ** ((i + 2) * d_blk - 1) for i in range(b + 1))


def _count_fc(id: str) -> list[Check]:
    checks = []
    for d_in, w, d in ((4, 3, 4), (2, 2, 3), (5, 1, 2)):
        brute = sum(1 for _ in longhand.fc_paths(d_in, w, d))
        paths = enumerate_paths(fully_connected((d_in,), w, d, bias=False))
        named = torch.stack((paths.source, *paths.units), dim=1).unique(dim=0)
        aspect = f"d_in={d_in}, w={w}, d={d}"
        checks += [
            count(id, f"formula against brute force, {aspect}", paths_fc(d_in, w, d), brute),
            count(id, f"paths told apart by their index maps, {aspect}", len(named), brute),
        ]
    return checks


def _count_three(id: str) -> list[Check]:
    checks = _count_fc(id)
    for size in ((5, 2, 3, 2, 2), (3, 2, 2, 2, 1), (4, 3, 1, 3, 3)):
        brute = sum(1 for _ in longhand.cnn_paths(*size))
        checks += [
            count(id, f"CNN formula, (d_in, w_cv, w, d_cv, d_fc)={size}", paths_cnn(*size), brute),
            count(id, f"CNN recursion, (d_in, w_cv, w, d_cv, d_fc)={size}", count_paths(circular_cnn(*size)), brute),
        ]
    for d_in, w, b, d_blk in ((2, 2, 2, 1), (3, 2, 2, 2), (2, 3, 1, 2)):
        brute = sum(1 for _ in longhand.residual_paths(d_in, w, d_blk, b))
        network = residual(d_in, w, d_blk, (1.0,) * b, (1.0,) * b)
        aspect = f"(d_in, w, b, d_blk)={(d_in, w, b, d_blk)}"
        checks += [
            count(id, f"ResNet formula, {aspect}", paths_residual(d_in, w, b, d_blk), brute),
            count(id, f"ResNet recursion, {aspect}", count_paths(network), brute),
        ]
    return checks


def _index_maps(id: str) -> list[Check]:
    checks, paths = [], RESNET.paths
    for J in longhand.subsets(2):
        through = torch.stack([flag if j in J else ~flag for j, flag in enumerate(paths.through)]).all(0)
        checks.append(
            count(id, f"paths through the blocks {J}", int(through.sum()), paths_fc(3, 3, (len(J) + 2) * D_BLK))
        )
    first = ("weight.2", "weight.3")  # the weights of the first inner block
    emptied = {name: value * (name not in first) for name, value in RESNET.theta.items()}
    past = ~paths.through[0]
    checks.append(
        equal(
            id,
            "weights of a skipped block count as 1",
            neural_path_values(paths, emptied)[past],
            RESNET.values()[past],
        )
    )
    return checks


def _bundles(id: str) -> list[Check]:
    paths, expected = CNN.paths, len(CNN.paths) // CNN_SIZE[0]
    return [
        count(id, "same offsets, filters and dense units", int(paths.bundles().max()) + 1, expected, form="corrected"),
        count(id, "convolutions compared alone", int(paths.bundles(2).max()) + 1, expected, form="printed"),
    ]


def _bundle_size(id: str) -> list[Check]:
    checks = []
    for size in ((5, 2, 3, 2, 2), (3, 2, 2, 2, 1), (4, 3, 1, 3, 3)):
        sizes = torch.bincount(enumerate_paths(circular_cnn(*size)).bundles())
        checks += [
            count(id, f"smallest bundle, (d_in, w_cv, w, d_cv, d_fc)={size}", int(sizes.min()), size[0]),
            count(id, f"largest bundle, (d_in, w_cv, w, d_cv, d_fc)={size}", int(sizes.max()), size[0]),
        ]
    return checks


def _normalisation(id: str) -> list[Check]:
    checks = []
    for J in longhand.subsets(2):
        through = torch.stack([flag if j in J else ~flag for j, flag in enumerate(RESNET.paths.through)]).all(0)
        Gamma = prod(PRE[j] for j in J) * prod(POST)
        scale = RESNET.paths.scale[through]
        checks.append(equal(id, f"blocks {J}", scale, torch.full_like(scale, Gamma)))
    return checks


def _cartoon(id: str) -> list[Check]:
    network = circular_cnn(d_in=3, w_cv=2, w=1, d_cv=3, d_fc=1)  # with one filter the output weight adds no paths
    sizes = torch.bincount(enumerate_paths(network).bundles())
    theta = {name: torch.full(shape, 0.5, dtype=torch.float64) for name, shape in network.parameter_shapes().items()}
    theta["weight.0"] = torch.tensor([[[1.0, -0.5]]], dtype=torch.float64)
    x = torch.tensor([[[0.3, -1.0, 2.0]]], dtype=torch.float64)
    here, turned = trace(network, theta, x), trace(network, theta, x.roll(-1, 2))
    return [
        count(id, "paths by the formula", paths_cnn(3, 2, 1, 3, 1), sum(1 for _ in longhand.cnn_paths(3, 2, 1, 3, 1))),
        count(id, "paths enumerated", int(sizes.sum()), 3 * 2**3),
        count(id, "bundles", len(sizes), 8),
        count(id, "paths in each bundle", int(sizes.max()), 3),
        *[equal(id, f"layer {l + 1} rotates", turned.z[l], here.z[l].roll(-1, 2)) for l in range(3)],
        equal(id, "the output does not change", turned.output, here.output),
    ]


CHECKS: dict[str, Checker] = {
    "A-paths": _count_fc,
    "B-P3.1": _count_three,
    "B-N3.1": _index_maps,
    "B-D3.3": _bundles,
    "B-P3.2": _bundle_size,
    "B-D3.4": _normalisation,
    "B-F2": _cartoon,
}
