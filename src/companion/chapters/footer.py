"""The end of a chapter's page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import pandas as pd

from companion.chapters.downloads import Downloads
from companion.exhibits import Exhibit
from companion.records.store import Store, canonical

__all__ = ["Footer"]


class Page(Protocol):
    """What the footer needs of a chapter."""

    @property
    def exhibit(self) -> Exhibit:
        """Which."""
        ...

    @property
    def profile(self) -> str:
        """In which profile."""
        ...

    @property
    def store(self) -> Store:
        """Where its records are."""
        ...

    @property
    def own(self) -> bool:
        """Whether its runs are the exhibit's own."""
        ...

    @property
    def changed(self) -> Mapping[str, Any]:
        """Parameters that are not the exhibit's own."""
        ...

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run."""
        ...

    @property
    def downloads(self) -> Downloads:
        """The files that it offers."""
        ...

    def others(self) -> Sequence[Page]:
        """The exhibit in other profiles."""
        ...


@dataclass(frozen=True)
class Footer:
    """The end of a chapter's page, as HTML."""

    chapter: Page

    def _repr_html_(self) -> str:
        c = self.chapter
        done = c.runs[c.runs["seconds"].notna()]
        keys = done["key"].unique()
        records = [dict(c.store.read(c.store.path(key)).content) for key in keys]
        c.downloads.text("records.json", "[\n" + ",\n".join(map(canonical, records)) + "\n]\n")
        folder = f"../_static/downloads/{c.exhibit.chapter}"
        links = [f'<a href="{folder}/{name}" download>{name}</a>' for name in map(escape, c.downloads.names())]
        links.append(f'<a href="../_sources/notebooks/{c.exhibit.chapter}.ipynb" download>the notebook</a>')
        files = "".join(f"<li><code>results/{escape(key)}.json</code></li>" for key in keys)
        damaged = "".join(f"<li>{escape(sentence)}</li>" for sentence in c.store.skipped)
        costs = [self._cost(c)] + [self._cost(other) for other in c.others()]
        return (
            '<dl class="companion-footer">'
            f"<dt>Re-run</dt><dd><code>{escape(repr(self))}</code></dd>"
            f"<dt>Cost of what is recorded</dt><dd>{'<br>'.join(map(escape, costs))}</dd>"
            f"<dt>Downloads</dt><dd>{', '.join(links)}</dd>"
            f"<dt>Records</dt><dd><details><summary>{len(keys)} files</summary><ul>{files}</ul></details></dd>"
            f"{damaged and f'<dt>Damaged, and left out</dt><dd><ul>{damaged}</ul></dd>'}</dl>"
        )

    def _cost(self, chapter: Page) -> str:
        done = chapter.runs[chapter.runs["seconds"].notna()].drop_duplicates("key")
        devices = ", ".join(sorted(set(done["device"]))) or "no device yet"
        size = sum(chapter.store.path(key).stat().st_size for key in done["key"]) / 1e6
        hours = done["seconds"].sum() / 3600
        return f"profile {chapter.profile}: {len(done)} runs, {hours:.2f} hours on {devices}, records {size:.1f} MB"

    def __repr__(self) -> str:
        c = self.chapter
        given = "".join(f" -p {name} {shlex.quote(json.dumps(value))}" for name, value in c.changed.items())
        return f"companion run {c.exhibit.id} --profile {c.profile}{given}{'' if c.own else ' --store DIR'}"
