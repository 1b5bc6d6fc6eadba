"""The register of exhibits: exhibit x profile -> cells.  Which runs make which row and column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from companion.exhibits import (
    a_f2_stages,
    a_t2_accuracy,
    b_f4_permutations,
    b_f4_resnet,
    b_f5_hidden_layers,
    c_dlgn,
    c_t2_label_noise,
    c_tiling,
)
from companion.exhibits.a_f2_probes import F2_K, F2_NU
from companion.exhibits.a_f2_stages import F2_STAGES
from companion.exhibits.a_machine import MACHINE
from companion.exhibits.a_s_size import S_SIZE
from companion.exhibits.a_sensitivity import S_BIAS, S_GATE, S_STEP, S_TEACHER, S_WIDTH
from companion.exhibits.a_t2_accuracy import T2
from companion.exhibits.b_f4_permutations import E1
from companion.exhibits.b_f4_resnet import RESNET
from companion.exhibits.b_f5_hidden_layers import F5
from companion.exhibits.c_dlgn import DLGN
from companion.exhibits.c_e1_kernel import E1_KERNEL
from companion.exhibits.c_s_width import S_WIDTH_E1
from companion.exhibits.c_t2_label_noise import T2_NOISE
from companion.exhibits.c_tiling import TILING
from companion.exhibits.claim import Claim
from companion.exhibits.grid import PROFILES, Cell, Exhibit
from companion.files.quoting import brief
from companion.runs.fields import SpecError

__all__ = ["CLAIMS", "EXHIBITS", "MOST_SEEDS", "PROFILES", "Cell", "Exhibit", "cells", "exhibit"]

MOST_SEEDS = 1000
"""Seeds that may be asked for: the grids of more would take hours to write down."""

PAPER_A: tuple[Exhibit, ...] = (T2, F2_STAGES, F2_NU, F2_K, MACHINE, S_GATE, S_TEACHER, S_STEP, S_BIAS, S_WIDTH, S_SIZE)
"""In the order of the book."""

PAPERS_B_C: tuple[Exhibit, ...] = (E1, E1_KERNEL, S_WIDTH_E1, F5, RESNET, T2_NOISE, TILING, DLGN)
"""The same."""

EXHIBITS: Mapping[str, Exhibit] = MappingProxyType({e.id: e for e in (*PAPER_A, *PAPERS_B_C)})
"""By id, in the order of the book."""

MODULES = (
    a_t2_accuracy,
    a_f2_stages,
    b_f4_permutations,
    b_f5_hidden_layers,
    b_f4_resnet,
    c_t2_label_noise,
    c_tiling,
    c_dlgn,
)
CLAIMS: tuple[Claim, ...] = tuple(claim for module in MODULES for claim in module.CLAIMS)
"""What the papers say of these tables and figures as a whole."""


OVERRIDES = "overrides must map fields of RunSpec, other than regime and seed, to values"


def exhibit(name: str) -> Exhibit:
    """An exhibit by its id; ``SpecError`` lists the valid ones."""
    if not isinstance(name, str) or name not in EXHIBITS:
        raise SpecError(f"unknown exhibit {brief(name)}: valid are {', '.join(EXHIBITS)}")
    return EXHIBITS[name]


def cells(
    name: str,
    profile: str,
    seeds: int | None = None,
    rows: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> list[Cell]:
    """The grid of an exhibit.

    Args:
        name: the exhibit's id.
        profile: one that the exhibit has.
        seeds: how many, from 0; ``None`` is the profile's own number.
        rows: only these rows.
        overrides: fields of :class:`~companion.runs.spec.RunSpec` to change in every run.

    Raises:
        SpecError: one sentence that lists what is valid.
    """
    chosen = exhibit(name)
    if profile not in chosen.profiles:
        raise SpecError(f"unknown profile {brief(profile)} for {name}: valid are {', '.join(chosen.profiles)}")
    whole = isinstance(seeds, int) and not isinstance(seeds, bool)
    if seeds is not None and not (whole and 1 <= seeds <= MOST_SEEDS):
        raise SpecError(f"seeds must be a whole number of at least 1 and at most {MOST_SEEDS}, not {brief(seeds)}")
    if overrides is not None and not isinstance(overrides, Mapping):
        raise SpecError(f"{OVERRIDES}, not {brief(overrides)}")
    if {"regime", "seed"} & set(overrides or ()):
        raise SpecError(f"{OVERRIDES}: both are the exhibit's own")
    grid = chosen.cells(profile, seeds)
    if rows is not None:
        valid = list(dict.fromkeys(cell.row for cell in grid))
        if isinstance(rows, str) or not isinstance(rows, Sequence) or not rows or not all(r in valid for r in rows):
            raise SpecError(f"rows must be a list of some of {', '.join(valid)}, not {brief(rows)}")
        grid = [cell for cell in grid if cell.row in rows]
    if overrides:
        grid = [chosen.changed(cell, overrides) for cell in grid]
    return grid
