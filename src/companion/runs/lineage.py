"""Runs and all that they hang on."""

from __future__ import annotations

from collections.abc import Iterable

from companion.runs.spec import RunSpec

__all__ = ["with_sources"]


def with_sources(specs: Iterable[RunSpec]) -> list[RunSpec]:
    """The runs and all whose weights they need, however far back: each once, sources first.

    Args:
        specs: the runs, in any order.

    Example:
        >>> [str(run.regime) for run in with_sources([RunSpec(regime="FL")])]
        ['ReLU', 'FL']
    """
    ordered: dict[RunSpec, None] = {}

    def add(spec: RunSpec) -> None:
        for source, _ in spec.sources.values():
            add(source)
            ordered.setdefault(source)

    specs = list(specs)
    for spec in specs:
        add(spec)
    ordered |= dict.fromkeys(specs)
    return sorted(ordered, key=lambda spec: spec.generation)
