"""Exhibits as grids of runs: exhibit x profile -> cells.  Plain data: which runs make which row and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from companion.notation import Regime
from companion.spec import RunSpec, SpecError

__all__ = ["EXHIBITS", "PROFILES", "Cell", "Exhibit", "cells", "exhibit"]

PROFILES = ("quick", "cpu", "paper")
REGIMES = tuple(Regime)


@dataclass(frozen=True)
class Cell:
    """One run in its place in an exhibit.

    Args:
        exhibit: e.g. ``A-T2``.
        profile: ``quick``, ``cpu`` or ``paper``.
        row: the paper's row, e.g. ``FC/SGD/MNIST``.
        column: the paper's column, e.g. ``FR-II``.
        variant: empty for the run that the paper's number is set beside; else what is different about it.
        spec: the run.
    """

    exhibit: str
    profile: str
    row: str
    column: str
    variant: str
    spec: RunSpec


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure.

    Args:
        id: as in the catalogue of statements.
        title: in our words.
        paper: ``A``, ``B`` or ``C``.
        chapter: the notebook's name without suffix.
        profiles: name to the function that lists the cells.
        parameters: what a reader may change, with the exhibit's own values.
    """

    id: str
    title: str
    paper: str
    chapter: str
    profiles: Mapping[str, Callable[[int], list[Cell]]]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Row:
    """One row of a table or one line of a figure: the fields of its runs that are not defaults."""

    name: str
    fields: Mapping[str, Any]
    variant: str = ""
    regimes: tuple[Regime, ...] = REGIMES


def _grid(exhibit: str, profile: str, rows: Sequence[_Row]) -> Callable[[int], list[Cell]]:
    """Rows x their regimes x seeds."""

    def make(seeds: int) -> list[Cell]:
        return [
            Cell(exhibit, profile, row.name, str(regime), row.variant, RunSpec(**row.fields, regime=regime, seed=seed))
            for row in rows
            for regime in row.regimes
            for seed in range(seeds)
        ]

    return make


def _exhibit(id: str, title: str, chapter: str, profiles: Mapping[str, Sequence[_Row]], seeds: int = 5) -> Exhibit:
    grids = {name: _grid(id, name, rows) for name, rows in profiles.items()}
    parameters: dict[str, Any] = {"seeds": seeds, "rows": None, "overrides": {}}
    return Exhibit(id, title, id[0], chapter, MappingProxyType(grids), MappingProxyType(parameters))


def _conv(architecture: str, optimiser: str, rate: float, epochs: int) -> dict[str, Any]:
    return {
        "dataset": "cifar10",
        "architecture": architecture,
        "optimiser": optimiser,
        "learning_rate": rate,
        "epochs": epochs,
    }


_FC_SGD = {"optimiser": "sgd", "learning_rate": 1e-2}
_FC_ADAM = {"optimiser": "adam", "learning_rate": 1e-4}
_A_T2_PAPER = (
    # Settings of the official code where the text is silent; step sizes as in the code, Paper A's 3e-4 as a variant.
    _Row("FC/SGD/MNIST", {**_FC_SGD, "epochs": 300}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, "epochs": 100}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, "learning_rate": 3e-4, "epochs": 100}, "step 3e-4"),
    _Row("VCONV/SGD/CIFAR-10", _conv("VCONV", "sgd", 1e-2, 80)),
    _Row("VCONV/Adam/CIFAR-10", _conv("VCONV", "adam", 3e-4, 80)),
    _Row("GCONV/SGD/CIFAR-10", _conv("GCONV", "sgd", 1e-1, 100)),
    _Row("GCONV/Adam/CIFAR-10", _conv("GCONV", "adam", 3e-4, 200)),
)
_CPU = {"train_size": 10_000, "epochs": 30}
_A_T2_CPU = (
    _Row("FC/SGD/MNIST", {**_FC_SGD, **_CPU}),
    _Row("FC/Adam/MNIST", {**_FC_ADAM, **_CPU}),
)
_QUICK = {"dataset": "digits", "width": 32, "depth": 4, "epochs": 30, "batch_size": 16}
_A_T2_QUICK = (
    _Row("FC/SGD/digits", {**_QUICK, "optimiser": "sgd", "learning_rate": 5e-2}),
    _Row("FC/Adam/digits", {**_QUICK, "optimiser": "adam", "learning_rate": 1e-3}),
)

