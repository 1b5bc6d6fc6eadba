"""The chapter of kernel machines: from made-up measurements, from none, and what each table says of them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from companion.chapters import open_chapter
from companion.chapters.a_machine import MachineChapter
from companion.exhibits.a_machine import EARLY
from companion.verdicts.trends import TRENDS, evaluate_trend

N = 1000
ROWS = {"them": "n = 1,000, gates learnt from them", "others": "n = 1,000, gates learnt from others"}
RISE = {"them": 0.5, "others": 2.0}
"""Points from one stage to the next."""


def measured(seeds: int = 5) -> pd.DataFrame:
    """What 1,000 images would give; networks that learnt from others have measured 5,000 too."""
    lines = []
    for (design, row), seed in product(ROWS.items(), range(seeds)):
        for variant, epochs in (("", (0, 10, 20, 30)), (EARLY, (0, 1, 2, 3))):
            for stage, epoch in enumerate(epochs):
                line = {"row": row, "variant": variant, "seed": seed, "epoch": epoch}
                line |= {"images": N, "learnt_from": design, "column": "ReLU", "dataset": "mnist"}
                line |= {f"npk_{N}": 90 + RISE[design] * stage + seed / 100, f"ones_{N}": 80 + 5 * stage}
                line |= {f"layer{l}_{N}": 50 + l + stage for l in range(1, 5)}
                line |= {
                    f"ntk_{N}": 88.0 + stage,
                    f"gaussian_{N}": 92.0,
                    f"limit_{N}": 91.0,
                    "network": 10 + 29 * stage,
                }
                lines.append(line | ({"npk_5000": 50.0} if design == "others" else {}))
    return pd.DataFrame(lines)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineChapter:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.setattr("companion.chapters.store_folder", lambda: tmp_path / "nothing")
    return MachineChapter(open_chapter("A-machine"))


@pytest.fixture
def full(made: MachineChapter) -> MachineChapter:
    made.chapter.__dict__["probes"] = measured()
    return made


def test_a_row_has_the_machines_of_its_own_number_of_images(full):
    machines = full.machines
    assert set(machines["images"]) == {N}
    assert 50.0 not in set(machines.loc[machines["kernel"] == "npk", "accuracy"])
    assert set(machines["kernel"]) == {
        "npk", "ones", "ntk", "gaussian", "limit", "network", *(f"layer{l}" for l in range(1, 5)),
    }  # fmt: skip


def test_the_answer_keeps_the_designs_apart(full):
    own, others = full.answer().lines
    assert own == (
        "Gates learnt from the very images that the machine is fitted to: fitted to 1,000 images, a machine from its "
        "gates gets 91.52% of the test images right, and 90.02% with the gates before training. The network itself has "
        "97.00%, the better of two kernels that nobody trained 92.00%. Pending with 5,000, 10,000 and 20,000 images."
    )
    assert others.startswith("Gates learnt from 30,000 other images, and from none of the machine's: fitted to 1,000 ")
    assert "gets 96.02% of the test images right, and 90.02% with" in others


def test_the_answer_tells_the_fewest_and_the_most_images(full):
    more = measured().rename(columns=lambda name: name.replace(f"_{N}", "_20000"))
    more = more[more["learnt_from"] == "them"].assign(row="n = 20,000, gates learnt from them", images=20_000)
    more["npk_20000"] += 5
    full.chapter.__dict__["probes"] = pd.concat([measured(), more])
    (own, _) = full.answer().lines
    assert "before training; fitted to 20,000 images, 96.52% and 95.02%. The network itself has 97.00%," in own
    assert own.endswith("Pending with 5,000 and 10,000 images.")


def test_tables_say_what_was_measured_and_what_waits(full):
    first, *_ = full.table().frame.to_dict("records")
    assert first["before"] == "90.02 ± 0.01"
    assert first["epoch 30"] == "91.52 ± 0.01"
    assert (first["ones"], first["Gaussian"], first["FL"]) == ("95.00 ± 0.00", "92.00 ± 0.00", "pending: 0 of 5")
    assert full.table().frame["before"].to_list().count("pending: 0 of 5") == 6
    assert full.table().frame.loc[4:, "FL"].to_list() == ["–"] * 4
    parts = full.parts().frame
    assert parts["kernel"].to_list()[:6] == [
        "all gates",
        *(f"gates of layer {l}" for l in range(1, 5)),
        "tangent kernel",
    ]
    assert set(parts["n"]) == {"1,000"}
    assert parts["at the end"].to_list()[1] == "54.00 ± 0.00"


def test_a_seed_that_is_missing_is_waited_for(made):
    made.chapter.__dict__["probes"] = measured(seeds=3)
    assert made.table().frame["before"].to_list()[0] == "pending: 3 of 5"
    assert "pending, no number of images has all its seeds" in made.answer().lines[0]


def test_findings_tell_the_first_epoch_apart(full):
    own, others = full.findings().lines
    assert "training adds +1.50 points, +0.50 of them in the first epoch" in own
    assert others.endswith(
        "at its end the machine is -0.98 points from the network and +4.02 from the better untrained kernel."
    )


def test_without_records_everything_is_pending(made):
    assert all("pending" in line for line in made.answer().lines)
    assert set(made.claims().frame["verdict"].map(str)) == {"pending"}
    assert set(made.parts().frame["before"]) == {"pending: 0 of 5"}
    assert made.findings().lines == ("Pending: no row has all its seeds yet.",)
    assert len(made.figure().axes) == 8


def test_the_figure_has_a_panel_for_each_design_and_number(full):
    panels = {ax.get_title().replace("\n", " "): ax for ax in full.figure().axes}
    lines = {line.get_label(): line for line in panels["n = 1,000, learnt from others"].get_lines()}
    assert lines["machine from the gates"].get_ydata()[-1] == pytest.approx(96.02)
    assert len(lines["machine from the gates"].get_ydata()) == 7
    assert "n = 5,000, learnt from them, pending" in panels
    low, high = panels["n = 1,000, learnt from others"].get_ylim()
    assert (low, high) == (79.0, 98.0)  # layers alone are not drawn, and no panel cuts the other's machines


def test_a_panel_says_how_many_seeds_it_lacks(made):
    made.chapter.__dict__["probes"] = measured(seeds=3)
    titles = {ax.get_title().replace("\n", " ") for ax in made.figure().axes}
    assert "n = 1,000, learnt from them, 3 of 5 seeds" in titles


@pytest.mark.parametrize(
    ("name", "them", "others"),
    [
        ("rises", "reproduced", "reproduced"),
        ("never-falls", "reproduced", "reproduced"),
        ("network", "not reproduced", "not reproduced"),
        ("untrained", "not reproduced", "reproduced"),
        ("ones", "reproduced", "not reproduced"),
    ],
)
def test_rules_are_put_to_the_ends_of_training(name, them, others):
    trend = next(one for one in TRENDS if one.id == f"A-machine:{name}")
    results = evaluate_trend(trend, list(ROWS.values()), measured(), 5)
    assert [str(one.verdict) for one in results] == [them, others]
    waiting = evaluate_trend(trend, list(ROWS.values()), measured(4), 5)
    assert {str(one.verdict) for one in waiting} == {"pending"}


def test_the_margin_is_that_of_the_data():
    trend = next(one for one in TRENDS if one.id == "A-machine:network")
    near = measured().assign(network=lambda frame: frame[f"npk_{N}"] + 0.5)
    for dataset, expected in (("mnist", "not reproduced"), ("cifar10", "reproduced")):
        found = evaluate_trend(trend, list(ROWS.values()), near.assign(dataset=dataset), 5)
        assert {str(one.verdict) for one in found} == {expected}
    assert (trend.limit("mnist"), trend.limit("cifar10")) == (0.25, 1.0)


def test_a_machine_that_falls_on_the_way_has_fallen():
    frame = measured()
    frame.loc[(frame["epoch"] == 20) & (frame["variant"] == ""), f"npk_{N}"] -= 5.0
    trend = next(one for one in TRENDS if one.id == "A-machine:never-falls")
    results = evaluate_trend(trend, list(ROWS.values()), frame, 5)
    assert [str(one.verdict) for one in results] == ["not reproduced"] * 2
    assert [one.difference for one in results] == pytest.approx([4.5, 3.0])


@pytest.mark.parametrize("better", ["gaussian", "limit"])
def test_both_untrained_kernels_are_to_be_beaten(better):
    frame = measured()
    frame[f"{better}_{N}"] = 99.0
    trend = next(one for one in TRENDS if one.id == "A-machine:untrained")
    assert {str(one.verdict) for one in evaluate_trend(trend, list(ROWS.values()), frame, 5)} == {"not reproduced"}


def test_ones_are_claimed_where_they_are_tried():
    trend = next(one for one in TRENDS if one.id == "A-machine:ones")
    assert trend.speaks_of({"images": 10_000})
    assert not trend.speaks_of({"images": 20_000})


SMALL = {"others": "n = 5,000, gates learnt from others", "them": "n = 5,000, gates learnt from them"}


def drawn(seeds: int = 3) -> pd.DataFrame:
    """What 5,000 small images of CIFAR-10 would give."""
    lines = [
        {"row": row, "variant": "", "seed": seed, "epoch": epoch, "images": 5000, "learnt_from": design}
        | {"column": "ReLU", "dataset": "cifar10", "npk_5000": 50.0 + epoch / 4 + seed, "ones_5000": 45.0}
        | {"quarter_5000": 48.0, "gaussian_5000": 47.0, "limit_5000": 46.0, "network": 60.0, "spread": 2.0 + seed}
        for (design, row), seed, epoch in product(SMALL.items(), range(seeds), (0, 32))
    ]
    return pd.DataFrame(lines)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineChapter:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.setattr("companion.chapters.store_folder", lambda: tmp_path / "nothing")
    return MachineChapter(open_chapter("A-machine", profile="cpu"))


def test_of_a_network_with_convolutions_the_draws_are_told(small):
    small.chapter.__dict__["probes"] = drawn()
    own, others = small.answer().lines
    assert own.startswith("CIFAR-10, images and networks made smaller. Gates learnt from the very images")
    assert (
        "fitted to 5,000 images, a machine from its gates gets 59.00% of the test images right, and 51.00% with" in own
    )
    assert others.startswith("CIFAR-10, images and networks made smaller. Gates learnt from 38,000 other images")
    assert "Pending with 1,000 and 10,000 images." in others
    parts = small.parts().frame
    assert parts["kernel"].to_list() == ["256 draws", "64 draws"] * 4
    assert (
        parts[(parts["n"] == "5,000") & (parts["kernel"] == "64 draws")]["at the end"].to_list() == ["48.00 ± 0.00"] * 2
    )
    assert sum("are 2.0 to 4.0% apart at the end of training" in line for line in small.findings().lines) == 2
    assert small.table().frame.columns.to_list()[2:4] == ["before", "epoch 32"]


def test_draws_without_records_are_pending(small):
    assert all("pending, no number" in line for line in small.answer().lines)
    assert set(small.parts().frame["before"]) == {"pending: 0 of 3"}
    assert small.findings().lines == ("Pending: no row has all its seeds yet.",)
    assert {str(word) for word in small.claims().frame["verdict"]} == {"pending"}
