"""The harness times what it should, the scripts run, and the page says what the results say."""

from __future__ import annotations

import json
import math
import re
import sys
import time
from pathlib import Path

import pytest

from companion.cli import main
from companion.costs.bench import Benchmark, Options, Unavailable, Variant, keep, load, machine, measure
from companion.site import performance, targets

ROOT = Path(__file__).parents[2]
QUICK = [
    "fc-train",
    "fc-train-sgd",
    "fc-growth",
    "gate-sharing",
    "conv-train",
    "cost-model",
    "ntk",
    "npk",
    "machine",
    "sketch",
    "decoupled",
    "decoupled-memory",
    "chain",
    "store",
    "load",
    "load-memory",
    "quick",
]
KEYS = {"variant", "value", "unit", "ratio", "seconds", "spread", "gflops", "of_peak", "reason"}


def benchmark(*variants: Variant, unit: str = "things/s", rounds: int = 3) -> Benchmark:
    return Benchmark("made-up", "A task", unit, lambda options: variants, rounds)


def taking(*seconds: float):
    """A step that tells its own seconds, one value after the other and then from the start again."""
    left: list[float] = []

    def step() -> float:
        left[:] = left or list(seconds)
        return left.pop(0)

    return lambda: step


def test_a_row_is_the_median_of_its_rounds_and_its_ratio_is_to_the_first() -> None:
    slow = Variant("slow", taking(2.0, 4.0, 3.0), work=6.0, warm=False)
    fast = Variant("fast", taking(1.0, 0.5, 0.25), work=6.0, warm=False)
    first, second = measure(benchmark(slow, fast), Options())
    assert (first.value, first.ratio, first.seconds) == (2.0, 1.0, 3.0)
    assert (second.value, second.ratio, second.seconds) == (12.0, 6.0, 0.5)
    assert first.spread == pytest.approx(2 / 3)


def test_seconds_are_not_turned_into_a_rate() -> None:
    rows = measure(
        benchmark(Variant("a", taking(2.0), work=9.0), Variant("b", taking(1.0), work=9.0), unit="s"), Options()
    )
    assert [(row.value, row.ratio) for row in rows] == [(2.0, 1.0), (1.0, 0.5)]


def test_memory_is_what_a_step_says_and_takes_no_seconds() -> None:
    rows = measure(
        benchmark(Variant("a", taking(2.0)), Variant("b", taking(5.0), against="a"), unit="MiB", rounds=2), Options()
    )
    assert [(row.value, row.seconds, row.paired) for row in rows] == [
        (2.0, None, None),
        (5.0, None, pytest.approx(0.4)),
    ]


def test_the_roof_is_another_variants_rate_of_operations() -> None:
    rows = measure(
        benchmark(
            Variant("mine", taking(2.0), operations=1e9, roof="peak"),
            Variant("peak", taking(1.0), operations=1e9, roof="peak"),
        ),
        Options(),
    )
    assert [(row.gflops, row.of_peak) for row in rows] == [(0.5, 0.5), (1.0, 1.0)]


def test_steps_take_turns_and_the_first_of_each_is_not_timed() -> None:
    said: list[str] = []
    ways = [Variant(name, lambda name=name: lambda: said.append(name)) for name in "ab"]
    measure(benchmark(*ways, rounds=2), Options())
    assert "".join(said) == "ab" + "abab"
    said.clear()
    measure(benchmark(*ways, rounds=2), Options(rounds=1))
    assert "".join(said) == "ab" + "ab"


def test_a_step_that_tells_nothing_is_timed_from_outside() -> None:
    (row,) = measure(benchmark(Variant("sleep", lambda: lambda: time.sleep(0.02))), Options())
    assert row.seconds is not None
    assert 0.02 <= row.seconds < 0.2


