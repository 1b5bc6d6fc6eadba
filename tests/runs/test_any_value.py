"""Any JSON value for any field of a run's description gives a run, or one sentence; and quickly, whatever its size."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from companion.notation import Regime
from companion.runs.fields import SpecError, rule_of
from companion.runs.spec import RunSpec
from support.strategies import spec_fields

FIELDS = {field.name: field for field in dataclasses.fields(RunSpec)}
WORDS = [*FIELDS, "epoch", "", "ReLU", "FL", "DL", "digits", "FC", "C4GAP", "DAVIDNET", "VCONV", "last", "adam"]
numbers = st.integers() | st.sampled_from([0, 1, 2, 4, -1, 2**31, 2**63, 10**30, 10**400, -(10**30)])
leaves = st.none() | st.booleans() | numbers | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
changes = st.dictionaries(st.sampled_from(list(FIELDS)), values, min_size=1, max_size=4)


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"gates_from": found}
    return found


def check(fields: Any) -> None:
    """A run that is the same again from its own description, or a sentence of one line and moderate length."""
    spec, said = None, ""
    try:
        spec = RunSpec.from_dict(fields)
    except SpecError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 1000
    if spec is None:
        return
    assert RunSpec.from_dict(spec.to_dict()) == spec
    assert spec.key
    assert spec.sources is not None


@given(spec_fields(), changes)
@example({}, {"classes": [0, 10**5000]})
@example({}, {"start_from": {"gate_shifts": [[]]}})
@example({}, {"start_from": {"epochs": {"epochs": []}}})
@example({"regime": "FL"}, {"gates_from": {"start_from": {"classes": [1, 2]}}})
def test_a_run_or_a_sentence(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    check({**fields, **changed})


@pytest.mark.parametrize("depth", [3, 5, 100, 100_000])
def test_sources_of_sources_without_end(depth: int) -> None:
    check({"regime": "FL", "gates_from": nested(depth)})
    check({"regime": "FL", "start_from": nested(depth)})


@given(st.sampled_from(list(FIELDS)), values, st.sampled_from(list(Regime)))
def test_one_field_at_a_time(name: str, value: Any, regime: Regime) -> None:
    check({"regime": str(regime), name: value})


@given(st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), values, max_size=3) | values)
def test_what_is_no_description_at_all(fields: Any) -> None:
    check(fields)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "value", [10**9, 10**30, 10**5000, 1e300, -(10**30)], ids=["1e9", "1e30", "long", "float", "-"]
)
def test_no_number_is_too_large_for_a_quick_answer(name: str, value: Any) -> None:
    start = time.process_time()
    for regime in Regime:
        check({"regime": str(regime), name: value})
    assert time.process_time() - start < 2


def test_every_number_has_its_bounds_with_its_field() -> None:
    kinds = {name: str(field.type) for name, field in FIELDS.items()}
    unbounded = [
        name
        for name, field in FIELDS.items()
        if kinds[name].startswith(("int", "float")) and (rule_of(field).low is None or rule_of(field).high is None)
    ]
    assert unbounded == ["protocol_version"]  # which has this code's own version for its upper bound


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 10**30}, "width must be at least 1 and at most 65536, not 1000"),
        ({"depth": 10**9}, "depth must be at least 2 and at most 1000, not 1000000000"),
        ({"depth": 1}, "depth must be at least 2 and at most 1000, not 1"),
        ({"architecture": "VCONV", "depth": 8}, "VCONV has depth 7 and no other, not 8"),
        ({"epochs": 10**7}, "epochs must be at least 1 and at most 1000000"),
        ({"seed": 2**63}, "seed must be at least 0 and at most 9223372036854775807"),
        ({"width": 65_536}, "width 65536 and depth 6 make a network of .* weights: at most 2,147,483,648 are valid"),
        ({"regime": "FL", "gate_shifts": [2**40]}, "gate_shifts must be a list of shifts"),
        ({"classes": list(range(5000))}, "classes must be a list of class numbers .*at most 4096 of them"),
        ({"x" * 10_000: 1}, r"unknown parameter 'xxx.*\.\.\.x+': valid are"),
    ],
)
def test_a_bound_is_told_in_one_sentence(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words) as error:
        RunSpec.from_dict(fields)
    assert len(str(error.value)) < 1000
