"""Small JSON documents from elsewhere: records, kernels, outcomes, settings, scores, claims, speeds and reports."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.costs import speeds
from companion.decoupling.kept import DamagedError, Kept, KeptError
from companion.decoupling.rows import ROWS, Score
from companion.files import documents as parser
from companion.files.documents import DocumentError
from companion.records.errors import RecordError
from companion.records.kernels import QUANTITIES, KernelRecord, KernelStore
from companion.records.store import Store, content_digest
from companion.runs.spec import RunSpec
from companion.site import faults, performance, times
from companion.site.reports import ReportError
from companion.statements import run_checks
from companion.statements.outcomes import CheckStore, Outcome
from companion.training.claims import Holder
from support.guarded import REFUSED, feeds, tried
from support.malformed import documents, spoiled
from support.synthetic import record

ROOT = Path(__file__).parents[2]
TEACHER = RunSpec(dataset="digits", width=4, depth=3, epochs=3)
TAUGHT = RunSpec(dataset="digits", width=4, depth=3, epochs=3, regime="FL", holdout=100)


def signed(content: Any) -> Any:
    return {**content, "digest": content_digest(content)}


def either(*valid: dict[str, Any], seal: Callable[[Any], Any] | None = None) -> st.SearchStrategy[bytes]:
    """Documents that are wrong as trees, and as bytes."""
    trees = [documents(one, seal) for one in valid]
    return st.one_of(*trees, *trees, spoiled([json.dumps(one).encode() for one in valid]))


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all inputs of a test."""
    return tmp_path_factory.mktemp("inputs")


RECORDS = [dict(record(TEACHER, 97.0).content), dict(record(TAUGHT, 96.0, selected=95.0).content)]


@feeds("JSON documents")
@given(content=either(*RECORDS) | st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_document(here: Path, content: bytes) -> None:
    (here / "a.json").write_bytes(content)
    found = tried(lambda: parser.read(here / "a.json"), DocumentError, here)
    if found is not REFUSED:
        assert parser.parse(json.dumps(found, allow_nan=False, ensure_ascii=False).encode()) == found


@feeds("records of runs")
@given(content=either(*RECORDS, seal=signed))
def test_records(here: Path, content: bytes) -> None:
    store = Store(here)
    for key in (TEACHER.key, TAUGHT.key):
        store.path(key).write_bytes(content)
        found = tried(lambda key=key: store.read(store.path(key)), RecordError, here)
        if found is not REFUSED:
            assert (found.key, found.take) == (key, 1)
            assert found.content["digest"] == content_digest(found.content)
            assert RunSpec.from_dict(found.spec.to_dict()) == found.spec
            found.check()
            if found.content["digest"] in [one["digest"] for one in RECORDS]:
                assert found.content in RECORDS


def kernel_record() -> KernelRecord:
    spec = RunSpec(dataset="digits", width=4, depth=3, epochs=1, regime="FR-II")
    changes = {value: {name: [0.5, 0.25] for name in QUANTITIES} for value in ("image", "ones")}
    return KernelRecord.build(spec, "0" * 16, changes, device="cpu", seconds=1.0)


@feeds("records of kernels")
@given(content=either(dict(kernel_record().content), seal=signed))
def test_kernels(here: Path, content: bytes) -> None:
    store = KernelStore(here)
    path = store.path(kernel_record().spec)
    path.write_bytes(content)
    found = tried(lambda: store.read(path), RecordError, here)
    if found is not REFUSED:
        assert found.content["digest"] == content_digest(found.content)
        assert isinstance(found.current, bool)
        found.verify()


OUTCOME = dict(Outcome.build(run_checks(["A-Hom"])).content)


@feeds("outcomes of checks")
@given(content=either(OUTCOME, seal=signed))
def test_outcomes(here: Path, content: bytes) -> None:
    store = CheckStore(here)
    store.path("A-Hom").write_bytes(content)
    found = tried(lambda: store.read(store.path("A-Hom")), RecordError, here)
    if found is not REFUSED:
        assert found.content["digest"] == content_digest(found.content)
        assert found.state in ("passes", "fails", "stale")
        assert store.state("A-Hom") == found.state
        if found.content["digest"] == OUTCOME["digest"]:
            assert found.content == OUTCOME


@feeds("who trains a run")
@given(content=either({"host": "here", "pid": 12, "since": "2026-01-31 12:00:00 UTC"}))
def test_claims(here: Path, content: bytes) -> None:
    (here / "key.holder").write_bytes(content)
    found = tried(lambda: Holder.of(here / "key"), (), here)
    assert found is None or (str(found).isprintable() and len(str(found)) < 300)


@feeds("speeds of this machine")
@given(content=either({"cpu, 1 threads, fused, FC": 1e9, "gpu": 2.5}))
def test_speeds(here: Path, content: bytes) -> None:
    (here / "speeds.json").write_bytes(content)
    found = tried(lambda: speeds._read(here / "speeds.json"), (), here)
    assert all(isinstance(name, str) and type(speed) is float and 0 < speed < 1e300 for name, speed in found.items())


IDENTITY = {"model": "a" * 64, "data": "b" * 64, "settings": {"epochs": 4, "batch": 16, "optimiser": "Adam(lr 0.001)"}}


@feeds("settings of `companion gates`")
@given(content=either(IDENTITY))
def test_settings_of_gates(here: Path, content: bytes) -> None:
    (here / "settings.json").write_bytes(content)
    found = tried(lambda: Kept(here, IDENTITY), KeptError, here)
    if found is not REFUSED:
        assert parser.parse(content) == IDENTITY


@feeds("scores of `companion gates`")
@given(content=either({"regime": "FL", "seed": 1, "train": 99.5, "test": None, "epochs": 4}))
def test_scores_of_gates(here: Path, content: bytes) -> None:
    (here / "settings.json").write_text(json.dumps(IDENTITY))
    kept = Kept(here, IDENTITY)
    (here / "FL.1.json").write_bytes(content)
    found = tried(lambda: kept.score(ROWS[1], 1), DamagedError, here)
    if found is not REFUSED:
        assert isinstance(found, Score)
        assert (found.row, type(found.seed), type(found.epochs)) == (ROWS[1], int, int)
        assert found.epochs >= 1
        for accuracy in (found.train, found.test):
            assert type(accuracy) is float
            assert accuracy != accuracy or 0 <= accuracy <= 100
        kept.keep(found)
        assert repr(kept.score(ROWS[1], 1)) == repr(found)


RESULTS = [
    {**found, "rows": found["rows"][:2] + found["rows"][-1:]}
    for name in ("quick", "ntk", "fc-growth", "fc-train", "load")
    for found in [json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())]
]