def test_what_cannot_run_is_a_row_without_numbers_and_with_a_reason() -> None:
    def refuse():
        raise Unavailable("no compiler")

    rows = measure(
        benchmark(
            Variant("at once", refuse), Variant("later", lambda: refuse), Variant("there", taking(1.0), roof="at once")
        ),
        Options(),
    )
    for row in rows[:2]:
        assert (row.value, row.ratio, row.seconds, row.of_peak, row.reason) == (None, None, None, None, "no compiler")
    assert (rows[2].value, rows[2].ratio, rows[2].reason) == (1.0, None, None)


def test_the_machine_is_described_in_json_values() -> None:
    described = machine(3)
    assert json.loads(json.dumps(described)) == described
    assert described["threads"] == 3
    assert described["torch"]


def test_a_result_that_is_kept_is_what_the_page_reads(tmp_path: Path) -> None:
    path = keep(tmp_path, document("task", slow=1.0))
    assert path == tmp_path / "benchmarks" / "results" / "task.json"
    assert performance.results(path.parent) == {"task": document("task", slow=1.0)}
    assert [file.name for file in path.parent.iterdir()] == ["task.json"]


def test_a_folder_without_benchmarks_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no benchmarks in"):
        load(tmp_path)


@pytest.mark.parametrize("name", QUICK)
def test_every_script_runs_and_prints_one_document(name: str, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COMPANION_ROOT", str(ROOT))
    assert main(["bench", name, "--json", "--tiny", "--rounds", "1", "--threads", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["benchmark"] == name
    rows = document["rows"]
    assert len({row["variant"] for row in rows}) == len(rows) >= 3
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[0]["ratio"] == 1
    for row in rows:
        if row["reason"] is None:
            assert row["value"] > 0
            assert row["rounds"] == [row["value"]]
            assert row["ratio"] == pytest.approx(row["value"] / rows[0]["value"])
        else:
            assert row["value"] is None
            assert "python PATH" in row["reason"] or "cannot" in row["reason"]


def test_the_list_names_every_benchmark(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COMPANION_ROOT", str(ROOT))
    assert main(["bench", "list", "--json"]) == 0
    assert [line["benchmark"] for line in json.loads(capsys.readouterr().out)] == [*QUICK, "book"]


@pytest.mark.parametrize(
    "name", [name for name in (*QUICK, "book") if name != "store"]
)  # it writes thousands of records
def test_every_script_knows_what_it_would_time_at_full_size(name: str) -> None:
    variants = list(load(ROOT)[name].variants(Options()))
    assert len({variant.name for variant in variants}) == len(variants) >= 1


def test_an_unknown_benchmark_is_a_usage_error(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COMPANION_ROOT", str(ROOT))
    assert main(["bench", "fc"]) == 2
    assert "valid are fc-train" in capsys.readouterr().err


def test_a_program_of_another_environment_answers_in_turn_and_its_end_is_told(tmp_path: Path) -> None:
    load(ROOT)
    from benchmarks.outside import Outside

    program = tmp_path / "half.py"
    program.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    x = json.loads(line)['x']\n"
        "    print(json.dumps({'seconds': 1 / x}), flush=True)\n"
    )
    outside = Outside(Path(sys.executable), "half", "--half-python", 1)
    outside.program = program
    step = outside.timed(x=2)()
    assert (step(), step()) == (0.5, 0.5)
    with pytest.raises(Unavailable, match=r"half.py has ended: ZeroDivisionError"):
        outside.ask(x=0)
    with pytest.raises(Unavailable, match="give --half-python PATH"):
        Outside(None, "half", "--half-python", 1).ask(x=2)
    with pytest.raises(Unavailable, match="cannot be started"):
        Outside(tmp_path / "python", "half", "--half-python", 1).ask(x=2)


def document(name: str = "task", **values: float | None) -> dict:
    rows = [
        {
            "variant": variant.replace("_", " "), "value": value, "unit": "things/s", "ratio": 1.0, "seconds": 0.25,
            "spread": 0.0, "gflops": value, "of_peak": None if value is None else value / 100,
            "reason": None if value is not None else "no compiler",
        }
        for variant, value in values.items()
    ]  # fmt: skip
    where = {"processor": "P", "vectors": "V", "threads": 2, "cores": 4, "python": "3", "torch": "2", "load": 0.1}
    return {"benchmark": name, "machine": {**where, "time": "2026-01-02T03:04:05+00:00"}, "rows": rows}


def test_a_target_is_met_missed_or_not_measured() -> None:
    found = {"task": document(slow=10.0, fast=45.0, absent=None)}

    def said(**fields) -> str:
        return targets.Target(text="", benchmark="task", **fields).outcome(found)

    assert said(variant="fast", against="slow", at_least=4.5) == "met"
    assert said(variant="fast", against="slow", at_least=4.6) == "missed"
    assert said(variant="fast", measure="seconds", at_most=0.25) == "met"
    assert said(variant="fast", measure="seconds", at_most=0.2) == "missed"
    assert said(variant="largest", at_most=45) == "met"
    assert said(variant="largest", at_most=44) == "missed"
    assert said(variant="smallest", at_least=10) == "met"
    assert said(variant="smallest", at_least=11) == "missed"
    assert said(variant="median", at_least=27.5, at_most=27.5) == "met"
    assert said(variant="median", measure="paired", at_least=1) == "not measured"
    assert said(variant="absent", at_least=1) == "not measured"
    assert said(variant="fast", against="absent", at_least=1) == "not measured"
    assert targets.Target("", "other", "fast", at_least=1).outcome(found) == "not measured"
    with pytest.raises(ValueError, match="it has slow, fast, absent"):
        said(variant="faster", at_least=1)


def test_a_ratio_whose_interval_holds_the_bound_shows_nothing() -> None:
    found = {"task": document(slow=10.0, fast=45.0)}
    slow, fast = found["task"]["rows"]

    def said(bound: float, **fields: str) -> tuple[str, tuple[float, float] | None]:
        target = targets.Target("", "task", "fast", at_least=bound, **fields)
        return target.outcome(found), target.between(found)

    assert said(4.4, against="slow") == ("met", (4.5, 4.5))
    slow["spread"], fast["spread"] = 0.2, 0.1
    low, high = 45 * 0.95 / 11, 45 * 1.05 / 9
    for bound, outcome in ((low - 0.01, "met"), (4.5, "not shown"), (low + 0.01, "not shown"), (high + 0.01, "missed")):
        assert said(bound, against="slow") == (outcome, pytest.approx((low, high)))
    slow["spread"] = 2.5  # which could be anything
    assert said(40, against="slow") == ("not shown", (pytest.approx(45 * 0.95 / 22.5), math.inf))
    slow["rounds"], fast["rounds"] = [5.0, 10.0, 20.0], [20.0, 50.0, 80.0]  # 4, 5 and 4 times as fast
    mean, half = (4 * 5 * 4) ** (1 / 3), 4.303 * (math.log(1.25) / 3**0.5) / 3**0.5
    ends = pytest.approx((mean * math.exp(-half), mean * math.exp(half)), rel=1e-3)
    assert said(4.1, against="slow") == ("not shown", ends)
    assert targets.Target("", "task", "fast", against="slow").measured(found) == pytest.approx(mean)
    assert said(3.1, against="slow") == ("met", ends)
    fast |= {"against": "slow", "paired": 4.6, "low": 4.2, "high": 5.0}
    assert said(4.1, against="slow") == ("met", (4.2, 5.0))
    assert said(4.3, measure="paired") == ("not shown", (4.2, 5.0))
    assert said(5.1, measure="paired") == ("missed", (4.2, 5.0))
    assert said(46) == ("missed", None)
    page = performance.pages(found, [targets.Target("faster", "task", "fast", "paired", at_least=4.5)])
    assert "| faster | ≥ 4.5 | 4.6 (4.2 to 5) | not shown |" in page["benchmark-targets.md"]


def test_the_pages_show_the_numbers_of_the_results_and_nothing_else() -> None:
    found = {"task": document(slow=10.0, fast=45.25, absent=None)}
    bounds = [targets.Target("faster", "task", "fast", against="slow", at_least=5, note="it is slow")]
    made = performance.pages(found, bounds)
    assert "| fast | 45.2 | 1 | 0.25 | 0% | 45% |" in made["benchmark-task.md"]
    assert "| absent | – | 1 | 0.25 | 0% | – |" in made["benchmark-task.md"]
    assert "*absent*: no compiler." in made["benchmark-task.md"]
    assert "| faster | ≥ 5 | 4.53 (4.53 to 4.53) | missed | it is slow |" in made["benchmark-targets.md"]


def test_figures_are_drawn_from_the_rows_and_are_the_same_each_time() -> None:
    growth = {"fused,_width_16": 5.0, "fused,_width_32": 9.0, "stacked,_models_1": 3.0, "multiply-add_peak": 100.0}
    found = {
        "fc-train": document("fc-train", slow=10.0, fast=45.0, peak=100.0),
        "fc-growth": document("fc-growth", **growth),
    }
    drawn = performance.figures(found)
    assert drawn.keys() == {"roofline.svg", "growth.svg"}
    kernels = {"loop,_n_=_20": 3.0, "ours,_n_=_20": 5.0, "ours,_n_=_400": 9.0, "absent,_n_=_20": None}
    found["npk"] = document("npk", **kernels)
    drawn = performance.figures(found)
    assert drawn.keys() == {"roofline.svg", "growth.svg", "kernels.svg"}
    assert drawn == performance.figures(found)
    assert all(text.startswith("<?xml") and "</svg>" in text for text in drawn.values())


def _book(**seconds: float | None) -> dict:
    return {"rows": [{"variant": name, "seconds": value} for name, value in seconds.items()]}


def test_growth_says_how_many_chapters_more_fit_into_a_quarter_of_an_hour() -> None:
    measured = {"make book, empty cache: all": 170.9, "a chapter more: make book": 5.0}
    said = performance.growth(_book(**measured))
    assert "`make book` takes 2 min 50 s, and 5.0 s longer with each" in said
    assert "reached with 145 chapters more" in said  # (900 - 170.9) / 5
    assert "How `make test` grows with the number of chapters has not been measured yet." in said
    measured |= {"make test: all": 901.0, "a chapter more: make test": 9.0}
    assert "15 min 01 s, and 9.0 s longer with each chapter more: 15 minutes are exceeded." in performance.growth(
        _book(**measured)
    )


def test_the_parts_of_the_test_are_those_of_the_makefile() -> None:
    book = load(ROOT)["book"]
    parts = [v.name.removeprefix("make test: ") for v in book.variants(Options()) if v.name.startswith("make test: ")]
    assert parts[0] == "ruff check"
    assert parts[-2:] == ["pytest -n 2", "all"]
    assert len([part for part in parts if "--nbval" in part]) == 1
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\t$(BIN)/{part}\n" in makefile for part in parts[:-1])


def test_the_committed_results_keep_the_targets_or_say_why_not() -> None:
    found = performance.results(ROOT / "benchmarks" / "results")
    known = load(ROOT)
    assert set(found) <= set(known)
    for one in targets.targets(ROOT / "benchmarks" / "targets.json"):
        assert one.benchmark in known
        if one.outcome(found) == "missed":
            assert one.note, f"{one.text}: missed, and no reason is given"


@pytest.mark.skipif(
    not any((ROOT / "benchmarks" / "results").glob("*.json")), reason="no reference results are committed yet"
)
def test_the_page_includes_every_result() -> None:
    page = (ROOT / "book" / "performance.md").read_text()
    included = set(re.findall(r"generated/(benchmark-[a-z-]+\.md|[a-z]+\.svg)", page))
    found = performance.results(ROOT / "benchmarks" / "results")
    assert included == performance.pages(found, [], performance.included(page)).keys()


def test_a_table_that_a_page_includes_says_where_nothing_is_measured() -> None:
    from companion.site import performance

    wanted = performance.included("text\n```{include} generated/benchmark-npk.md\n```\n")
    assert wanted == ["benchmark-npk.md"]
    assert performance.pages({}, [], wanted)["benchmark-npk.md"] == "*Not measured yet.*\n"
