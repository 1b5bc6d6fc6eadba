"""What a chapter notebook calls: ``open_chapter`` for its exhibit, ``live`` for its short live part."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from companion.chapters.a_t2_accuracy import AccuracyChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import cells, exhibit
from companion.exhibits.request import request
from companion.files.whole import writable
from companion.project import downloads_folder, store_folder, workspace_folder
from companion.records.store import Store
from companion.training.kernels import measure_missing
from companion.training.queue import run_missing, sound
from companion.training.workspace import Workspace

__all__ = ["live", "open_chapter"]

KINDS: Mapping[str, type[Chapter]] = {"A-T2": AccuracyChapter}
"""Exhibits whose chapter is itself a kind of chapter; the others' modules take a chapter and show it."""

KERNELS = ("C-E1-kernel",)
"""Exhibits that measure path kernels of the gates of their runs."""


def open_chapter(
    name: str,
    *,
    profile: str = "paper",
    device: str = "auto",
    train: bool = False,
    seeds: int | None = None,
    rows: Sequence[str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Chapter:
    """The exhibit as the store has it; with ``train`` what is missing is trained first.

    Damaged files are named, in the log and in the footer; a run that hangs on one is neither trained nor shown.

    Args:
        name: the exhibit's id.
        profile: one of the exhibit's.
        device: a torch device, or ``auto``.
        train: whether to train missing runs.
        seeds: how many; ``None`` is the exhibit's own number.
        rows: only these rows.
        overrides: fields of :class:`~companion.runs.spec.RunSpec` to change.

    Raises:
        SpecError: a bad value, in one sentence that lists what is valid; or training would write other runs than the
            exhibit's own into a work tree.
    """
    asked = request(name, profile=profile, device=device, train=train, seeds=seeds, rows=rows, overrides=overrides)
    store = Store.indexed(store_folder())
    asked.into(store.folder)
    if asked.train:
        writable(downloads_folder() / asked.exhibit.chapter, "the variable COMPANION_DOWNLOADS")
        workspace = Workspace(workspace_folder(store.folder), store)
        specs, damaged = sound([cell.spec for cell in asked.cells], store)
        store.skip(*damaged)
        run_missing(specs, store, workspace, device=asked.device, threads=torch.get_num_threads())
        if name in KERNELS:
            measure_missing(specs, store, workspace, device=asked.device)
    changed = {parameter: value for parameter, value in asked.changed.items() if parameter != "overrides"}
    shown = {**changed, **(overrides or {})}
    return KINDS.get(name, Chapter)(asked.exhibit, asked.profile, asked.cells, store, asked.own, shown)


def live(name: str, seeds: int = 2, rows: Sequence[str] | None = None) -> Chapter:
    """Train the ``quick`` profile now, into a store that is thrown away."""
    grid = cells(name, "quick", seeds, rows)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results")
        specs, workspace = [cell.spec for cell in grid], Workspace(Path(folder), store)
        run_missing(specs, store, workspace, threads=torch.get_num_threads())
        chapter = KINDS.get(name, Chapter)(exhibit(name), "quick", grid, store, own=False)
        if name in KERNELS:
            measure_missing(specs, store, workspace)
            _ = chapter.kernels
        _ = chapter.runs, chapter.curves, chapter.probes, chapter.pictures  # read them while the store is there
    return chapter
