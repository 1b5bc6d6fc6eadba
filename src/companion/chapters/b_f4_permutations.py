"""The chapter of C-E1: models whose layers of gates enter in any order, and whose value network sees no image."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.b_f4_grid import model_grid
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.models import claims_of_models, score_text
from companion.exhibits.axes import PERMUTATION, VALUE_INPUT
from companion.exhibits.b_f4_permutations import IDENTITY, INPUTS, REVERSE
from companion.notation import Regime
from companion.render.labels import label
from companion.render.model_grid import ModelGrid
from companion.render.strips import strip_figure
from companion.render.tables import Table, between, plus_minus
from companion.runs.spec import FITTED
from companion.verdicts.cells import Completeness
from companion.verdicts.contrasts import Contrast, apart, complete, matched

__all__ = ["PermutationChapter"]

MARKED = (IDENTITY, REVERSE)
OTHERS = "other orders"
PAIRS = "pairs of models"
AXES = (PERMUTATION.name, VALUE_INPUT.name)


class PermutationChapter:
    """All models of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def table(self) -> Table:
        """Regime by regime the identity, the reverse and the range of all other orders, with either input.

        ReLU, which has its own gates in their own order and the image, stands below the identity.
        """
        printed = self.chapter.printed.set_index(["row", "column"])["mean"]
        lines = []
        for row, column, cell in self._cells():
            line = {"row": row, "regime": column}
            if len(printed):
                line["paper, mean of its models"] = plus_minus(printed.get((row, column)), None)
            for order in MARKED:
                for value in INPUTS:
                    own = cell[_is(cell, order) & (cell[VALUE_INPUT.name] == value)]
                    if column == "ReLU" and (order, value) == (IDENTITY, "image"):
                        own = cell
                    head = label((PERMUTATION, VALUE_INPUT), {PERMUTATION.name: order, VALUE_INPUT.name: value})
                    line[head] = score_text(own)
            for value in INPUTS:
                rest = cell[~_is(cell, *MARKED) & (cell[VALUE_INPUT.name] == value)]
                line[f"{OTHERS}, {value}"] = self._range(rest)
            lines.append(line)
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std over seeds"
        return self.chapter.downloads.table("models", Table(pd.DataFrame(lines, dtype=object), title))

    def fit(self) -> Table:
        """How far training went: accuracy on the training set in the last epoch, and when the test was best."""
        lines = []
        for row, column, cell in self._cells():
            fit = self._fitted(row, column)
            if len(fit["epochs"]):
                line = {"row": row, "regime": column, "runs": f"{len(fit['epochs'])} of {len(cell)}"}
                line["training accuracy in the last epoch"] = between(fit["train_accuracy"])
                line["epoch of the best test"] = between(fit["best_epoch"], 0)
                lines.append(line | {"of": str(fit["epochs"].max())})
        title = f"{self.chapter.place}: how far training went, lowest to highest of all recorded runs"
        return self.chapter.downloads.table("fit", Table(pd.DataFrame(lines, dtype=object), title))

    def convergence(self) -> Findings:
        """Whether FL and ReLU may be compared at convergence, in one sentence a row."""
        sentences = []
        for row in dict.fromkeys(row for row, _, _ in self._cells()):
            teacher, student = self._fitted(row, "ReLU"), self._fitted(row, "FL")
            if teacher["best_test"].empty or student["best_test"].empty:
                sentences.append(f"{row}: no ReLU network and its gates are recorded yet.")
                continue
            gap = student["best_test"].mean() - teacher["best_test"].mean()
            text = (
                f"{row}: in the last of the {teacher['epochs'].max()} epochs that were fixed beforehand the ReLU "
                f"networks had {between(teacher['train_accuracy'])}% training accuracy, and their best test epochs "
                f"are {between(teacher['best_epoch'], 0)}; FL, on their gates, had "
                f"{between(student['train_accuracy'])}%."
            )
            if teacher["train_accuracy"].max() < FITTED:
                text += (
                    f" The ReLU networks were still learning: that FL is {abs(gap):.2f} points "
                    f"{'above' if gap > 0 else 'below'} ReLU in test accuracy says nothing about the two at "
                    "convergence, and does not mean that gates beat their teacher."
                )
            sentences.append(text)
        return Findings(tuple(sentences))

    def claims(self) -> Table:
        """The exhibit's claims with their verdicts and the rules that gave them."""
        return claims_of_models(self.chapter)

    def answer(self) -> Answer:
        """The question's answer row by row, from the models that are recorded with all their seeds."""
        lines = []
        for row in dict.fromkeys(row for row, _, _ in self._cells()):
            found = {column: self._means(cell) for name, column, cell in self._cells() if name == row}
            relu = next((cell["best_test"] for name, column, cell in self._cells() if (name, column) == (row, "ReLU")))
            learnt, random = found.get("FL", pd.Series()), found.get("FR-II", pd.Series())
            ways = next(cell for name, column, cell in self._cells() if (name, column) == (row, "FL"))
            ways = ways[[PERMUTATION.name, VALUE_INPUT.name]].drop_duplicates()
            if learnt.empty or relu.isna().any():
                lines.append(f"{row}: nothing can be said yet.")
                continue
            text = (
                f"{row}: on fixed learnt gates (FL) fresh value networks reach {between(learnt)}% in the mean over "
                f"{len(relu)} seeds, over {len(learnt)} of the {len(ways)} ways to order the gates and to choose the "
                f"input; ReLU reaches {relu.mean():.2f}%"
            )
            trained = self._fitted(row, "ReLU")["train_accuracy"]
            if trained.max() < FITTED:
                text += f" (and was still learning, with {between(trained)}% of its training images right)"
            lines.append(text + ("." if random.empty else f", random gates (FR-II, {len(random)}) {between(random)}%."))
        return Answer.of(self.chapter, lines)

    def findings(self) -> Findings:
        """What is recorded, and how far apart the models of a regime are."""
        sentences = []
        for row in dict.fromkeys(row for row, _, _ in self._cells()):
            means = {column: self._means(cell) for name, column, cell in self._cells() if name == row}
            gated = {column: found for column, found in means.items() if column != "ReLU"}
            if not any(map(len, gated.values())):
                sentences.append(f"{row}: no model is recorded yet.")
                continue
            orders = [cell[PERMUTATION.name].nunique() for _, column, cell in self._cells() if column != "ReLU"]
            counts = ", ".join(f"{column} {len(found)}" for column, found in gated.items())
            text = f"{row}: models with all their seeds, of {max(orders) * len(INPUTS)} in each regime: {counts}."
            for column, found in gated.items():
                if len(found) > 1:
                    text += f" The means of those of {column} lie between {found.min():.2f} and {found.max():.2f}."
            sentences.append(text)
        return Findings(tuple(sentences))

    def places(self) -> Table:
        """Where the first layer's gates stand: the mean over the recorded orders that put them there, and how many."""
        lines = []
        for row, column, cell in self._gated():
            for value in INPUTS:
                mine = cell[cell[VALUE_INPUT.name] == value]
                line = {"row": row, "regime": column, "input": value}
                for place, part in self._by_place(mine):
                    found = complete(part, AXES)
                    orders = part[PERMUTATION.name].nunique()
                    mean = "pending" if found.empty else f"{found.to_numpy().mean():.2f}"
                    line[f"in layer {place + 1}"] = f"{mean} ({len(found)} of {orders})"
                lines.append(line)
        title = (
            f"{self.chapter.place}: mean best test accuracy in percent over seeds and recorded orders, by the layer "
            "that takes the gates of layer 1"
        )
        return self.chapter.downloads.table("places", Table(pd.DataFrame(lines, dtype=object), title))

    def comparisons(self) -> Findings:
        """Which orders do worst, FR-II against FR-DI, ones against images: differences of means, seed by seed."""
        cells = {(row, column): cell for row, column, cell in self._gated()}
        said = []
        for (row, column), cell in cells.items():
            for value in INPUTS:
                groups = dict(self._by_place(cell[cell[VALUE_INPUT.name] == value]))
                gaps = {place: apart(groups[place], groups[0], AXES) for place in groups if place}
                known = {place: gap for place, gap in gaps.items() if gap is not None}
                if known:
                    worst = min(known, key=lambda place: known[place].difference.mean)
                    text = f"with the gates of layer 1 in layer {worst + 1} rather than in layer 1"
                    waits = "" if len(known) == len(gaps) else f", worst of {len(known)} of {len(gaps)} places"
                    said.append(_contrast(f"{row}, {column}, {value}: {text}{waits}", known[worst], "models"))
        for row in dict.fromkeys(row for row, _ in cells):
            independent, dependent = cells[row, "FR-II"], cells[row, "FR-DI"]
            if (found := matched(independent, dependent, AXES)) is not None:
                said.append(_contrast(f"{row}: FR-II against FR-DI", found, "pairs of models"))
        for (row, column), cell in cells.items():
            ones, image = (cell[cell[VALUE_INPUT.name] == value] for value in ("ones", "image"))
            if (found := matched(ones, image, AXES[:1])) is not None:
                said.append(_contrast(f"{row}, {column}: ones against the image", found, PAIRS))
        return Findings(tuple(said) or ("Nothing can be compared yet.",))

    def _gated(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        return (one for one in self._cells() if one[1] != "ReLU")

    def _by_place(self, cell: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
        """The layer, from 0, that takes the gates of layer 1, and the models in which it does."""
        places = cell[PERMUTATION.name].map(lambda order: order.index(0))
        return ((place, cell[places == place]) for place in sorted(set(places)))

    def figure(self) -> Figure:
        """Every recorded run of every model, the identity and the reverse marked; dots of ones are hollow."""
        frame = self.chapter.runs[self.chapter.runs["best_test"].notna()]
        kinds = [order if order in MARKED else None for order in frame[PERMUTATION.name]]
        rank = {order: i for i, order in enumerate((*MARKED, None))}
        relu = frame["column"] == "ReLU"
        labels = [OTHERS if kind is None else PERMUTATION.words(kind) for kind in kinds]
        frame = frame.assign(
            rank=[rank[kind] for kind in kinds],
            label=[PERMUTATION.words(IDENTITY) if own else name for own, name in zip(relu, labels, strict=True)],
            filled=frame[VALUE_INPUT.name] != "ones",
            score=frame["best_test"],
        ).sort_values(["rank", "filled", "seed"], kind="stable", ascending=[True, False, True])
        return self.chapter.downloads.figure("models", strip_figure(frame, self.chapter.printed, self.chapter.place))

    def grid(self) -> ModelGrid:
        """Every model's gap to the one with gates in their own order and the image, with its curve."""
        return model_grid(self.chapter)

    def _cells(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        runs = self.chapter.runs
        for row in dict.fromkeys(runs["row"]):
            for regime in Regime:
                cell = runs[(runs["row"] == row) & (runs["column"] == regime)]
                if len(cell):
                    yield row, str(regime), cell

    def _means(self, cell: pd.DataFrame) -> pd.Series:
        """The mean of each model that has all its seeds."""
        grouped = cell.groupby([PERMUTATION.name, VALUE_INPUT.name], sort=False)["best_test"]
        return grouped.mean()[grouped.count() == grouped.size()]

    def _range(self, rest: pd.DataFrame) -> str:
        if rest.empty:
            return "–"
        means = self._means(rest)
        if means.empty:
            return Completeness.of(rest).short
        return f"{between(means)} ({len(means)} of {rest[PERMUTATION.name].nunique()} orders)"

    def _fitted(self, row: str, column: str) -> dict[str, pd.Series]:
        """Of every recorded run its last training accuracy, its length, its best test accuracy and when that was."""
        chapter = self.chapter
        runs, curves = (f[(f["row"] == row) & (f["column"] == column)] for f in (chapter.runs, chapter.curves))
        one = curves.groupby([PERMUTATION.name, VALUE_INPUT.name, "seed"], dropna=False, sort=False)
        return {
            "train_accuracy": one["train_accuracy"].last(),
            "epochs": one["epoch"].max(),
            "best_epoch": runs["best_epoch"].dropna().astype(int),
            "best_test": runs["best_test"].dropna(),
        }


def _is(cell: pd.DataFrame, *orders: tuple[int, ...]) -> pd.Series:
    return cell[PERMUTATION.name].map(lambda order: order in orders)


def _contrast(what: str, found: Contrast, things: str) -> str:
    low, high = found.interval
    so_far = "" if found.complete else "so far "
    return (
        f"{what}: {so_far}{found.difference.mean:+.2f} points (95% interval over seeds {low:+.2f} to {high:+.2f}; "
        f"{found.models} of {found.of} {things})."
    )