@feeds("results of benchmarks")
@given(content=either(*RESULTS))
def test_results_of_benchmarks(here: Path, content: bytes) -> None:
    (here / "a.json").write_bytes(content)

    def read() -> dict[str, str]:
        found = performance.results(here)
        return performance.pages(found, []) | times.pages(found, [])

    found = tried(read, ReportError, here)
    if found is not REFUSED:
        assert all("\x1b" not in text and "<script" not in text for text in found.values())


REPORT = json.loads((ROOT / "benchmarks" / "faults.json").read_text())
REPORT["tests"] = [*REPORT["tests"][:2], *REPORT["tests"][-1:]]


@feeds("reports of faults")
@given(content=either(REPORT))
def test_reports_of_faults(here: Path, content: bytes) -> None:
    (here / "faults.json").write_bytes(content)
    found = tried(lambda: faults.page(here / "faults.json"), ReportError, here)
    if found is not REFUSED:
        assert "\x1b" not in found
        assert "<script" not in found


CLUSTER = {"time": "2026-01-31T00:00:00+00:00", "system": "Linux x86_64", "python": "3.11.7", "slurm": "22.05.8"}
CLUSTER |= {"exhibit": "A-S-bias", "runs": 40, "jobs": 33, "killed": {"a job": 1, "the controller": 1, "Snakemake": 1}}
CLUSTER |= {"drained": 1, "started": 2, "records": 40, "same": True, "seconds": 210.4}


@feeds("reports of faults", 0.5)
@given(content=either(CLUSTER))
def test_reports_of_a_cluster(here: Path, content: bytes) -> None:
    (here / "slurm.json").write_bytes(content)
    found = tried(lambda: faults.cluster(here / "slurm.json"), ReportError, here)
    if found is not REFUSED:
        assert "\x1b" not in found
        assert "<script" not in found


def test_a_result_names_no_file_elsewhere(here: Path) -> None:
    for name in ("../../outside", "a/b", "", "A B", "x" * 100):
        (here / "a.json").write_text(json.dumps({**RESULTS[0], "benchmark": name}))
        assert tried(lambda: performance.results(here), ReportError, here) is REFUSED


@pytest.mark.parametrize("content", ['{"a": 1e999}', "[" * 100_000, '{"a": 1' + "0" * 400 + "}", '{"a": [1]}', "[1]"])
def test_speeds_that_are_none_are_none(here: Path, content: str) -> None:
    (here / "speeds.json").write_text(content)
    assert speeds._read(here / "speeds.json") == {}


@pytest.mark.parametrize("wrong", [{"train": "nan"}, {"train": True}, {"test": 101}, {"epochs": 2.5}, {"epochs": "3"}])
def test_scores_are_not_guessed(here: Path, wrong: dict[str, Any]) -> None:
    (here / "settings.json").write_text(json.dumps(IDENTITY))
    score = {"regime": "FL", "seed": 1, "train": 99.5, "test": None, "epochs": 4}
    (here / "FL.1.json").write_text(json.dumps(score | wrong))
    assert tried(lambda: Kept(here, IDENTITY).score(ROWS[1], 1), DamagedError, here) is REFUSED


def test_no_more_memory_is_asked_for_than_a_file_has_bytes(here: Path) -> None:
    (here / "small").write_bytes(b"abc")
    tracemalloc.start()
    assert parser.regular(here / "small", 1 << 32) == b"abc"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
