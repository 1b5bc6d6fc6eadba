"""The film of A-F2-nu: from the committed records, from a store that has none, and where a film is damaged."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from companion.chapters import open_chapter
from companion.chapters.a_f2_film import FilmChapter
from companion.exhibits import cells
from companion.exhibits.a_f2_probes import FILMED, STAGES
from companion.project import store_folder
from companion.records.films import FOLDER


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_DOWNLOADS", str(tmp_path / "downloads"))
    return tmp_path / "downloads" / "a_f2_nu_alignment"


def opened(profile: str = "paper") -> FilmChapter:
    return FilmChapter(open_chapter("A-F2-nu", profile=profile))


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_what_moves_and_what_stands_still_say_what_the_store_says(downloads: Path) -> None:
    film = opened()
    moving = film.moving()
    assert repr(moving) == "a slider over the kernel's stages"
    html = moving._repr_html_()
    assert 'data-still="a-f2-film"' in html
    data = json.loads(re.findall(r'data-part="data">(.*?)</script>', html, re.DOTALL)[0])
    assert [one["name"] for one in data] == ["the digits", "random labels"]
    assert [one["blocks"] for one in data] == [["digit 4", "digit 7"], ["labelled 4", "labelled 7"]]
    probes = film.chapter.probes
    for variant, one in zip(("", "random labels"), data, strict=True):
        mine = probes[(probes["row"] == FILMED) & (probes["variant"] == variant) & (probes["seed"] == 0)]
        assert one["curve"] == {"epoch": mine["epoch"].tolist(), "nu": mine["nu"].tolist()}
        assert one["nu"] == pytest.approx(mine.set_index("epoch").loc[one["epochs"], "nu"].tolist(), rel=1e-9)
    said = words(film.still())
    first, other = data
    for one, epoch in ((first, 0), (first, 10), (first, 50), (other, 50)):
        assert f"ν = {one['nu'][STAGES.index(epoch)]:,.0f}" in said
    assert "much in common" in said
    assert (downloads / "film.svg").stat().st_size < 250_000


def test_findings_are_those_of_the_films() -> None:
    film = opened()
    lines = film.findings().lines
    for (_, one), line in zip(film.films, lines[:2], strict=True):
        c = one.content
        assert f"{c['same'][0] / c['other'][0]:.2f} times" in line
        assert f"{c['same'][-1] / c['other'][-1]:.2f} times after 50 epochs" in line
    assert "64 shades" in lines[2]


def test_without_films_it_says_so() -> None:
    film = opened("quick")
    assert film.moving()._repr_html_() == ""
    assert repr(film.moving()) == "no film is kept yet"
    assert "pending" in words(film.still())
    assert film.findings().lines == ("No film is kept of these runs: `companion film` makes them from their records.",)


def test_a_damaged_film_is_named_and_the_other_one_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results"
    (folder / FOLDER).mkdir(parents=True)
    specs = [cell.spec for cell in cells("A-F2-nu", "paper", rows=[FILMED])]
    for spec in specs:
        shutil.copy(store_folder() / f"{spec.key}.json", folder)
    for spec in (specs[0], specs[5]):
        shutil.copy(store_folder() / FOLDER / f"{spec.key}.json", folder / FOLDER)
    path = folder / FOLDER / f"{specs[0].key}.json"
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setenv("COMPANION_STORE", str(folder))
    film = opened()
    assert [cell.variant for cell, _ in film.films] == ["random labels"]
    (named,) = film.chapter.store.skipped
    assert named.startswith(f"{FOLDER}/{path.name} is damaged: ")
    assert '"the digits"' not in film.moving()._repr_html_()
