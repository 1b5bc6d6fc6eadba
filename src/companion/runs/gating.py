"""How a run's fields say where its gates go: each in one canonical form, and all of them as one routing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from companion.files.quoting import brief
from companion.networks.architectures import Architecture
from companion.networks.routing import Routing, check_permutation

__all__ = ["canonical_gating", "routing_of"]


class Gated(Protocol):
    """What is needed of a run here."""

    @property
    def architecture(self) -> str: ...
    @property
    def gate_permutation(self) -> tuple[int, ...] | None: ...
    @property
    def gate_shifts(self) -> tuple[int, ...] | None: ...
    @property
    def gate_turns(self) -> tuple[int, ...] | None: ...
    @property
    def feature_width(self) -> int | None: ...
    @property
    def feature_activation(self) -> str: ...
    @property
    def network(self) -> Architecture: ...
    @property
    def feature_network(self) -> Architecture: ...


def canonical_gating(run: Gated) -> Mapping[str, Any]:
    """The fields that say where gates go, each in the one form in which it is kept.

    Raises:
        ValueError: one sentence that says what is valid.
    """
    order = run.gate_permutation
    if order is not None:
        order = check_permutation(order, run.network.gated_layers)
        order = None if order == tuple(range(len(order))) else order
    found: dict[str, Any] = {"gate_permutation": order, "gate_shifts": _shifts(run), "gate_turns": _turns(run)}
    if run.network.pooled:
        linear = {"feature_activation": None if run.feature_activation == "relu" else run.feature_activation}
        for name, value in (found | {"feature_width": run.feature_width} | linear).items():
            if value is not None:
                raise ValueError(f"{name} is not defined in {run.architecture}, whose pools are gates too")
    shapes = run.network.gate_shapes()
    if order is not None and any(shapes[l] != shapes[source] for l, source in enumerate(order)):
        raise ValueError(
            f"gate_permutation {brief(list(order))} exchanges layers of unlike shape in {run.architecture}"
        )
    wide, narrow = shapes[0][0], run.feature_network.gate_shapes()[0][0]
    if wide % narrow:
        raise ValueError(f"feature_width must divide the value network's width of {wide}, not {run.feature_width}")
    return found


def routing_of(run: Gated) -> Routing:
    """What happens to the gates between feature and value network."""
    tiles = run.network.gate_shapes()[0][0] // run.feature_network.gate_shapes()[0][0]
    shifts, axes = run.gate_shifts or (), _axes(run.network)
    each = tuple(shifts[at : at + axes] for at in range(0, len(shifts), axes))
    return Routing(run.gate_permutation, tiles, each, run.gate_turns or ())


def _axes(network: Architecture) -> int:
    """How many numbers make a shift: one per axis of positions, or one where layers have units alone."""
    return max(len(network.gate_shapes()[0]) - 1, 1)


def _shifts(run: Gated) -> tuple[int, ...] | None:
    """Shifts less whole turns around; one where all are alike, none where gates stay."""
    given = run.gate_shifts
    if given is None:
        return None
    shapes, axes = run.network.gate_shapes(), _axes(run.network)
    sizes = [shape[1:] or shape for shape in shapes if len(shape) == len(shapes[0])]
    if len(given) not in (axes, axes * len(sizes)):
        raise ValueError(
            f"gate_shifts must hold {axes} numbers, or {axes * len(sizes)}, {axes} for each layer, not {len(given)}"
        )
    each = [given[at : at + axes] for at in range(0, len(given), axes)]
    if len(each) == 1:
        each *= len(sizes)
    each = [tuple(s % n for s, n in zip(one, size, strict=True)) for one, size in zip(each, sizes, strict=True)]
    if not any(map(any, each)):
        return None
    return each[0] if len(set(each)) == 1 else tuple(s for one in each for s in one)


def _turns(run: Gated) -> tuple[int, ...] | None:
    """Turns, one where all are alike, none where gates stay."""
    given = run.gate_turns
    if given is None:
        return None
    shapes = [shape for shape in run.network.gate_shapes() if len(shape) == 3]
    if not shapes:
        raise ValueError(f"gate_turns needs layers with rows and columns, {run.architecture} has none")
    if not given or not all(quarters in range(4) for quarters in given):
        raise ValueError(f"gate_turns must hold quarters of a circle from 0 to 3, not {brief(list(given))}")
    if any(shape[0] % len(given) for shape in shapes):
        raise ValueError(f"gate_turns must be as many as there are equal groups of channels, not {len(given)}")
    if any(quarters % 2 for quarters in given) and any(shape[1] != shape[2] for shape in shapes):
        raise ValueError(f"gate_turns {brief(list(given))} needs square layers")
    if not any(given):
        return None
    return given[:1] if len(set(given)) == 1 else given
