"""What gates hold, as one table and one figure."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from companion.notation import Regime, ValueInput
from companion.render.style import COLOURS, STYLE
from companion.render.tables import Table
from companion.verdicts.information import GateInformation

__all__ = ["NAMES", "information_figure", "information_table"]

NAMES = {
    (str(Regime.RELU), "image"): "the model, retrained",
    (str(Regime.FL), "image"): "its gates",
    (str(Regime.FR_II), "image"): "random gates (II)",
    (str(Regime.FR_DI), "image"): "random gates (DI)",
    (str(Regime.FL), "ones"): "its gates, ones in",
    (str(Regime.FR_II), "ones"): "random gates (II), ones in",
    (str(Regime.FR_DI), "ones"): "random gates (DI), ones in",
}
"""Regime and value input to what a reader calls it."""


def information_table(answer: GateInformation) -> Table:
    """One line for each kind of gates: what was trained, how well it does, and which share of the gap it holds.

    Example:
        >>> from companion.decoupling.rows import Row, Score
        >>> from companion.verdicts.information import information_frame, share_held
        >>> rows = {Row(Regime.RELU): 90.0, Row(Regime.FL): 88.0, Row(Regime.FR_II): 70.0}
        >>> scores = [Score(row, seed, 100.0, test) for row, test in rows.items() for seed in (0, 1)]
        >>> answer = GateInformation(tuple(scores), information_frame(scores), share_held(scores))
        >>> information_table(answer).frame["share of the gap"].tolist()
        ['–', '90% (90% to 90%)', '–']
    """
    lines = []
    for line in answer.table.to_dict("records"):
        gap = "–" if pd.isna(line["gap"]) else f"{line['gap']:+.2f}{_range(line['gap_low'], line['gap_high'], '+.2f')}"
        share = (
            "–"
            if pd.isna(line["share"])
            else f"{line['share']:.0%}{_range(line['share_low'], line['share_high'], '.0%')}"
        )
        test, train = ("–" if pd.isna(line[name]) else f"{line[name]:.2f}" for name in ("test", "train"))
        reach = "" if pd.isna(line["half_width"]) else f" ± {line['half_width']:.2f}"
        lines.append(
            {
                "network": NAMES[line["regime"], line["value_input"]],
                "regime": line["regime"] + ("" if line["value_input"] == ValueInput.IMAGE else ", ones"),
                "n": line["n"],
                "test accuracy (%)": f"{test}{reach}",
                "training accuracy (%)": train,
                "behind the model (points)": gap,
                "share of the gap": share,
            }
        )
    caption = "Means over seeds after the last epoch, with 95% intervals; differences and shares are paired by seed."
    return Table(pd.DataFrame(lines, dtype=object), caption)


def _range(low: float, high: float, form: str) -> str:
    return "" if pd.isna(low) or pd.isna(high) else f" ({low:{form}} to {high:{form}})"


def information_figure(answer: GateInformation, ink: str = "black") -> Figure:
    """Test accuracy of every network, a dot a seed, with the mean of each kind of gates and its 95% interval.

    Args:
        answer: of :func:`companion.verdicts.information.gate_information`.
        ink: colour of text and axes.

    Example:
        >>> from companion.decoupling.rows import Row, Score
        >>> from companion.verdicts.information import information_frame, share_held
        >>> rows = {Row(Regime.RELU): 90.0, Row(Regime.FL): 88.0, Row(Regime.FR_II): 70.0}
        >>> scores = [Score(row, seed, 100.0, test) for row, test in rows.items() for seed in (0, 1)]
        >>> answer = GateInformation(tuple(scores), information_frame(scores), share_held(scores))
        >>> [label.get_text() for label in information_figure(answer).axes[0].get_yticklabels()]
        ['the model, retrained', 'its gates', 'random gates (II)']
    """
    style = STYLE | {
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": ink,
        "xtick.color": ink,
        "ytick.color": ink,
    }
    lines = answer.table.to_dict("records")
    with plt.rc_context(style):
        figure, ax = plt.subplots(figsize=(4.6, 0.42 * len(lines) + 0.9), layout="constrained")
        for place, line in enumerate(lines):
            own = [
                score.test
                for score in answer.scores
                if (str(score.row.regime), str(score.row.value_input)) == (line["regime"], line["value_input"])
            ]
            colour = COLOURS[line["regime"]]
            ax.scatter(own, [place + 0.22] * len(own), s=16, color=colour, alpha=0.45, linewidths=0)
            reach = 0.0 if pd.isna(line["half_width"]) else line["half_width"]
            ax.errorbar(line["test"], place, xerr=reach, color=colour, marker="D", markersize=5, capsize=3)
        ax.set_yticks(range(len(lines)), [NAMES[line["regime"], line["value_input"]] for line in lines])
        ax.set_ylim(len(lines) - 0.5, -0.5)
        ax.set_xlabel("test accuracy (%)")
        ax.grid(axis="x", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    plt.close(figure)
    return figure
