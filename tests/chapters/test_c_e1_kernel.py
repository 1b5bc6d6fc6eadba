"""The chapter of kernels and orders: what it says of made-up kernels and accuracies of which the truth is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from companion.chapters.c_e1_kernel import KernelChapter
from companion.chapters.chapter import Chapter
from companion.exhibits import Cell, exhibit
from companion.exhibits.b_f4_permutations import ALL_ORDERS, IDENTITY
from support.synthetic import Score, Shelf, grid_of

ROW = "C4GAP/CIFAR-10"
GRID = [cell for cell in grid_of("C-E1-kernel", "paper") if cell.row == ROW]


def rank(cell: Cell) -> int:
    return ALL_ORDERS.index(cell.axes["permutation"])


def falling(cell: Cell) -> float | None:
    """The later an order stands, the more it loses; a hundredth of a point between seeds."""
    return None if cell.column == "ReLU" else 80 - 0.1 * rank(cell) + cell.spec.seed + 0.01 * (cell.spec.seed % 2)


class Given(Chapter):
    """A chapter whose kernels are given: the later an order stands, the more it changes."""

    size = 0.01
    seeds = 3

    @property
    def kernels(self) -> pd.DataFrame:  # type: ignore[override]
        lines = []
        for cell in self.cells:
            if cell.column == "ReLU":
                continue
            there = cell.spec.seed < self.seeds
            change = self.size * rank(cell) if there else None
            place = {"row": cell.row, "column": cell.column, **cell.axes, "seed": cell.spec.seed}
            lines.append({**place, "relative": change, "misaligned": change and change**2})
        return pd.DataFrame(lines).astype({"relative": float, "misaligned": float})


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path))
    return tmp_path / "c_e1_kernel"


def made(score: Score = falling, size: float = 0.01, seeds: int = 3) -> KernelChapter:
    chapter = Given(exhibit("C-E1-kernel"), "paper", GRID, Shelf(GRID, score), own=True)
    object.__setattr__(chapter, "size", size)
    object.__setattr__(chapter, "seeds", seeds)
    return KernelChapter(chapter)


def test_what_is_true_of_learnt_gates_is_said_of_each_input() -> None:
    image, ones = made().answer().lines
    assert image.startswith(f"{ROW}, learnt gates, image: the 23 other orders change the kernel by 1.0 to 23.0%; ")
    assert "they cost 0.10 to 2.30 points" in image
    assert image.endswith("change and loss is 1.00 (1.00 to 1.00): the kernel tells which order does worse.")
    assert ones.startswith(f"{ROW}, learnt gates, ones")
    assert [line.split(", ")[1] for line in made().control().lines] == ["random gates", "random gates"]


def test_a_kernel_that_does_not_change_explains_nothing() -> None:
    image, _ = made(size=1e-17).answer().lines
    assert "no order changes the kernel (relative change: at most 1e-12)" in image
    assert image.endswith(": a difference that this kernel cannot explain.")
    still, _ = made(lambda c: None if c.column == "ReLU" else 80.0 + c.spec.seed, size=0.0).answer().lines
    assert "no order changes the kernel (relative change: none)" in still
    assert still.endswith("(Friedman, p = 1, where 0.05 is asked), as a kernel that does not change would have it.")


def test_what_is_missing_is_said() -> None:
    none, _ = made(seeds=2).answer().lines
    assert none == f"{ROW}, learnt gates, image: the kernels are not measured in all seeds yet."
    first, _ = made(lambda c: falling(c) if c.column == "FL" and rank(c) < 2 else None).answer().lines
    assert first.endswith(
        "so far 1 of 23 orders are recorded, which cost 0.10 points of accuracy in the mean over seeds. How the two go "
        "together cannot be said of so few orders."
    )
    unknown, _ = made(lambda c: None).answer().lines
    assert unknown.endswith("; what they cost in accuracy is not recorded yet.")


def test_tables_hold_the_numbers_and_say_so_far(downloads: Path) -> None:
    changes = made().changes().frame
    assert changes["relative change of the kernel"].to_list() == ["0.01 to 0.23"] * 4
    assert made(seeds=1).changes().frame["seeds"].to_list() == ["1 of 3"] * 4
    assert set(made(seeds=1).changes().frame["1 − alignment"]) == {"pending"}
    rules = made(lambda c: falling(c) if c.column == "FL" and rank(c) < 6 else None).rules().frame
    assert rules["orders"].to_list() == ["5 of 23", "5 of 23", "0 of 23", "0 of 23"]
    assert rules["does the kernel tell?"].to_list() == ["so far it does", "so far it does", "pending", "pending"]
    orders = made().orders().frame
    assert len(orders) == 24
    one = made(lambda c: None if c.axes["value_input"] == "ones" else falling(c)).orders().frame
    assert one.iloc[0].to_list() == [ROW, "identity", "0.0000", "0.00", "0.0000", "pending"]
    assert orders.iloc[0].to_list() == [ROW, "identity", "0.0000", "0.00", "0.0000", "0.00"]
    assert ALL_ORDERS[0] == IDENTITY
    assert all((downloads / f"{name}.csv").is_file() for name in ("changes", "rules", "orders"))


@pytest.mark.filterwarnings("error")
def test_the_picture_has_a_dot_for_each_order_but_the_identity(downloads: Path) -> None:
    (ax,) = made().figure().axes
    assert ax.get_title() == f"{ROW}, {23 * 4} models"
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{column}, {value}" for value in ("image", "ones") for column in ("FR-II", "FL")
    ]
    assert (downloads / "orders.svg").is_file()
    assert [ax.get_title() for ax in made(lambda c: None).figure().axes] == [f"{ROW}, no records yet"]
