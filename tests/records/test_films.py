"""Films beside the records: what is kept is what the record vouches for, and nothing else passes."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch

from companion.exhibits import cells
from companion.exhibits.a_f2_probes import FILMED, STAGES
from companion.records import survey as surveys
from companion.records.films import FOLDER, LIMIT, SHADES, FilmStore, far, pack, unpack
from companion.records.index import Index
from companion.records.store import RecordError, Store
from support.records import alter

COMMITTED = Store(Path(__file__).parents[2] / "results")
RUNS = [cell.spec for cell in cells("A-F2-nu", "paper", rows=[FILMED]) if cell.spec.seed == 0]
LARGEST = 600_000


@pytest.fixture
def kept(tmp_path: Path) -> FilmStore:
    """A store with one record and its film."""
    spec = RUNS[0]
    store = Store(tmp_path)
    shutil.copy(COMMITTED.path(spec.key), tmp_path)
    (tmp_path / FOLDER).mkdir()
    shutil.copy(FilmStore(COMMITTED).path(spec), tmp_path / FOLDER)
    return FilmStore(store)


def reason(kept: FilmStore) -> str:
    """Why the one film does not verify, on one line that names it."""
    ((path, said),) = kept.verify()
    assert said is not None
    assert said.startswith(f"{FOLDER}/{path.name} is damaged: ")
    assert said.isprintable()
    with pytest.raises(RecordError, match=path.name):
        kept.get(RUNS[0])
    return said.partition(": ")[2]


def test_the_films_of_the_page_are_committed_and_small() -> None:
    films = FilmStore(COMMITTED)
    assert [reason for _, reason in films.verify()] == [None] * len(RUNS)
    assert films.stale() == {}
    assert {film.key for film in RUNS} == {path.stem for path in films.files()}
    assert sum(path.stat().st_size for path in films.files()) < LARGEST
    for spec in RUNS:
        film = films.get(spec)
        record = COMMITTED.get(spec)
        assert film is not None
        assert record is not None
        assert tuple(film.content["epochs"]) == STAGES
        assert (film.content["images"], film.content["shades"]) == (200, SHADES)
        probes = record.content["probes"]
        recorded = dict(zip(probes["epoch"], probes["nu"], strict=True))
        assert film.content["nu"] == pytest.approx([recorded[epoch] for epoch in STAGES], rel=1e-9)


def test_the_means_are_those_of_the_pictures() -> None:
    """Up to a shade's width, and to what is beyond the last shade."""
    for spec in RUNS:
        film = FilmStore(COMMITTED).get(spec)
        assert film is not None
        entries = LIMIT * (film.shades.double() / (SHADES - 1)).square()
        label = torch.arange(200) // 100
        alike, two = label[:, None] == label, ~torch.eye(200, dtype=torch.bool)
        for stage in range(len(STAGES)):
            for name, pairs in (("same", alike & two), ("other", ~alike)):
                assert float(entries[stage][pairs].mean()) == pytest.approx(film.content[name][stage], abs=4e-3)


def test_shades_are_what_was_packed() -> None:
    generator = torch.Generator().manual_seed(0)
    kernels = torch.rand(3, 5, 5, generator=generator, dtype=torch.float64)
    kernels = kernels + kernels.mT
    found = unpack(pack(list(kernels)), 3, 5)
    assert torch.equal(found, ((kernels / LIMIT).clamp(0, 1).sqrt() * (SHADES - 1)).round().long())
    assert found.amax() == SHADES - 1


@pytest.mark.parametrize(
    "packed",
    [
        "AAAA",
        "not base 64",
        base64.b64encode(zlib.compress(bytes(29))).decode(),
        base64.b64encode(zlib.compress(bytes(31))).decode(),
        base64.b64encode(zlib.compress(bytes(1 << 24))).decode(),
        base64.b64encode(zlib.compress(bytes(30)) + b"more").decode(),
        base64.b64encode(zlib.compress(bytes(30))[:-2]).decode(),
    ],
)
def test_other_bytes_are_refused(packed: str) -> None:
    assert unpack(base64.b64encode(zlib.compress(bytes(30))).decode(), 2, 5).shape == (2, 5, 5)
    with pytest.raises(ValueError, match=r"cannot be unpacked|does not hold 2 kernels of 5 images"):
        unpack(packed, 2, 5)


