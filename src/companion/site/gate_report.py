"""The answer of ``companion gates`` as a document and as a page of its own, which needs nothing but itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

import matplotlib.pyplot as plt

from companion.render.information import information_figure, information_table
from companion.verdicts.information import GateInformation

__all__ = ["document", "page"]

INK = "#010203"
"""Drawn in a colour that nothing else has, so that the page can put its own in its place."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --line: #c9c9c9; --soft: #5a5a5a; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #ececec; --paper: #16181c; --line: #4a4d55; --soft: #b0b3ba; }}
}}
body {{ margin: 0 auto; padding: 1rem; max-width: 52rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); overflow-wrap: break-word; }}
h1 {{ font-size: 1.4rem; line-height: 1.25; }}
.answer {{ font-size: 1.25rem; line-height: 1.4; }}
.note {{ border-left: 4px solid #d55e00; padding-left: 0.75rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: var(--soft); padding-bottom: 0.4rem; }}
th, td {{ padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; }}
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) {{ text-align: left; }}
th {{ font-weight: 600; vertical-align: bottom; }}
figure {{ margin: 1.5rem 0; }}
figure svg {{ width: 100%; max-width: 36rem; height: auto; color: var(--ink); }}
figcaption {{ color: var(--soft); }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; }}
dt {{ color: var(--soft); }} dd {{ margin: 0; min-width: 0; }}
code {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="answer">{answer}</p>
{notes}
<div class="wide" tabindex="0" role="region" aria-label="table of test accuracies">{table}</div>
<figure role="img" aria-label="{alt}">
{figure}
<figcaption>{caption}</figcaption>
</figure>
<h2>What was done</h2>
<p>Each network started from random weights and was trained by one protocol; only the gates, and what entered, differ.
Gates were frozen: those of the model as it was given, or those of random networks that are independent of the value
network (II) or have its own first weights (DI). The gap is that between random gates (II) and the model retrained.</p>
<dl>
{facts}
</dl>
</main>
</body>
</html>
"""


def document(answer: GateInformation, facts: Mapping[str, Any]) -> dict[str, Any]:
    """All of an answer: sentence, notes, share, table, every score, and facts about how it came about."""
    share = answer.share
    return {
        "answer": str(answer),
        "notes": answer.notes,
        "share": {"estimate": share.estimate, "low": share.low, "high": share.high, "n": share.n, "known": share.known},
        "given": None if answer.given is None else asdict(answer.given),
        "table": answer.table.to_dict("records"),
        "scores": [
            {"regime": str(s.row), "seed": s.seed, "train": s.train, "test": s.test, "epochs": s.epochs}
            for s in answer.scores
        ],
        **facts,
    }


def page(answer: GateInformation, facts: Mapping[str, Any]) -> str:
    """HTML with table and figure in it, light or dark as the reader's system is, for large screens and small ones."""
    shown = information_table(answer)
    means = "; ".join(f"{name} {mean}" for name, mean in shown.frame[["network", "test accuracy (%)"]].values)
    n = answer.table["n"]
    counted = f"n = {n.max()}" if n.min() == n.max() else f"n = {n.min()} to {n.max()}"
    told: dict[str, Any] = {name: value for name, value in facts.items() if value not in (None, {})}
    if answer.given is not None:
        told["model as given"] = (
            f"{answer.given.train:.2f}% of the training and {answer.given.test:.2f}% of the test examples"
        )
    return PAGE.format(
        title=escape(f"What the gates of {facts.get('model', 'a model')} hold"),
        answer=escape(str(answer)),
        notes="\n".join(f'<p class="note">{escape(note)}</p>' for note in answer.notes),
        table=shown._repr_html_(),
        alt=escape(f"Test accuracy by kind of gates and value input, means: {means}", quote=True),
        figure=_drawn(answer),
        caption=escape(f"Test accuracy; a dot is a seed, a diamond the mean with its 95% interval ({counted})."),
        facts="\n".join(f"<dt>{escape(str(name))}</dt><dd>{_shown(value)}</dd>" for name, value in told.items()),
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return escape(", ".join(f"{name} {one}" for name, one in value.items()))
    return escape(str(value))


def _drawn(answer: GateInformation) -> str:
    """The figure as SVG, in the page's own ink on its own paper."""
    buffer = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "companion", "svg.fonttype": "none"}):
        figure = information_figure(answer, INK)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")
