"""The chapter of B-F5: what hidden layers show when gates are reversed and the value network sees no image."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.exhibits.b_f5_hidden_layers import ABOUT, CLAIMS, PRINTED
from companion.networks.forward import Params
from companion.notation import Tensor
from companion.papers.margins import margin
from companion.papers.numbers import number
from companion.render.maps import Strip, likeness_figure, map_figure
from companion.render.tables import Table, between, plus_minus
from companion.runs.spec import FITTED
from companion.verdicts.cells import Completeness
from companion.verdicts.sentences import claim_results
from companion.verdicts.stats import summarise

__all__ = ["HiddenLayersChapter"]

WORDS = {
    "ReLU": "ReLU",
    "FL": "gates of ReLU reversed, random input",
    "FR-II": "untrained gates reversed, random input",
}
"""What the networks of a row are, by their columns."""
SEEN: Mapping[str, tuple[str, str, bool]] = {
    "ReLU": ("FL", "feature", True),
    WORDS["FL"]: ("FL", "value", True),
    WORDS["FR-II"]: ("FR-II", "value", True),
    "ReLU, untrained": ("FR-II", "feature", True),
    "gates of ReLU reversed, random input, weights untrained": ("FL", "value", False),
}
"""What is told of layers: the run, which of its networks, and whether at the end or before the first epoch."""
DRAWN = tuple(SEEN)[:3]
RULES = {(("FL", "ReLU"),): "Almost as well as ReLU", (("FR-II", "FL"),): "better than on untrained gates"}
"""The claims that answer the question, by what they compare, in a few words."""


class HiddenLayersChapter:
    """The networks of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def answer(self) -> Answer:
        """The question's answer row by row, the row that has one first, each with what its rules say."""
        lines = [self._told(row) for row in self._rows]
        return Answer.of(self.chapter, sorted(lines, key=lambda line: "nothing is recorded yet" in line))

    def _told(self, row: str) -> str:
        means = {column: self._cell(row, column)["best_test"] for column in WORDS}
        relu, learnt, random = (means[column] for column in ("ReLU", "FL", "FR-II"))
        if relu.isna().any():
            return f"{row}: nothing is recorded yet."
        fit = self._last(row, "ReLU", "train_accuracy")
        still = f", still learning at {between(fit)}% of their training images," if fit.max() < FITTED else ""
        reach = " reach" if learnt.isna().any() else ""
        others = [f"the ReLU networks{still}{reach} {_spread(relu)}%"]
        if random.notna().all():
            others.append(f"fresh networks on untrained gates {_spread(random)}%")
        if learnt.isna().any():
            return (
                f"{row}: {' and '.join(others)} (n = {len(relu)}); on reversed gates of ReLU nothing is recorded yet."
            )
        chapter = self.chapter
        results = claim_results(chapter.exhibit.id, chapter.runs, chapter.profile) if chapter.decides else []
        verdicts = {claim.pairs: ours.verdict for claim, ours, _ in results if ours.row == row}
        said = [f"{words}: {verdicts[pairs]}" for pairs, words in RULES.items() if pairs in verdicts]
        text = (
            f"{row}: fresh networks on the gates of ReLU, in reverse order, with one random input for all images, "
            f"reach {_spread(learnt)}%; {' and '.join(others)} (n = {len(relu)})."
        )
        return f"{text} {'; '.join(said)}." if said else text

    def table(self) -> Table:
        """Network by network: what the papers print, ours at the best epoch and the last, and how far training went."""
        lines = []
        for row in self._rows:
            for column, words in WORDS.items():
                cell = self._cell(row, column)
                line = {"row": row, "network": words, "regime": column}
                if self.chapter.beside_the_paper:
                    said = row == PRINTED and column in ("ReLU", "FL")
                    line["papers"] = f"about {number(ABOUT.number):g}" if said else "–"
                line["best test"] = self._mean(cell, "best_test")
                line["last test"] = self._mean(cell, "last_test")
                fit = self._last(row, column, "train_accuracy")
                line["training accuracy at the end"] = _spread(fit) if len(fit) else "–"
                line["n"] = str(cell["best_test"].notna().sum())
                lines.append(line)
        title = f"{self.chapter.place}: test accuracy in percent, mean ± std over seeds"
        return self.chapter.downloads.table("accuracy", Table(pd.DataFrame(lines, dtype=object), title))

    def printed(self) -> Findings:
        """The rules put to the papers' own numbers, as far as these go."""
        about, (within, *_) = number(ABOUT.number), [claim.within for claim in CLAIMS if claim.decides == ABOUT.number]
        relu, learnt = (number(f"C-E1:{PRINTED}:{column}") for column in ("ReLU", "FL"))
        off = max(abs(relu - about), abs(learnt - about))
        assert within is not None
        return Findings(
            (
                f"“About {about:g}%” is taken as within {within:g} points. Paper C's own table of such networks (C-E1) "
                f"prints {relu:g} for ReLU and {learnt:g} for FL, a mean over 48 models; the farther of the two is "
                f"{off:.1f} points from {about:g}, so they {'keep' if off < within else 'break'} the rule.",
                f"ReLU minus FL is nothing as both are printed here, “about {about:g}%”, and {relu - learnt:.1f} "
                f"points in that table, against a margin of {margin('cifar10'):g}. No spread is printed with either, "
                "so that no bound can be set.",
            )
        )

    def claims(self) -> Table:
        """The exhibit's claims with their verdicts."""
        return self.chapter.claims()

    def pictures(self, row: str, seed: int = 0) -> Figure:
        """The hidden layers of a row for the first test images: ReLU, then what takes gates in reverse order."""
        found = {column: self._pictures(row, column, seed) for column in ("FL", "FR-II")}
        learnt, random = found["FL"], found["FR-II"]
        images = []
        if learnt is not None and random is not None:
            for k, image in enumerate(learnt["image"]):
                parts: tuple[tuple[str, Tensor, Params, str], ...] = (
                    ("ReLU", image, learnt, "feature"),
                    ("learnt\ngates", learnt["input"][k], learnt, "value"),
                    ("untrained\ngates", random["input"][k], random, "value"),
                )
                images.append([Strip(title, entering, _layers(of, name, k)) for title, entering, of, name in parts])
        figure = map_figure(images, f"{self.chapter.place}\n{row}, seed {seed}")
        return self.chapter.downloads.figure(f"layers-{row.replace('/', '-')}", figure)

    def likeness(self) -> Table:
        """How like its image each layer is, beside the same number for the next image: mean ± std over seeds."""
        lines = []
        for row in self._rows:
            for label in SEEN:
                mine = self._likeness(row, label)
                line: dict[str, str] = {"row": row, "network": label}
                for layer, found in mine.groupby("layer"):
                    own, other = (_spread(found.loc[found["which"] == which, "likeness"]) for which in ("own", "other"))
                    line[f"layer {layer}"] = f"{own} (next: {other})"
                lines.append(line | {"n": str(mine["seed"].nunique())})
        frame = pd.DataFrame(lines, dtype=object).fillna("pending")
        columns = [*sorted(frame.columns.drop("n"), key=lambda name: name.startswith("layer")), "n"]
        title = f"{self.chapter.place}: likeness of layers to their image, and to the next, mean ± std over seeds"
        table = Table(frame[columns], title)
        return self.chapter.downloads.table("likeness", table)

    def likeness_figure(self) -> Figure:
        """The same for the trained networks, as curves over layers."""
        parts = [self._likeness(row, label).assign(row=row, label=label) for row in self._rows for label in DRAWN]
        grouped = pd.concat(parts).groupby(["row", "label", "which", "layer"], sort=False)["likeness"]
        frame = grouped.agg(mean="mean", low="min", high="max", n="size").reset_index()
        return self.chapter.downloads.figure("likeness", likeness_figure(frame, self.chapter.place))

    def findings(self) -> Findings:
        """By how much each layer is more like its own image than like the next one, and whether accuracy goes by it."""
        lines = []
        for row in self._rows:
            means = {label: _excess(self._likeness(row, label)) for label in DRAWN}
            for label, excess in means.items():
                told = ", ".join(f"{round(value, 2) + 0.0:+.2f} in layer {layer}" for layer, value in excess.items())
                said = f"more like its own image than like the next one by {told}" if told else "pending"
                lines.append(f"{row}, {label}: {said}.")
            learnt, random = (means[WORDS[column]].mean() for column in ("FL", "FR-II"))
            ahead = self._cell(row, "FL")["best_test"].mean() - self._cell(row, "FR-II")["best_test"].mean()
            if pd.notna(ahead) and pd.notna(learnt) and pd.notna(random):
                together = (ahead > 0) == (learnt > random)
                lines.append(
                    f"{row}: of the two networks that see a random input, the one with learnt gates is "
                    f"{abs(ahead):.2f} points {'ahead of' if ahead > 0 else 'behind'} the one with untrained gates in "
                    f"accuracy, and its layers are {'more' if learnt > random else 'no more'} like their images, by "
                    f"that measure {learnt:.2f} against {random:.2f} in the mean over layers. "
                    + ("The two go together here." if together else "So accuracy does not go by such likeness here.")
                )
        return Findings(tuple(lines))

    @property
    def _rows(self) -> list[str]:
        return list(dict.fromkeys(self.chapter.runs["row"]))

    def _cell(self, row: str, column: str) -> pd.DataFrame:
        runs = self.chapter.runs
        return runs[(runs["row"] == row) & (runs["column"] == column)]

    def _last(self, row: str, column: str, curve: str) -> pd.Series:
        """The last value of a curve of every recorded run."""
        curves = self.chapter.curves
        mine = curves[(curves["row"] == row) & (curves["column"] == column)]
        return mine.groupby("seed")[curve].last()

    def _mean(self, cell: pd.DataFrame, statistic: str) -> str:
        there = Completeness.of(cell)
        return _spread(cell[statistic]) if there.complete else there.short

    def _pictures(self, row: str, column: str, seed: int) -> Params | None:
        cell = self._cell(row, column)
        keys = cell.loc[cell["seed"] == seed, "key"]
        return next((self.chapter.pictures[key] for key in keys if key in self.chapter.pictures), None)

    def _likeness(self, row: str, label: str) -> pd.DataFrame:
        """``seed, which, layer, likeness``, one line for each layer and seed."""
        column, network, end = SEEN[label]
        probes = self.chapter.probes
        mine = probes[(probes["row"] == row) & (probes["column"] == column)]
        at = mine.groupby("seed")["epoch"].transform("max" if end else "min")
        parts = []
        for which in ("own", "other"):
            prefix = f"{network}_{which}_"
            names = [name for name in mine.columns if name.startswith(prefix)]
            part = mine[mine["epoch"] == at].melt("seed", names, "layer", "likeness").dropna()
            layers = [int(name.removeprefix(prefix)) for name in part["layer"]]
            parts.append(part.assign(which=which, layer=layers))
        return pd.concat(parts, ignore_index=True)


def _excess(likeness: pd.DataFrame) -> pd.Series:
    """By layer, in the mean over seeds, how much more like its own image it is than like the next."""
    means = likeness.pivot_table("likeness", "layer", "which", "mean").reindex(columns=["own", "other"])
    return means["own"] - means["other"]


def _layers(pictures: Params, network: str, image: int) -> list[Tensor]:
    """What a network's layers show of one image, from the first on."""
    count = sum(name.startswith(f"{network}.") for name in pictures)
    return [pictures[f"{network}.{layer}"][image] for layer in range(1, count + 1)]


def _spread(values: pd.Series) -> str:
    """Mean ± std; of a single number itself."""
    summary = summarise(values.to_list())
    return plus_minus(round(summary.mean, 2) + 0.0, summary.std if summary.n > 1 else None)