@pytest.mark.parametrize(
    "content", [b"", b"[1, 2]", b'{"format": 1}', b'{"spec": 1}', b'{"spec": {"depth": 0}}', b"\xff"]
)
def test_what_is_no_film_is_named(kept: FilmStore, content: bytes) -> None:
    kept.files()[0].write_bytes(content)
    reason(kept)


def test_a_film_that_was_changed_is_named(kept: FilmStore) -> None:
    path = kept.files()[0]
    content = json.loads(path.read_text())
    content["same"][0] += 0.1
    path.write_text(json.dumps(content))
    assert reason(kept) == "the digest does not match the content: the file was changed after it was written"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format 2 is unknown"),
        ({"protocol": 0}, "protocol must be"),
        ({"key": "0" * 16}, "is not the spec's key"),
        ({"epochs": []}, "epochs must be 1 to"),
        ({"epochs": [0.0]}, "epochs must be 1 to"),
        ({"epochs": [2, 0]}, "epochs must rise"),
        ({"epochs": [0, 3], "nu": [1.0] * 2, "same": [1.0] * 2, "other": [1.0] * 2}, "does not hold 2 kernels"),
        ({"nu": [1.0]}, "nu must be a number for each epoch"),
        ({"same": "none"}, "same must be a number for each epoch"),
        ({"nu": [1.0] * len(STAGES)}, "nu at epoch 0 is 1, and its record says 16018.81405"),
        ({"packed": "AAAA"}, "cannot be unpacked"),
        ({"packed": 7}, "packed must be bytes in base 64"),
        ({"images": 201}, "does not hold 14 kernels of 201 images"),
        ({"shades": 2}, "other shades than 2"),
        ({"limit": 0}, "limit must be a number"),
        ({"record": "0" * 64}, "not the one that it was compared with"),
        ({"provenance": {}}, "provenance"),
    ],
)  # fmt: skip
def test_a_film_that_is_signed_anew_is_still_looked_at(kept: FilmStore, changes: dict[str, Any], said: str) -> None:
    alter(kept.files()[0], lambda content: content.update(changes))
    assert said in reason(kept)


def test_a_film_hangs_on_its_record(kept: FilmStore) -> None:
    path = kept.store.path(RUNS[0].key)
    alter(path, lambda content: content["probes"].update(energy=[1.0] * 26))
    assert reason(kept) == "the record of its run is not the one that it was compared with"
    path.unlink()
    assert reason(kept) == "the record of its run is not here"


def test_an_epoch_without_a_measurement_vouches_for_nothing() -> None:
    record = COMMITTED.get(RUNS[0])
    assert record is not None
    assert far(record, [3], [1.0]) == "its record has no nu of epoch 3"
    assert far(record, [0], [record.content["probes"]["nu"][0]]) is None


def test_a_film_is_kept_once_and_gives_way_when_it_is_stale(kept: FilmStore, monkeypatch: pytest.MonkeyPatch) -> None:
    film = kept.get(RUNS[0])
    assert film is not None
    with pytest.raises(FileExistsError, match="is there already"):
        kept.write(film)
    monkeypatch.setattr("companion.records.films.PROTOCOL", 2)
    assert kept.get(RUNS[0]) is None
    assert "is stale" in kept.stale()[kept.files()[0]]
    assert kept.write(film) == kept.files()[0]


def test_a_film_under_another_name_is_named(kept: FilmStore) -> None:
    path = kept.files()[0]
    path.rename(path.with_name("0" * 16 + ".json"))
    ((_, said),) = kept.verify()
    assert said is not None
    assert said.endswith(f"it holds the film of {RUNS[0].key}")


def test_an_index_believes_a_film_as_long_as_its_record_is_as_it_was(
    kept: FilmStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MOMENT", -(10**12))
    index = Index(kept.store.folder, tmp_path / "index.sqlite")
    assert [(seen.reason, seen.believed) for seen in kept.survey(index)] == [(None, False)]
    (seen,) = kept.survey(index)
    assert (seen.reason, seen.stale, seen.believed) == (None, None, True)
    record = kept.store.path(seen.path.stem)
    record.write_text(record.read_text() + "\n")
    assert [(seen.reason, seen.believed) for seen in kept.survey(index)] == [(None, False)]
    record.unlink()
    (seen,) = kept.survey(index)
    assert seen.reason is not None
