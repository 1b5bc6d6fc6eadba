"""``companion film``: path kernels through training, for the page of A-F2-nu."""

from __future__ import annotations

from companion.cli.options import StoreOption, room, store_of
from companion.cli.output import say

__all__ = ["film"]


def film(store: StoreOption = None) -> None:
    """Train the filmed runs of A-F2-nu again and keep their path kernels, where a film is missing (minutes)."""
    from companion.exhibits import cells
    from companion.exhibits.a_f2_probes import F2_NU, FILMED, STAGES
    from companion.records.films import FilmStore

    kept = FilmStore(store_of(store))
    grid = cells(F2_NU.id, "paper", rows=[FILMED])
    filmed = [cell.spec for cell in grid if cell.spec.seed == 0]
    if any(kept.get(spec) is None for spec in filmed):
        room((kept.folder, "--store DIR"))
    from companion.training.films import make_film

    for spec in filmed:
        if kept.get(spec) is None:
            say(f"training {spec.key} again")
            kept.write(make_film(spec, kept.store, STAGES, [cell.spec for cell in grid]))
        print(kept.path(spec))
