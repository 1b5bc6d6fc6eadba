"""What the gates of a network do on a set of examples, layer by layer, in one pass and without comparing pairs.

The mean overlap within a class follows from the sum of the class's gates alone: ``sum_(s, s') <G(s), G(s')> = |sum_s
G(s)|^2`` over all pairs of a class, from which the pairs of an example with itself are taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from companion.kernels.checks import require_batch, require_labels
from companion.networks.gated import GatedNetwork, gates_alone
from companion.notation import Float, Int, Tensor

__all__ = ["GateStatistics", "gate_statistics"]


@dataclass(frozen=True)
class GateStatistics:
    """One gated layer on a set of examples; all but ``units`` and ``examples`` are fractions from 0 to 1.

    Args:
        layer: its name.
        units: gates of one example: channels times positions.
        examples: how many there were.
        active: gates that are not 0.
        mean: mean of the gates; where they are 0 or 1 the same as ``active``.
        dead: units whose gate is 0 for every example.
        constant: units whose gate is the same for every example, the dead ones included.
        dead_channels: channels all of whose units are dead.
        within: ``<G(s), G(s')> / units``, the mean over pairs of different examples of one class; ``None`` without
            labels, or without such a pair.
        between: the same over pairs of examples of different classes.

    Example:
        >>> from torch import nn
        >>> import companion
        >>> model, x = nn.Sequential(nn.Identity(), nn.ReLU()).eval(), torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> (layer,) = gate_statistics(companion.decouple(model, x), x, torch.tensor([0, 1]))
        >>> layer.units, layer.within, layer.between
        (2, None, 0.5)
    """

    layer: str
    units: int
    examples: int
    active: float
    mean: float
    dead: float
    constant: float
    dead_channels: float
    within: float | None
    between: float | None


def gate_statistics(
    network: GatedNetwork,
    x: Float[Tensor, "N ..."],
    labels: Int[Tensor, "_"] | None = None,
    *,
    batch: int = 128,
) -> list[GateStatistics]:
    """Statistics of each gated layer of a network on the examples ``x``; choices of maximum pools are left out.

    Memory: the gates of ``batch`` examples, and for each layer ``units`` times two, and times the number of classes.

    Args:
        network: in evaluation mode; its ``gate_names`` name the layers, if it has any, else their numbers from 0.
        x: examples.
        labels: class of each, for the overlaps.
        batch: examples that go through the network together; changes no result.

    Raises:
        TypeError: examples that are no tensor of floating type.
        ValueError: a network in training mode, or without gates; no examples; not one label for each.

    Example:
        >>> from torch import nn
        >>> import companion
        >>> model, x = nn.Sequential(nn.Identity(), nn.ReLU()).eval(), torch.tensor([[1.0, -1.0], [1.0, 1.0]])
        >>> (layer,) = gate_statistics(companion.decouple(model, x), x)
        >>> layer.active, layer.constant, layer.dead
        (0.75, 0.5, 0.0)
    """
    if len(x) == 0 or batch < 1:
        raise ValueError("gate statistics need at least one example, and at least one in a batch")
    require_batch("x", (x,))
    if labels is not None:
        require_labels("labels", labels, len(x))
    classes = torch.zeros(len(x), dtype=torch.long) if labels is None else labels.unique(return_inverse=True)[1]
    layers: list[_Layer] = []
    for part, of_part in zip(x.split(batch), classes.split(batch), strict=True):
        gates = gates_alone(network, part)
        layers = layers or [_Layer(G, int(classes.max()) + 1) for G in gates]
        for layer, G in zip(layers, gates, strict=True):
            layer.add(G, of_part.to(G.device))
    names: Sequence[str] = getattr(network, "gate_names", None) or [str(l) for l in range(len(layers))]
    counts = classes.bincount().double()
    return [layer.result(name, counts, labels is not None) for name, layer in zip(names, layers, strict=True)]


class _Layer:
    """Sums over the examples seen so far."""

    def __init__(self, G: Tensor, classes: int) -> None:
        shape = G.shape[1:]
        dtype = torch.float32 if G.dtype == torch.bool else G.dtype
        self.shape = shape
        self.least = torch.full(shape, torch.inf, dtype=dtype, device=G.device)
        self.most = torch.full(shape, -torch.inf, dtype=dtype, device=G.device)
        self.sums = torch.zeros(classes, shape.numel(), dtype=dtype, device=G.device)
        self.open, self.squares = 0, torch.zeros(classes, dtype=torch.float64, device=G.device)

    def add(self, G: Tensor, labels: Tensor) -> None:
        G = G.to(self.sums.dtype)
        self.least, self.most = torch.minimum(self.least, G.amin(0)), torch.maximum(self.most, G.amax(0))
        self.open += int(G.count_nonzero())
        flat = G.flatten(1)
        self.sums.index_add_(0, labels, flat)
        self.squares.index_add_(0, labels, flat.double().square().sum(1))

    def result(self, name: str, counts: Tensor, labelled: bool) -> GateStatistics:
        units, examples = self.shape.numel(), int(counts.sum())
        dead = (self.least == 0) & (self.most == 0)
        of_channel = dead.flatten(1).all(1) if dead.dim() > 1 else dead
        within, between = self._overlaps(counts, units) if labelled else (None, None)
        return GateStatistics(
            layer=name,
            units=units,
            examples=examples,
            active=self.open / (units * examples),
            mean=float(self.sums.double().sum()) / (units * examples),
            dead=float(dead.double().mean()),
            constant=float((self.least == self.most).double().mean()),
            dead_channels=float(of_channel.double().mean()),
            within=within,
            between=between,
        )

    def _overlaps(self, counts: Tensor, units: int) -> tuple[float | None, float | None]:
        of_classes = sum((float(row.double().square().sum()) for row in self.sums), 0.0)
        of_all = float(self.sums.double().sum(0).square().sum())
        alike = float((counts * (counts - 1)).sum())
        unlike = float(counts.sum() ** 2 - counts.square().sum())
        within = (of_classes - float(self.squares.sum())) / (alike * units) if alike else None
        return within, (of_all - of_classes) / (unlike * units) if unlike else None
