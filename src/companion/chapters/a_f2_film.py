"""The path kernels behind the curve of A-F2-nu, stage by stage: what its notebook calls to show them move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

from matplotlib.figure import Figure

from companion.chapters.chapter import Chapter, Findings
from companion.exhibits import Cell
from companion.exhibits.a_f2_probes import FILMED
from companion.records.films import Film, FilmStore
from companion.render.films import Reel, Still, film_figure, film_html, when

__all__ = ["FilmChapter", "Moving"]

STILL = "a-f2-film"
"""The name of the figure that says the same without scripts."""
SHOWN = (0, 10, 50)
"""Stages of the still picture, of the network that learns the digits; of the other one the last."""

KEPT = ("images", "shades", "epochs", "nu", "same", "other", "packed")
"""Fields of a film that the page's script takes as they are."""


@dataclass(frozen=True)
class Moving:
    """What moves, as HTML; as text, that it does."""

    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return "a slider over the kernel's stages" if self.html else "no film is kept yet"


class FilmChapter:
    """The films of an exhibit's first seed.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    @cached_property
    def films(self) -> list[tuple[Cell, Film]]:
        """The networks that have one: that of the true labels, then that of the random ones."""
        kept = FilmStore(self.chapter.store)
        first = [cell for cell in self.chapter.cells if cell.row == FILMED and cell.spec.seed == 0]
        found = [(cell, self.chapter.store.kept(partial(kept.get, cell.spec))) for cell in first]
        return [(cell, film) for cell, film in found if film is not None]

    def moving(self) -> Moving:
        """The slider; nothing where there is no film, or where a page runs no scripts."""
        reels = [
            Reel(
                name=_learns(cell),
                blocks=_blocks(cell),
                curve={name: self._probes(cell)[name] for name in ("epoch", "nu")},
                **{name: film.content[name] for name in KEPT},
            )
            for cell, film in self.films
        ]
        return Moving(film_html(reels, STILL) if reels else "")

    def still(self) -> Figure:
        """The same message without scripts: some stages side by side, and nu above each."""
        stills = []
        for cell, film in self.films:
            epochs = film.content["epochs"]
            for epoch in [e for e in SHOWN if e in epochs] if not cell.variant else epochs[-1:]:
                stage = epochs.index(epoch)
                title = f"learns {_learns(cell)}\n{when(epoch)}: ν = {film.content['nu'][stage]:,.0f}"
                stills.append(Still(title, _blocks(cell), film.shades[stage], film.content["shades"]))
        return self.chapter.downloads.figure("film", film_figure(stills, f"{self.chapter.place}, {FILMED}, seed 0"))

    def findings(self) -> Findings:
        """How far apart pairs of the same and of different labels are, first and last, and what is shown of kernels."""
        said = []
        for cell, film in self.films:
            c = film.content
            ratios = [same / other for same, other in zip(c["same"], c["other"], strict=True)]
            said.append(
                f"The network that learns {_learns(cell)}: two images with the same label have in the mean "
                f"{ratios[0]:.2f} times the entry of two with different labels {when(c['epochs'][0])}, and "
                f"{ratios[-1]:.2f} times {when(c['epochs'][-1])}; nu goes from {c['nu'][0]:,.0f} to {c['nu'][-1]:,.0f}."
            )
        if not said:
            return Findings(("No film is kept of these runs: `companion film` makes them from their records.",))
        c = self.films[0][1].content
        said.append(
            f"The runs, of seed 0 and the row {FILMED}, were trained again on {c['provenance']['device']} to keep "
            "their kernels, and nu of each kernel is what its run's record says, to a millionth part. The pictures "
            f"have {c['shades']} shades, even in the root: where an image with itself has 1 in the mean, an entry of "
            f"{c['limit']:g} or more has the last. Numbers are of the whole kernels: nu cannot be had from few shades."
        )
        return Findings(tuple(said))

    def _probes(self, cell: Cell) -> dict[str, list[float]]:
        record = self.chapter.store.get(cell.spec)
        assert record is not None  # a film without its record is damaged
        return dict(record.content["probes"])


def _learns(cell: Cell) -> str:
    return cell.variant or "the digits"


def _blocks(cell: Cell) -> list[str]:
    """The two groups of images in their order; random labels have a digit's name and not its images."""
    said = "labelled {}" if cell.variant else "digit {}"
    return [said.format(one) for one in cell.spec.class_names]
