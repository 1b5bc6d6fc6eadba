"""What moving gates does to the path kernel: exactly nothing in some networks, a great deal in others.

Random networks of a few units in double precision, and no training.  A change is that of the kernel under moved gates
against the kernel under gates in their place, in Frobenius norm; for tiled gates it is that against the kernel of the
narrow network times the number of tiles for each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch

from companion.kernels import npk_from_gates
from companion.networks.architectures import Architecture, Conv, GlobalAveragePool
from companion.networks.families import circular_cnn, fully_connected
from companion.networks.forward import trace
from companion.networks.initialise import initialise
from companion.networks.routing import Routing
from companion.notation import Float, Tensor
from companion.render.tables import Table

__all__ = ["EXACT", "INPUTS", "Tiny", "change_table", "kernel_changes", "tiny_networks"]

EXACT = 1e-10
"""Below this a relative change is rounding."""
INPUTS = ("image", "ones", "image, moved along")
"""What enters the value network; the last only where all layers' gates move alike, and the image as they do."""
TILES = 3
EXAMPLES = 6


@dataclass(frozen=True)
class Tiny:
    """A tiny network, and what can be done to the gates of its layers.

    Args:
        name: of the kind of network.
        narrow: the feature network.
        wide: the value network of the same layers, :data:`TILES` times as wide.
        moves: name to routing.
    """

    name: str
    narrow: Architecture
    wide: Architecture
    moves: Mapping[str, Routing]


def tiny_networks() -> tuple[Tiny, ...]:
    """Fully connected; convolutions around a circle; convolutions of images with zeros around them."""

    def images(channels: int) -> Architecture:
        convolutions = (Conv(channels),) * 3
        return Architecture((1, 5, 5), (*convolutions, GlobalAveragePool()), 1, bias=False)

    line = {"shifted alike": Routing(shifts=((2,),)), "shifted apart": Routing(shifts=((1,), (2,), (3,), (5,)))}
    plane = {
        "shifted alike": Routing(shifts=((2, 1),)),
        "shifted apart": Routing(shifts=((2, 1), (0, 3), (4, 2))),
        "turned alike": Routing(turns=(1,)),
        "tiled, turned apart": Routing(tiles=TILES, turns=(0, 1, 2)),
    }
    tiled = {"tiled": Routing(tiles=TILES)}
    return (
        Tiny(
            "fully connected",
            fully_connected((6,), 4, 5, bias=False),
            fully_connected((6,), 4 * TILES, 5, bias=False),
            tiled | line,
        ),
        Tiny("convolutional, around a circle", circular_cnn(7, 3, 4, 4, 1), circular_cnn(7, 3, 12, 4, 1), tiled | line),
        Tiny("convolutional, zeros around the image", images(4), images(4 * TILES), tiled | plane),
    )


def kernel_changes(draws: int = 3) -> pd.DataFrame:
    """How far the path kernel moves when gates move within their layer.

    Args:
        draws: random networks and sets of examples of each kind.

    Returns:
        One row per network, move, input of the value network and draw: ``network, move, input, draw, change``.
    """
    lines = []
    for tiny in tiny_networks():
        for draw in range(draws):
            for move, routing in tiny.moves.items():
                for name, change in _changes(tiny, routing, draw).items():
                    lines.append((tiny.name, move, name, draw, change))
    return pd.DataFrame(lines, columns=["network", "move", "input", "draw", "change"])


def _changes(tiny: Tiny, move: Routing, draw: int) -> dict[str, float]:
    """Input of the value network to change."""
    generator = torch.Generator().manual_seed(draw)
    x = torch.randn(EXAMPLES, *tiny.narrow.input_shape, generator=generator, dtype=torch.float64)
    params = initialise(tiny.narrow, generator, "normal", 1.0, torch.float64)
    gates = trace(tiny.narrow, params, x).G
    value = tiny.wide if move.tiles > 1 else tiny.narrow
    moved = move.apply(gates)
    inputs = {"image": x, "ones": torch.ones_like(x)}
    positioned = x.dim() > 2
    if positioned and move.tiles == 1 and len(move.shifts or move.turns) == 1:
        inputs["image, moved along"] = move.apply([x])[0]
    found = {}
    for name, entering in inputs.items():
        own = x if name == "image, moved along" else entering
        before = npk_from_gates(tiny.narrow, own, gates) * move.tiles**tiny.narrow.gated_layers
        found[name] = _relative(npk_from_gates(value, entering, moved), before)
    return found


def _relative(new: Float[Tensor, "N N"], old: Float[Tensor, "N N"]) -> float:
    return float((new - old).norm() / old.norm())


def change_table(changes: pd.DataFrame) -> Table:
    """The frame of :func:`kernel_changes`: one line per network and move, one column per input, the largest change."""
    largest = changes.groupby(["network", "move", "input"], sort=False)["change"].max()
    lines = []
    for network, move in dict.fromkeys(zip(changes["network"], changes["move"], strict=True)):
        line = {"network": network, "gates": move}
        for name in INPUTS:
            line[f"value network sees {name}"] = _words(largest.get((network, move, name)))
        lines.append(line)
    title = f"Relative change of the path kernel, the largest of {changes['draw'].nunique()} random networks, live"
    return Table(pd.DataFrame(lines, dtype=object), title)


def _words(change: float | None) -> str:
    if change is None:
        return "–"
    return "none" if change < EXACT else f"{100 * change:.0f}%"
