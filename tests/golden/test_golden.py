"""Twenty steps, whole records and random draws are what they were: to the last bit on the same kind of processor.

Elsewhere, and for the other backends, losses and weights agree to a tolerance.  ``make.py`` beside this file makes the
numbers anew.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from companion.notation import Regime
from companion.training.backends import ReferenceBackend
from companion.training.backends.choose import BACKENDS
from golden import make
from golden.trajectories import (
    RECORDS,
    STEPS,
    TRAJECTORIES,
    draws,
    inputs,
    kind,
    near,
    noisy_labels,
    orders,
    record,
    trajectory,
)

GOLDEN: dict[str, Any] = json.loads(make.FILE.read_text())
SAME_KIND = GOLDEN["kind"] == kind()
TOLERANCE = 1e-5
"""Relative to the norm of a tensor, and to a loss."""
MOMENTS = 2e-5
"""The same for Adam's moments: in float32 ``1 - beta2`` is 1.3e-5 off, which bias correction makes good."""
OTHERS = [
    pytest.param(backend, name, id=f"{backend.name} {name}")
    for backend in BACKENDS.values()
    for name, spec in TRAJECTORIES.items()
    if backend.name not in ("reference", "cuda") and backend.refusal(spec) is None
]


def compare_traces(found: dict[str, list[Any]], golden: dict[str, list[Any]], within: float) -> None:
    """Norms and products with a wave, each to a fraction of the norm; digests are for equality."""
    assert found.keys() == golden.keys()
    for name, (_, norm, product) in golden.items():
        _, own_norm, own_product = found[name]
        allowed = MOMENTS if name.startswith(("first/", "second/")) else within
        assert near(own_norm, norm, norm, allowed), f"norm of {name}"
        assert near(own_product, product, norm, allowed), f"direction of {name}"


def compare_trajectory(found: dict[str, Any], golden: dict[str, Any], name: str) -> None:
    """Adam's first step moves all biases by the same: where every gate is shut, rounding decides which is largest."""
    assert found["losses"] == pytest.approx(golden["losses"], rel=TOLERANCE)
    assert found["hits"] == pytest.approx(golden["hits"], rel=0, abs=1 if "Adam" in name else 0)
    compare_traces(found["weights"], golden["weights"], TOLERANCE)


def test_everything_that_trains_here_is_recorded():
    assert GOLDEN["trajectories"].keys() == TRAJECTORIES.keys()
    assert GOLDEN["records"].keys() == RECORDS.keys()
    for network in ("FC", "FC Adam", "GCONV", "GCONV Adam"):
        assert {f"{network} {regime}" for regime in Regime} <= TRAJECTORIES.keys()
    assert all(len(one["losses"]) == STEPS for one in GOLDEN["trajectories"].values())
    assert GOLDEN["because"].strip()


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_the_reference_goes_where_it_went(name):
    found, golden = trajectory(ReferenceBackend(), TRAJECTORIES[name]), GOLDEN["trajectories"][name]
    if SAME_KIND:
        assert found == golden
    else:
        compare_trajectory(found, golden, name)


@pytest.mark.parametrize(("backend", "name"), OTHERS)
def test_the_others_go_there_too(backend, name):
    compare_trajectory(trajectory(backend, TRAJECTORIES[name]), GOLDEN["trajectories"][name], name)


def test_each_network_is_trained_by_every_backend_that_a_processor_has():
    """Without a C compiler there are no compiled backends, which is the other tests' business."""
    by = {param.values[0].name for param in OTHERS}
    assert {"stacked", "lanes"} <= by
    assert {p.values[1] for p in OTHERS if p.values[0].name == "stacked"} == TRAJECTORIES.keys()


@pytest.mark.parametrize("name", RECORDS)
def test_the_loop_records_what_it_recorded(name):
    found, golden = json.loads(json.dumps(record(RECORDS[name]))), GOLDEN["records"][name]
    if SAME_KIND:
        assert found == golden
        return
    assert found.keys() == golden.keys()
    for field in ("key", "take", "status", "best_epoch", "selected_epoch"):
        assert found[field] == golden[field]
    for curve, values in golden["curves"].items():
        assert found["curves"][curve] == pytest.approx(values, rel=1e-3), curve
    for probe, values in golden.get("probes", {}).items():
        if not probe.startswith("official"):  # which is rounding and nothing else
            assert found["probes"][probe] == pytest.approx(values, rel=1e-2), probe


def test_initial_weights_are_drawn_as_they_were():
    """Uniform numbers and signs are the same everywhere, normal ones up to the last bits of a logarithm."""
    found, golden = draws(), GOLDEN["draws"]
    assert found.keys() == golden.keys()
    for name, expected in golden.items():
        if SAME_KIND or not name.startswith("normal"):
            digests = ([trace[0] for trace in traces.values()] for traces in (found[name], expected))
            assert next(digests) == next(digests), name
        compare_traces(found[name], expected, 1e-6)


def test_schemes_and_streams_draw_unlike_weights():
    weights = [traces["weight.0"][0] for traces in GOLDEN["draws"].values()]
    assert len(set(weights)) == len(weights) == 13


def test_epochs_have_the_order_that_they_had():
    assert orders() == GOLDEN["orders"]


def test_noise_falls_on_the_labels_on_which_it_fell():
    assert noisy_labels() == GOLDEN["labels"]


def test_what_enters_the_networks_is_what_entered_them():
    found = inputs()
    assert {n: trace[0] for n, trace in found.items()} == {n: trace[0] for n, trace in GOLDEN["inputs"].items()}


# Making them anew


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A file of its own, and quick numbers."""
    file = tmp_path / "golden.json"
    monkeypatch.setattr(make, "FILE", file)
    monkeypatch.setattr(make, "everything", lambda backend: {"kind": kind(), "trajectories": {"a": [1.0]}})
    return file


def test_in_ci_nothing_is_made(elsewhere, monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    assert make.main(["--because", "to see"]) == 1
    assert not elsewhere.exists()
    assert "not made in CI" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--because", " "]])
def test_nothing_is_made_without_a_reason(elsewhere, monkeypatch, arguments):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(SystemExit) as error:
        make.main(arguments)
    assert error.value.code == 2
    assert not elsewhere.exists()


def test_what_changes_is_said_and_kept(elsewhere, monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    threads = torch.get_num_threads()
    assert make.main(["--because", "first"]) == 0
    monkeypatch.setattr(make, "everything", lambda backend: {"kind": kind(), "trajectories": {"a": [2.0]}})
    assert make.main(["--because", "first"]) == 0
    torch.set_num_threads(threads)
    assert "1 places differ from before\n  /trajectories/a" in capsys.readouterr().out
    assert json.loads(elsewhere.read_text())["trajectories"] == {"a": [2.0]}
