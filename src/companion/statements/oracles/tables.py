"""Activity, feature and value of every path of the small networks, by loops over plain numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch

from companion.notation import Float, Tensor
from companion.statements.oracles import longhand
from companion.statements.oracles.cases import CNN_SIZE, FC_SIZE, POST, PRE, RESNET, RESNET_SIZE, Case

__all__ = ["PathRow", "activities", "features", "keys", "path_table", "values"]

Key = tuple[int, ...]
"""Input node, then the unit in each gated layer, -1 where the layer is passed by."""


@dataclass(frozen=True)
class PathRow:
    """One path: its value, and for each example its activity and its feature."""

    value: float
    activity: tuple[float, ...]
    feature: tuple[float, ...]


def path_table(case: Case) -> dict[Key, PathRow]:
    """Every path of the case by its key."""
    rows = _convolutional(case) if case.convolutions else _dense(case)
    x = case.x.flatten(1).tolist()
    return {key: PathRow(value, A, tuple(x[s][key[0]] * A[s] for s in range(case.n))) for key, value, A in rows}


def keys(case: Case) -> list[Key]:
    """The keys of the enumerated paths, in their order."""
    return list(zip(case.paths.source.tolist(), *(unit.tolist() for unit in case.paths.units), strict=True))


def activities(case: Case) -> Float[Tensor, "N P"]:
    """Activities in the order of the enumerated paths."""
    table = path_table(case)
    return torch.tensor([table[key].activity for key in keys(case)], dtype=torch.float64).T


def features(case: Case) -> Float[Tensor, "N P"]:
    """Features in the order of the enumerated paths."""
    table = path_table(case)
    return torch.tensor([table[key].feature for key in keys(case)], dtype=torch.float64).T


def values(case: Case) -> Float[Tensor, "P"]:
    """Values in the order of the enumerated paths."""
    table = path_table(case)
    return torch.tensor([table[key].value for key in keys(case)], dtype=torch.float64)


def _weights_and_gates(case: Case) -> tuple[list[list], list[list]]:
    theta = [case.theta[f"weight.{l}"].tolist() for l in range(case.architecture.depth)]
    return theta, [G.tolist() for G in case.run().G]


def _dense(case: Case) -> Iterator[tuple[Key, float, tuple[float, ...]]]:
    theta, gates = _weights_and_gates(case)
    skips = case is RESNET
    paths = longhand.residual_paths(*RESNET_SIZE) if skips else (((), path) for path in longhand.fc_paths(*FC_SIZE))
    for J, path in paths:
        walked = tuple(i for i in path if i >= 0)
        layers = [l for l, i in enumerate((*path[1:], 0)) if i >= 0]
        Gamma = prod(PRE[j] for j in J) * prod(POST) if skips else 1.0
        A = tuple(longhand.fc_activity(walked, [gates[l][s] for l in layers[:-1]]) for s in range(case.n))
        yield path, Gamma * longhand.fc_value(walked, [theta[l] for l in layers]), A


def _convolutional(case: Case) -> Iterator[tuple[Key, float, tuple[float, ...]]]:
    theta, gates = _weights_and_gates(case)
    d_in, d_cv = CNN_SIZE[0], case.convolutions
    mask = case.mask(case.run())
    pooled = [] if mask is None else mask.tolist()
    for source, convolutions, dense in longhand.cnn_paths(*CNN_SIZE):
        channels = [0, *(channel for _, _, channel in convolutions), *dense, 0]
        value = prod(theta[l][channels[l + 1]][channels[l]][tap] for l, (tap, _, _) in enumerate(convolutions))
        value *= prod(theta[l][channels[l]][channels[l + 1]] for l in range(d_cv, len(theta)))
        _, last, channel = convolutions[-1]
        A = tuple(
            prod(gates[l][s][c][i] for l, (_, i, c) in enumerate(convolutions))
            * pooled[s][channel][last]
            * prod(gates[d_cv + l][s][i] for l, i in enumerate(dense))
            for s in range(case.n)
        )
        yield (source, *(c * d_in + i for _, i, c in convolutions), *dense), value, A
