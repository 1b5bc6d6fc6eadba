"""What the page of C-DLGN shows of its runs."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.figure import Figure

from companion.chapters.answer import Answer
from companion.chapters.chapter import Chapter, Findings
from companion.chapters.models import chosen, claims_of_models, complete_mean, gap_text, rows_of, score_text
from companion.exhibits.axes import FEATURES, VALUE_INPUT
from companion.exhibits.b_f4_permutations import INPUTS
from companion.exhibits.c_dlgn import HARD, LINEAR, RECTIFIED
from companion.networks.collapse import effective_filters
from companion.notation import Float, Tensor
from companion.papers.margins import rules
from companion.papers.numbers import numbers
from companion.render.filters import filter_figure
from companion.render.labels import label
from companion.render.tables import Table, plus_minus
from companion.render.variants import variant_figure
from companion.runs.sources import FEATURE
from companion.runs.spec import RunSpec
from companion.verdicts.cells import Completeness
from companion.verdicts.claims import judged
from companion.verdicts.stats import Difference, Verdict, paired_difference, summarise

__all__ = ["LinearChapter"]

NAMES = {LINEAR: "DLGN", RECTIFIED: "DGN"}
"""By the features that the gates are of: what a network of regime DL is called."""
REGIMES = {"DL": "both learn (DL)", "FL": "fresh value network on its gates (FL)", "FR-II": "random gates (FR-II)"}
UNITS = 8
"""Units of a layer that are shown."""


class LinearChapter:
    """All runs of one profile.

    Args:
        chapter: from :func:`companion.chapters.open_chapter`.
    """

    def __init__(self, chapter: Chapter) -> None:
        self.chapter = chapter

    def answer(self) -> Answer:
        """Row by row: ReLU, DGN and DLGN, and what is left when only the gates of a DLGN are kept."""
        lines = []
        for row in rows_of(self.chapter):
            relu = self._of(row, "ReLU")["best_test"]
            parts, ahead = [], []
            for value in INPUTS:
                means = {name: self._mean(row, *place, value) for name, place in PLACES.items()}
                found = {name: mean for name, mean in means.items() if mean is not None}
                if relu.isna().any() or len(found) < len(means):
                    continue
                full, linear, _, random = found.values()
                ahead.append(f"{linear - random:+.2f} and {linear - full:+.2f} ({value})")
                parts.append(
                    f"with {value} as input of the value network, "
                    + ", ".join(f"{name} {mean:.2f}%" for name, mean in found.items())
                )
            if not parts:
                lines.append(f"{row}: pending, not all of the networks compared are recorded with all their seeds yet.")
                continue
            lines.append(
                f"{row}: gates learnt by a linear network (DLGN) are worth, in points, against random gates of such a "
                f"network and against those learnt by a ReLU network (DGN): {'; '.join(ahead)}."
            )
            lines.append(f"ReLU {relu.mean():.2f}%; {'; '.join(parts)} (means over {len(relu)} seeds).")
        return Answer.of(self.chapter, lines)

    def table(self) -> Table:
        """Regime by regime, linear features beside those of a ReLU network, with either input."""
        lines = []
        for row in rows_of(self.chapter):
            for column, words in REGIMES.items():
                line = {"row": row, "regime": words}
                for features in (LINEAR, RECTIFIED):
                    for value in INPUTS:
                        head = f"{features} features, {value}"
                        line[head] = score_text(self._of(row, column, features, value))
                lines.append(line)
            alone = score_text(self._of(row, "ReLU"))
            blank = dict.fromkeys([head for head in lines[-1] if head not in ("row", "regime")], "–")
            lines.append({"row": row, "regime": "ReLU", **blank, f"{RECTIFIED} features, image": alone})
        title = f"{self.chapter.place}: best test accuracy in percent, mean ± std over seeds"
        return self.chapter.downloads.table("features", Table(pd.DataFrame(lines, dtype=object), title))

    def figure(self) -> Figure:
        """Every recorded run as a dot, features and input down, learnt and random gates in two panels."""
        frame = self.chapter.runs
        axes = (FEATURES, VALUE_INPUT)
        places = zip(frame["column"], frame[FEATURES.name], frame[VALUE_INPUT.name], strict=True)
        labels = [
            f"{regime}: {label(axes, {FEATURES.name: f, VALUE_INPUT.name: v})}" if isinstance(f, str) else regime
            for regime, f, v in places
        ]
        panels = frame["column"].map(lambda regime: "random gates" if regime == "FR-II" else "learnt gates")
        frame = frame.assign(regime=frame["column"], column=panels, label=labels, score=frame["best_test"])
        rank = {"ReLU": 0, "DL": 1, "FL": 2, "FR-II": 3}
        frame = frame.sort_values("regime", key=lambda regimes: regimes.map(rank), kind="stable")
        known = [row for row in rows_of(self.chapter) if self._of(row, features=LINEAR)["best_test"].notna().any()]
        frame = frame[frame["row"].isin(known or rows_of(self.chapter)[:1])]
        return self.chapter.downloads.figure("features", variant_figure(frame, self.chapter.place))

    def claims(self) -> Table:
        """The exhibit's claims with their verdicts and the rules that gave them."""
        return claims_of_models(self.chapter)

    def hard(self) -> Table:
        """Soft gates made hard after the last epoch: accuracy before and after, and the verdict of rule 5."""
        lines = []
        for row in rows_of(self.chapter):
            for features in (LINEAR, RECTIFIED):
                for value in INPUTS:
                    lines.append(self._hardened(row, features, value))
        title = (
            f"{self.chapter.place}: test accuracy in percent after the last epoch, with the soft gates of training and "
            "with hard ones in their place; the gap is paired by seed"
        )
        return self.chapter.downloads.table("hard", Table(pd.DataFrame(lines, dtype=object), title))

    def _hardened(self, row: str, features: str, value: str) -> dict[str, object]:
        runs = self._of(row, "DL", features, value).set_index("seed")
        probes = self.chapter.probes
        if len(probes):
            place = (probes["row"] == row) & (probes[FEATURES.name] == features) & (probes[VALUE_INPUT.name] == value)
            last = probes[place].sort_values("epoch").groupby("seed").last()
            hard = last["hard_test_accuracy"].reindex(runs.index)
        else:
            hard = pd.Series(float("nan"), runs.index)
        line: dict[str, object] = {"row": row, "network": NAMES[features], "input": value}
        there = Completeness.of(runs.assign(hard=hard).reset_index(), "hard")
        if not there.complete:
            verdict = Verdict.PENDING if self.chapter.decides else "–"
            return line | {"soft": there.short, "hard": "–", "gap in points (bounds)": "–", "verdict": verdict}
        soft = runs["last_test"]
        for name, scores in (("soft", soft), ("hard", hard)):
            summary = summarise(scores.to_list())
            line[name] = plus_minus(summary.mean, summary.std)
        if len(runs) < 2:
            return line | {"gap in points (bounds)": "–", "verdict": "–"}
        gap = paired_difference(hard.to_list(), soft.to_list())
        line["gap in points (bounds)"] = gap_text(gap.mean, gap.interval(rules()["equivalence_confidence"]))
        line["verdict"] = self._verdict(row, gap)
        return line

    def _verdict(self, row: str, gap: Difference) -> object:
        if not self.chapter.decides:
            return "–"
        dataset = str(self._of(row)["dataset"].iloc[0])
        (result,) = judged(HARD, [(row, dataset)], {(row, *HARD.pairs[0]): gap})
        return result.verdict

    def recovered(self) -> Findings:
        """The DLGN's accuracy as a part of ReLU's, beside the one number that a later paper prints."""
        (cited,) = numbers()[numbers()["exhibit"] == "X-DLGN"].to_dict("records")
        sentences = [
            f"Cited, not a result of Paper C and without a verdict: more than {cited['mean']:g}% "
            f"({cited['source']}; {cited['row'].replace('-', ' ')})."
        ]
        for row in rows_of(self.chapter):
            relu = self._of(row, "ReLU").set_index("seed")["best_test"]
            for value in INPUTS:
                shares = {
                    name: (100 * self._of(row, column, LINEAR, value).set_index("seed")["best_test"] / relu)
                    for name, column in (("a DLGN", "DL"), ("random gates of linear features", "FR-II"))
                }
                if any(share.isna().any() for share in shares.values()):
                    continue
                told = " and ".join(f"{name} {share.mean():.1f}%" for name, share in shares.items())
                sentences.append(f"{row}, {value}: of the accuracy of ReLU, {told}.")
        if len(sentences) == 1:
            sentences.append("Ours: pending.")
        return Findings(tuple(sentences))

    def source(self, row: str, seed: int = 0, value: str = "image") -> RunSpec:
        """The DLGN of a row and seed whose gates others use, and whose feature network is kept."""
        cells = self.chapter.cells
        (found,) = (
            cell.spec.sources["gates"].spec
            for cell in cells
            if (cell.row, cell.column, cell.spec.seed) == (row, "FL", seed)
            and (cell.axes[FEATURES.name], cell.axes[VALUE_INPUT.name]) == (LINEAR, value)
        )
        return found

    def filters(self, row: str, seed: int = 0) -> list[Float[Tensor, "units C H W"]]:
        """The effective filters of a DLGN whose feature network is kept beside its record; empty where none is."""
        spec = self.source(row, seed)
        store = self.chapter.store
        kept = store.kept(lambda: store.weights(spec.key, f"{FEATURE}best_test"))
        return [] if kept is None else effective_filters(spec.feature_network, kept.params)

    def filter_figure(self, row: str, seed: int = 0) -> Figure:
        """The first units of each layer as the images that they weigh the input with."""
        filters = [layer[:UNITS] for layer in self.filters(row, seed)]
        return self.chapter.downloads.figure(
            "filters", filter_figure(filters, f"{self.chapter.exhibit.id}, {row}, seed {seed}")
        )

    def directions(self, row: str, seed: int = 0) -> Findings:
        """How much of what later layers look at the first layer's filters span already, in words."""
        filters = self.filters(row, seed)
        if not filters:
            return Findings((f"{row}: pending, the feature network of seed {seed} is not kept.",))
        flat = [layer.flatten(1).double() for layer in filters]
        if any(layer.shape[1] != flat[0].shape[1] for layer in flat):
            return Findings(())
        ranks = [_directions(layer) for layer in flat]
        words = ", ".join(f"{rank:.0f}" for rank in ranks)
        return Findings(
            (
                f"{row}: of the {len(flat[0])} units of each layer, so many directions in the image are enough for "
                f"90% of the squared size of their filters, first layer first: {words}.",
            )
        )

    def _of(
        self, row: str, column: str | None = None, features: str | None = None, value: str | None = None
    ) -> pd.DataFrame:
        return chosen(self.chapter.runs, row=row, column=column, features=features, value_input=value)

    def _mean(self, row: str, column: str, features: str, value: str) -> float | None:
        return complete_mean(self._of(row, column, features, value))


PLACES = {
    "DGN": ("DL", RECTIFIED),
    "DLGN": ("DL", LINEAR),
    "a fresh value network on the DLGN's hard gates": ("FL", LINEAR),
    "random gates of linear features": ("FR-II", LINEAR),
}
"""What the answer names, and the column and features that it is."""


def _directions(filters: Float[Tensor, "units D"], share: float = 0.9) -> int:
    """How many principal directions hold a share of the squared norm."""
    squares = torch.linalg.svdvals(filters).square()
    return int((squares.cumsum(0) < share * squares.sum()).sum()) + 1
