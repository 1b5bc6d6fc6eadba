"""The answer as table, figure, document and page: they say what was measured, and the page needs nothing else."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import pytest

from companion.cli.output import jsonable
from companion.decoupling.rows import ROWS, Score
from companion.render.information import information_figure, information_table
from companion.site.gate_report import document, page
from companion.verdicts.information import GateInformation, Given, information_frame, share_held

MEANS = dict(zip(map(str, ROWS), (90.0, 88.0, 80.0, 81.0, 70.0), strict=True))


@pytest.fixture
def answer():
    scores = [
        Score(row, seed, 99.0, MEANS[str(row)] + 0.1 * seed * (1 + len(str(row))), 7)
        for seed in range(3)
        for row in ROWS
    ]
    scores.append(Score(ROWS[1], 3, math.nan, math.nan, 2))
    return GateInformation(tuple(scores), information_frame(scores), share_held(scores), Given(50.0, 9.0, 10.0))


def test_the_table(answer):
    frame = information_table(answer).frame
    assert list(frame["network"]) == [
        "the model, retrained", "its gates", "random gates (II)", "random gates (DI)", "its gates, ones in",
    ]  # fmt: skip
    assert list(frame["n"]) == [3] * 5
    assert frame.loc[0, "share of the gap"] == "–"
    assert re.fullmatch(r"\d+% \(\d+% to \d+%\)", frame.loc[1, "share of the gap"])
    assert frame.loc[1, "share of the gap"].split("%")[0] == f"{answer.share.estimate:.0%}"[:-1]
    assert frame.loc[4, "share of the gap"].startswith("-")
    assert frame.loc[2, "test accuracy (%)"].startswith("80.60 ±")


def test_the_figure_has_a_dot_for_each_network(answer):
    figure = information_figure(answer)
    (ax,) = figure.axes
    dots = [collection.get_offsets() for collection in ax.collections if len(collection.get_offsets()) >= 3]
    assert [len(one) for one in dots] == [3, 4, 3, 3, 3]  # one of them diverged, and is nowhere
    assert [label.get_text() for label in ax.get_yticklabels()][1] == "its gates"
    assert ax.get_xlabel() == "test accuracy (%)"
    plt.close(figure)


def test_the_document_is_json_without_what_json_does_not_know(answer):
    found = json.loads(json.dumps(jsonable(document(answer, {"model": "a:b"})), allow_nan=False))
    assert found["answer"] == str(answer)
    assert len(found["scores"]) == 16
    assert found["scores"][-1] == {"regime": "FL", "seed": 3, "train": None, "test": None, "epochs": 2}
    assert found["share"]["n"] == 3
    assert found["model"] == "a:b"
    assert found["given"] == {"train": 50.0, "test": 9.0, "guess": 10.0}
    assert "are its weights trained?" in found["notes"][0]
    assert found["notes"][1] == "Diverged, and left out of every comparison: FL seed 3."


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.names, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "xlink:href") and not value.startswith("#")
        ]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(answer):
    text = page(answer, {"model": "<b>:&", "weights": None, "settings": {"epochs": 3}})
    read = Page()
    read.feed(text)
    assert read.open == []
    assert read.links == []
    assert not {"script", "link", "img", "b"} & set(read.names)
    assert "url(" not in re.sub(r"url\(#", "", text)
    assert {"table", "svg", "figcaption", "main"} <= set(read.names)
    assert "&lt;b&gt;:&amp;" in text
    assert str(answer) in text
    assert "<dt>weights</dt>" not in text
    assert "epochs 3" in text
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    svg = text[text.index("<svg") : text.index("</svg>")]
    assert "currentColor" in svg
    assert "#000000" not in svg
    assert "#010203" not in svg
    assert 'style="fill: #ffffff"' not in svg
    assert page(answer, {}) == page(answer, {})
