"""What a chapter offers for download: the one place that writes files for a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.project import downloads_folder
from companion.render.style import STYLE
from companion.render.tables import Table

__all__ = ["Downloads"]


@dataclass(frozen=True)
class Downloads:
    """The files of one chapter in one profile; their names tell the profile where that is not the paper's.

    Args:
        chapter: name of the notebook without suffix.
        profile: of the runs.
    """

    chapter: str
    profile: str

    @property
    def folder(self) -> Path:
        """Where they lie, those of all profiles together; it is there."""
        folder = downloads_folder() / self.chapter
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path(self, name: str) -> Path:
        """Where the file of a name goes."""
        path = self.folder / name
        return path if self.profile == "paper" else path.with_stem(f"{path.stem}-{self.profile}")

    def table(self, name: str, table: Table, frame: pd.DataFrame | None = None) -> Table:
        """The table, left as CSV too: its own cells, or a frame that has more to say than can be shown."""
        (table.frame if frame is None else frame).to_csv(self.path(f"{name}.csv"), index=False)
        return table

    def figure(self, name: str, figure: Figure) -> Figure:
        """The figure, left as SVG too; the same figure gives the same bytes every time."""
        with plt.rc_context(STYLE):
            figure.savefig(self.path(f"{name}.svg"), format="svg", metadata={"Date": None})
        return figure

    def text(self, name: str, text: str) -> None:
        """Leave a text."""
        self.path(name).write_text(text)

    def names(self) -> list[str]:
        """What is offered, in order."""
        return sorted(path.name for path in self.folder.iterdir())
