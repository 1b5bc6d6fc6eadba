"""What is asked for of an exhibit, checked in one place: whoever trains or shows runs begins here.

``companion run``, ``python -m companion.experiments`` and every chapter ask with the same words, and a word that makes
no sense gets the same sentence from each, before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.exhibits import Cell, Exhibit, cells, exhibit
from companion.files.quoting import brief
from companion.project import holder
from companion.runs.fields import SpecError
from companion.runs.machine import device_of

__all__ = ["Request", "request"]


@dataclass(frozen=True)
class Request:
    """What is asked for, all of it valid.

    Args:
        exhibit: which.
        profile: one that it has.
        device: a torch device of this machine.
        train: whether what is missing is to be trained.
        cells: the runs, in their places.
        changed: the parameters whose values are not the exhibit's own, ``rows`` among them.
    """

    exhibit: Exhibit
    profile: str
    device: str
    train: bool
    cells: list[Cell]
    changed: Mapping[str, Any]

    @property
    def others(self) -> list[str]:
        """The parameters that make these other runs than the exhibit's own; ``rows`` only selects among these."""
        return [name for name in self.changed if name != "rows"]

    @property
    def own(self) -> bool:
        """Whether these are the exhibit's own runs."""
        return not self.others

    def into(self, store: Path) -> None:
        """Raise :class:`SpecError` where training would write other runs than the exhibit's own into a work tree."""
        if self.train and self.others and holder(store) is not None:
            raise SpecError(
                f"{', '.join(self.others)} of {self.exhibit.id} {'differ' if len(self.others) > 1 else 'differs'} from "
                "the exhibit's own: give such runs a store outside the work tree with --store DIR, "
                "or in a notebook with the variable COMPANION_STORE"
            )


def request(
    name: str,
    *,
    profile: object = "paper",
    device: object = "auto",
    train: object = False,
    seeds: Any = None,
    rows: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Request:
    """Check what is asked for; nothing is read or written.

    Args:
        name: the exhibit's id.
        profile: one of the exhibit's.
        device: a torch device, or ``auto``.
        train: whether to train missing runs; a word such as ``"false"``, which papermill may pass on, is none.
        seeds: how many; ``None`` is the exhibit's own number.
        rows: only these rows.
        overrides: fields of :class:`~companion.runs.spec.RunSpec` to change in every run.

    Raises:
        SpecError: a bad value, in one sentence that lists what is valid.
    """
    chosen = exhibit(name)
    if not isinstance(train, bool):
        raise SpecError(f"train must be true or false (True or False in a notebook), not {brief(train)}")
    if not isinstance(profile, str):
        raise SpecError(f"profile must be a word: valid are {', '.join(chosen.profiles)}, not {brief(profile)}")
    if not isinstance(device, str):
        raise SpecError(f"device must be a word such as auto, cpu or cuda, not {brief(device)}")
    place = device_of(device)
    grid = cells(name, profile, seeds, rows, overrides)
    given = {
        "seeds": None if seeds == chosen.seeds[profile] else seeds,
        "rows": rows and list(rows),
        "overrides": overrides or {},
    }
    changed = {parameter: value for parameter, value in given.items() if value != chosen.parameters[parameter]}
    return Request(chosen, profile, place, train, grid, changed)