_NU = {
    "classes": (4, 7),
    "width": 100,
    "bias": False,
    "loss": "squared-error",
    "initialisation": "sign",
    "optimiser": "rmsprop",
    "learning_rate": 1e-4,
    "batch_size": 64,
    "epochs": 50,
    "probe": "label-alignment",
    "probe_every": 2,
}


def _alignment(fields: Mapping[str, Any], depths: Sequence[tuple[str, int]]) -> tuple[_Row, ...]:
    """Each depth with true labels, and with labels drawn at random as a control."""
    return tuple(
        _Row(name, {**fields, "depth": depth, "label_noise": noise}, variant, (Regime.RELU,))
        for name, depth in depths
        for variant, noise in (("", 0.0), ("random labels", 1.0))
    )


_CODE, _TEXT = ("d = 6 (code)", 6), ("d = 5 (text)", 5)
_NORMS = {"optimiser": "sgd", "learning_rate": 1e-2, "epochs": 60, "probe": "kernel-norms", "probe_every": 5}

EXHIBITS: Mapping[str, Exhibit] = MappingProxyType(
    {
        e.id: e
        for e in (
            _exhibit(
                "A-T2",
                "Test accuracy of fixed random, learnt and fixed learnt gates",
                "a_t2_accuracy",
                {"quick": _A_T2_QUICK, "cpu": _A_T2_CPU, "paper": _A_T2_PAPER},
            ),
            _exhibit(
                "A-F2-nu",
                "Alignment of the neural path kernel with the labels during training",
                "a_f2_nu_alignment",
                {
                    "quick": _alignment(
                        {
                            **_NU,
                            "dataset": "digits",
                            "width": 32,
                            "learning_rate": 1e-3,
                            "batch_size": 16,
                            "epochs": 20,
                        },
                        (("d = 4", 4),),
                    ),
                    "cpu": _alignment({**_NU, "train_size": 4000, "epochs": 20}, (_CODE,)),
                    "paper": _alignment(_NU, (_CODE, _TEXT)),
                },
            ),
            _exhibit(
                "A-F2-K",
                "Size of the value and of the feature kernel during training",
                "a_f2_k_norms",
                {
                    "quick": (_Row("FC/SGD/digits", {**_QUICK, **_NORMS, "epochs": 20}, regimes=(Regime.DL,)),),
                    "cpu": (_Row("FC/SGD/MNIST", {**_NORMS, "train_size": 10_000}, regimes=(Regime.DL,)),),
                    "paper": (_Row("FC/SGD/MNIST", _NORMS, regimes=(Regime.DL,)),),
                },
            ),
        )
    }
)


def exhibit(name: str) -> Exhibit:
    """An exhibit by its id; ``SpecError`` lists the valid ones."""
    if name not in EXHIBITS:
        raise SpecError(f"unknown exhibit {name!r}: valid are {', '.join(EXHIBITS)}")
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
        seeds: how many, from 0; ``None`` is the exhibit's own number.
        rows: only these rows.
        overrides: fields of :class:`~companion.spec.RunSpec` to change in every run.

    Raises:
        SpecError: one sentence that lists what is valid.
    """
    chosen = exhibit(name)
    if profile not in chosen.profiles:
        raise SpecError(f"unknown profile {profile!r} for {name}: valid are {', '.join(chosen.profiles)}")
    seeds = chosen.parameters["seeds"] if seeds is None else seeds
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise SpecError(f"seeds must be a whole number of at least 1, not {seeds!r}")
    grid = chosen.profiles[profile](seeds)
    if rows is not None:
        valid = list(dict.fromkeys(cell.row for cell in grid))
        if isinstance(rows, str) or not isinstance(rows, Sequence) or not rows or not all(r in valid for r in rows):
            raise SpecError(f"rows must be a list of some of {', '.join(valid)}, not {rows!r}")
        grid = [cell for cell in grid if cell.row in rows]
    if overrides:
        if not isinstance(overrides, Mapping) or {"regime", "seed"} & set(overrides):
            raise SpecError("overrides must map fields of RunSpec, other than regime and seed, to values")
        grid = [Cell(c.exhibit, c.profile, c.row, c.column, c.variant, c.spec.replace(**overrides)) for c in grid]
    return grid
