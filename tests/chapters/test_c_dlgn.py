"""The chapter of linear features: what it shows of stores in which the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from companion.chapters.c_dlgn.show import LinearChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.records.store import Record
from companion.records.weights import Weights
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.verdicts.stats import Verdict
from support.synthetic import Shelf, grid_of

MNIST = "FC/MNIST"
GRID = [cell for cell in grid_of("C-DLGN", "paper") if cell.row == MNIST]
Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float | None:
    """Linear features cost half a point, random gates three; ones a tenth."""
    base = {"ReLU": 98.5, "DL": 98.2, "FL": 98.1, "FR-II": 95.2}[cell.column]
    cost = 0.5 * (cell.axes["features"] == "linear") + 0.1 * (cell.axes["value_input"] == "ones")
    return round(base - cost + 0.1 * cell.spec.seed, 4)


class Probed(Shelf):
    """A store in memory whose runs of DL have hard gates that cost something, and which keeps one feature network."""

    def __init__(self, score: Score, cost: float = 0.05, kept: bool = True) -> None:
        super().__init__(GRID, score)
        self.there = kept
        self.records = {spec: record and self._probed(spec, record, cost) for spec, record in self.records.items()}

    @staticmethod
    def _probed(spec: RunSpec, record: Record, cost: float) -> Record:
        if spec.probe is None or not record.finished:
            return record
        hard = [10.0, record.content["last_test"] - cost]
        return Record({**record.content, "probes": {"epoch": [0, spec.epochs], "hard_test_accuracy": hard}})

    def weights(self, key: str, checkpoint: str) -> Weights | None:
        (spec,) = {c.spec.sources["gates"].spec for c in GRID if c.column == "FL" and c.spec.teacher.key == key}
        assert checkpoint == "feature/best_test"
        feature = initial_model(spec).feature
        return Weights(1, 7, feature) if self.there and feature is not None else None


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.scorecard"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "c_dlgn"


def made(score: Score = known, **how: Any) -> LinearChapter:
    return LinearChapter(Chapter(exhibit("C-DLGN"), "paper", GRID, Probed(score, **how), own=True))


def test_the_answer_sets_relu_dgn_and_dlgn_side_by_side() -> None:
    assert made().answer().lines == (
        f"{MNIST}: gates learnt by a linear network (DLGN) are worth, in points, against random gates of such a "
        "network and against those learnt by a ReLU network (DGN): +3.00 and -0.50 (image); +3.00 and -0.50 (ones).",
        "ReLU 98.60%; with image as input of the value network, DGN 98.30%, DLGN 97.80%, a fresh value "
        "network on the DLGN's hard gates 97.70%, random gates of linear features 94.80%; with ones as input of the "
        "value network, DGN 98.20%, DLGN 97.70%, a fresh value network on the DLGN's hard gates 97.60%, random gates "
        "of linear features 94.70% (means over 3 seeds).",
    )
    half = made(lambda c: None if c.axes["value_input"] == "ones" and c.spec.seed == 1 else known(c)).answer()
    assert "(image)." in half.lines[0]
    assert "with ones" not in half.lines[1]
    assert "with image" in half.lines[1]
    (waiting,) = made(lambda c: None).answer().lines
    assert waiting.startswith(f"{MNIST}: pending")


def test_the_table_sets_linear_features_beside_those_of_a_relu_network(downloads: Path) -> None:
    lines = made().table().frame.set_index("regime").to_dict("index")
    assert lines["both learn (DL)"] == {
        "row": MNIST,
        "linear features, image": "97.80 ± 0.08",
        "linear features, ones": "97.70 ± 0.08",
        "ReLU features, image": "98.30 ± 0.08",
        "ReLU features, ones": "98.20 ± 0.08",
    }
    assert lines["ReLU"]["ReLU features, image"] == "98.60 ± 0.08"
    assert lines["ReLU"]["linear features, ones"] == "–"
    assert (downloads / "features.csv").is_file()


def test_the_rules_see_what_linear_features_cost() -> None:
    verdicts = made().claims().frame["verdict"].to_list()
    wanted = [Verdict.NOT_REPRODUCED, Verdict.REPRODUCED, Verdict.REPRODUCED, Verdict.NOT_REPRODUCED]
    assert verdicts == wanted


def test_hard_gates_are_judged_by_the_fifth_rule() -> None:
    table = made().hard().frame
    assert list(table["network"]) == ["DLGN", "DLGN", "DGN", "DGN"]
    first = table.iloc[0].to_dict()
    assert (first["soft"], first["hard"]) == ("97.80 ± 0.08", "97.75 ± 0.08")
    assert first["gap in points (bounds)"].startswith("+0.05")
    assert set(table["verdict"]) == {Verdict.REPRODUCED}
    assert set(made(cost=1.0).hard().frame["verdict"]) == {Verdict.NOT_REPRODUCED}
    waiting = made(lambda c: None if c.spec.seed == 2 else known(c)).hard().frame
    assert set(waiting["soft"]) == {"pending: 2 of 3"}
    assert set(waiting["verdict"]) == {Verdict.PENDING}
    assert set(made(lambda c: None).hard().frame["hard"]) == {"–"}


def test_the_later_number_is_cited_and_ours_has_no_verdict() -> None:
    cited, image, ones = made().recovered().lines
    assert "more than 83.5%" in cited
    assert "without a verdict" in cited
    assert image == f"{MNIST}, image: of the accuracy of ReLU, a DLGN 99.2% and random gates of linear features 96.1%."
    assert "ones" in ones
    assert made(lambda c: None).recovered().lines[1:] == ("Ours: pending.",)


def test_filters_are_those_of_the_network_whose_gates_are_used(downloads: Path) -> None:
    chapter = made()
    spec = chapter.source(MNIST)
    feature = initial_model(spec).feature
    assert (spec.regime, spec.seed, spec.probe, spec.feature_activation) == ("DL", 0, None, "linear")
    filters = chapter.filters(MNIST)
    assert [f.shape for f in filters] == [(128, 1, 28, 28)] * 4
    torch.testing.assert_close(filters[1].flatten(1).T, feature["weight.0"] @ feature["weight.1"])
    figure = chapter.filter_figure(MNIST)
    assert len(figure.axes) == 4 * 8
    assert [ax.get_ylabel() for ax in figure.axes[::8]] == [f"layer {l}" for l in (1, 2, 3, 4)]
    (text,) = chapter.directions(MNIST).lines
    counts = [int(n) for n in text.split("first layer first: ")[1].rstrip(".").split(", ")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert (downloads / "filters.svg").is_file()


def test_without_a_kept_network_it_says_so() -> None:
    chapter = made(kept=False)
    assert [ax.get_title() for ax in chapter.filter_figure(MNIST).axes] == ["pending: no feature network is kept"]
    assert chapter.directions(MNIST).lines == (f"{MNIST}: pending, the feature network of seed 0 is not kept.",)


def test_the_picture_has_a_dot_for_every_run() -> None:
    figure = made().figure()
    assert sum(len(line.get_xdata()) for ax in figure.axes for line in ax.lines) == len(GRID) == 39
    labels = {text.get_text() for ax in figure.axes if ax.get_visible() for text in ax.get_yticklabels()}
    kinds = [f"{f}, {v}" for f in ("linear", "ReLU") for v in ("image", "ones")]
    assert labels == {"ReLU", *(f"{regime}: {kind}" for regime in ("DL", "FL", "FR-II") for kind in kinds)}
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][:2] == ["ReLU", "DL: linear, image"]
