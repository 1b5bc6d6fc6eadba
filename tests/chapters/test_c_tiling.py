"""The chapter of moved gates: what it shows of stores in which the truth is known, and the kernels beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from companion.chapters.c_tiling.measure import EXACT, change_table, kernel_changes, tiny_networks
from companion.chapters.c_tiling.show import TilingChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.exhibits.c_tiling import NARROW_FL, NARROW_RELU
from companion.kernels import npk_from_gates
from companion.kernels.neural_paths import bundle_features, enumerate_paths, neural_path_features
from companion.networks.families import circular_cnn
from companion.networks.routing import Routing
from companion.render.style import COLOURS
from companion.verdicts.stats import Verdict
from support.synthetic import Shelf, grid_of

MNIST = "FC/MNIST"
GRID = [cell for cell in grid_of("C-tiling", "paper") if cell.row == MNIST]
LOST = {"unmoved": 0.0, "tiled": 1.0, "shifted alike": 0.1, "shifted apart": -0.1, "tiled, shifted apart": 1.1}

Score = Callable[[Cell], float | str | None]


def known(cell: Cell) -> float | None:
    """Seeds a tenth apart; what moving costs is the same for all of them, and with ones half a point is lost."""
    base = {"ReLU": 98.5, NARROW_RELU: 97.5, "FL": 98.4, NARROW_FL: 97.0, "FR-II": 95.0}[cell.column]
    arrangement = cell.axes["arrangement"]
    cost = LOST[arrangement] if cell.column in ("FL", "FR-II") else 0.0
    return round(base - cost - 0.5 * (cell.axes["value_input"] == "ones") + 0.1 * cell.spec.seed, 4)


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    for module in ("chapters.chapter", "verdicts.scorecard"):
        monkeypatch.setattr(f"companion.{module}.cells", grid_of)
    return tmp_path / "c_tiling"


def made(score: Score = known) -> TilingChapter:
    return TilingChapter(Chapter(exhibit("C-tiling"), "paper", GRID, Shelf(GRID, score), own=True))


def test_the_answer_says_what_each_move_costs() -> None:
    assert made().answer().lines == (
        f"{MNIST}: ReLU 98.60%, fresh value networks on its gates 98.50% (image) and 98.00% (ones). Points lost by "
        "moving the gates first: tiled +1.00 (image), +1.00 (ones); shifted alike +0.10 (image), +0.10 (ones); shifted "
        "apart -0.10 (image), -0.10 (ones); tiled, shifted apart +1.10 (image), +1.10 (ones). The margin that was "
        "fixed beforehand is 0.25 points.",
    )
    missing = made(lambda c: None if c.axes["arrangement"] == "tiled" and c.spec.seed == 2 else known(c)).answer()
    assert "; tiled" not in missing.lines[0].split("first: ")[1].split("; tiled, ")[0]
    unmoved = made(lambda c: known(c) if c.axes["arrangement"] in (None, "unmoved") else None).answer()
    assert unmoved.lines == (f"{MNIST}: pending, no gates that were moved are recorded yet.",)
    assert made(lambda c: None).answer().lines == (
        f"{MNIST}: pending, the gates that are not moved are not recorded yet.",
    )


def test_the_table_has_a_line_for_each_arrangement_and_the_narrow_network(downloads: Path) -> None:
    lines = {line["gates"]: line for line in made().table().frame.to_dict("records")}
    assert list(lines) == [*LOST, "narrow network, unmoved"]
    assert lines["tiled"]["FL, image"] == "97.50 ± 0.08"
    assert lines["tiled"]["FR-II, ones"] == "93.60 ± 0.08"
    assert lines["shifted alike"]["FR-II, image"] == "–"
    assert (lines["unmoved"]["ReLU"], lines["tiled"]["ReLU"]) == ("98.60 ± 0.08", "–")
    assert lines["narrow network, unmoved"]["ReLU"] == "97.60 ± 0.08"
    assert lines["narrow network, unmoved"]["FL, ones"] == "96.60 ± 0.08"
    assert (downloads / "moved.csv").is_file()


def test_the_rules_see_what_moving_costs() -> None:
    verdicts = {line["claim"]: line["verdict"] for line in made().claims().frame.to_dict("records")}
    assert list(verdicts.values()) == [
        Verdict.NOT_REPRODUCED,  # tiling costs a point
        Verdict.REPRODUCED,  # rolling nothing
        Verdict.NOT_REPRODUCED,
        Verdict.NOT_REPRODUCED,  # with ones tiled gates are behind their own network
        Verdict.REPRODUCED,
    ]
    waiting = made(lambda c: None if c.axes["arrangement"] == "shifted apart" else known(c)).claims().frame
    assert waiting["verdict"].to_list()[1] is Verdict.PENDING
    assert "so far reproduced" in waiting["rule"].to_list()[1]


def test_the_control_counts_pairs_of_one_seed() -> None:
    (text,) = made().control().lines
    assert text.startswith(f"{MNIST}: over 12 pairs of runs of one seed, rolled minus unmoved is +0.00 points")
    assert "between -0.10 and +0.10" in text
    (waiting,) = made(lambda c: None).control().lines
    assert waiting == f"{MNIST}: pending, no rolled gates are recorded yet."


def test_findings_tell_the_tiled_gates_from_the_narrow_network() -> None:
    (text,) = made().findings().lines
    assert text.startswith(
        f"{MNIST}: 54 of 54 runs are recorded. With image as input, the gates of the narrow network "
    )
    assert (
        "(ReLU 97.60%) give a value network of its own width 97.10%, and tiled one of full width 97.50%: +1.00" in text
    )
    assert made(lambda c: None).findings().lines == (f"{MNIST}: 0 of 54 runs are recorded.",)


def test_the_picture_has_a_dot_for_every_run(downloads: Path) -> None:
    figure = made().figure()
    titles = [ax.get_title() for ax in figure.axes if ax.get_visible()]
    assert titles == [f"{MNIST}, learnt gates (n = 3)", f"{MNIST}, random gates (n = 3)"]
    assert sum(len(line.get_xdata()) for ax in figure.axes for line in ax.lines) == 54
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[:4] == ["ReLU", "ReLU, a quarter as wide", "unmoved, image", "unmoved, ones"]
    assert "unmoved, a quarter as wide, ones" in labels
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert colours == {COLOURS["ReLU"], COLOURS["FL"]}
    assert (downloads / "moved.svg").is_file()


def test_changes_are_exact_where_theory_says_so_and_large_elsewhere() -> None:
    largest = kernel_changes(draws=2).groupby(["network", "move", "input"])["change"].max()
    exact = {place for place, change in largest.items() if change < EXACT}
    circle, image = "convolutional, around a circle", "convolutional, zeros around the image"
    assert {place for place in largest.index if place[0] == "fully connected" or place[1] == "tiled"} <= exact
    for network, move in ((circle, "shifted alike"), (image, "turned alike")):
        assert {(network, move, "ones"), (network, move, "image, moved along")} <= exact
    assert len(exact) == 6 + 2 * 2 + 2 * 2
    assert min(change for place, change in largest.items() if place not in exact) > 0.01
    lines = change_table(kernel_changes(draws=1)).frame
    assert set(lines["value network sees ones"]) > {"none"}
    assert len(lines) == 3 + 3 + 5


def test_the_kernel_of_moved_gates_is_that_of_enumerated_paths() -> None:
    """Another computation: paths one by one, under gates moved by hand."""
    tiny = tiny_networks()[1]
    routing: Routing = tiny.moves["shifted apart"]
    x = torch.randn(3, 1, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gates = [(torch.rand(3, 4, 7, generator=torch.Generator().manual_seed(l)) > 0.5).double() for l in range(4)]
    by_hand = [torch.roll(G, -shift, 2) for G, shift in zip(gates, (1, 2, 3, 5), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(routing.apply(gates), by_hand, strict=True))
    network = circular_cnn(7, 2, 2, 2, 1)
    few = [G[:, :2] for G in by_hand[:2]]
    paths = enumerate_paths(network)
    phi = bundle_features(neural_path_features(paths, x, few), paths.bundles())
    torch.testing.assert_close(npk_from_gates(network, x, few), phi @ phi.T)
