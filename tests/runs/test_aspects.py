"""Aspects: every field in exactly one of them, and what is compared where runs are grouped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given

import companion
from companion.runs.aspects import Gating, Measurement, Networks, Optimisation, Task, Trial, view, without
from companion.runs.examples import same_examples
from companion.runs.fields import Rule, rule_of
from companion.runs.regimes import feature_origin
from companion.runs.spec import RunSpec
from support.strategies import specs

ASPECTS = (Task, Networks, Gating, Optimisation, Measurement, Trial)
ROOT = Path(companion.__file__).parents[2]
RECORDS = sorted((ROOT / "results").glob("*.json"))


def names(aspect: type) -> list[str]:
    return [field.name for field in dataclasses.fields(aspect)]


def test_every_field_belongs_to_exactly_one_aspect():
    belonging = [name for aspect in ASPECTS for name in names(aspect)]
    assert len(belonging) == len(set(belonging))
    assert sorted(belonging) == sorted(names(RunSpec))
    assert set(RunSpec.__annotations__) & set(names(RunSpec)) == set()  # declared there, and nowhere else


def test_every_field_is_described():
    for aspect in ASPECTS:
        assert not [name for name in names(aspect) if name not in (aspect.__doc__ or "")]


@given(specs())
def test_a_run_is_its_aspects(spec):
    assert [type(aspect) for aspect in spec.aspects] == list(ASPECTS)
    values = {name: value for aspect in spec.aspects for name, value in vars(aspect).items()}
    assert RunSpec(**values) == spec
    assert spec.task == view(Task, spec)


@given(specs())
def test_what_is_compared_is_what_differs(spec):
    longer = spec.replace(epochs=spec.epochs + 1, teacher_epochs=_length(spec))
    assert (spec.course == longer.course) == (spec.schedule == "constant")
    other = spec.replace(seed=spec.seed ^ 1)
    assert spec.course != other.course
    assert spec.stackable == other.stackable
    assert spec.trial != other.trial
    assert (same_examples(spec) == same_examples(other)) == (not spec.label_noise)
    if spec.regime.frozen:
        assert feature_origin(spec) == feature_origin(spec.replace(value_input="noise", gate_permutation=None))
        assert feature_origin(spec) != feature_origin(other)


def _length(spec: RunSpec) -> int | None:
    """The teacher's epochs, which stay where the student's change."""
    return None if spec.teacher is None else spec.teacher.epochs


def test_fields_go_back_to_their_defaults_by_name_and_by_rule():
    spec = RunSpec(regime="FL", value_input="ones", seed=3, teacher_epochs=7, epochs=50)
    assert without(spec.optimisation, "epochs") == Optimisation()
    assert without(spec.gating, each=True) == Gating(regime=spec.regime, teacher_epochs=7)
    assert without(spec.gating, source=True) == Gating(regime=spec.regime, value_input=spec.value_input)
    assert without(spec.trial, each=True) == Trial()
    assert spec.gating.value_input == "ones"


def test_the_rule_stands_with_the_field():
    rules = {field.name: rule_of(field) for field in dataclasses.fields(RunSpec)}
    assert rules["epochs"] == Rule(low=1, high=1_000_000)
    assert rules["probe_every"].needs == ("probe", "a probe")
    assert rules["bias"] == Rule()


@pytest.mark.skipif(not RECORDS, reason="the records are not here")
def test_every_committed_record_has_the_key_that_its_spec_gives():
    """Keys are for ever: what any record says of its run leads to the name under which it lies."""
    for path in RECORDS:
        content = json.loads(path.read_text())
        spec = RunSpec.from_dict(content["spec"])
        assert spec.key == content["key"] == path.name.split(".")[0], path
        assert spec.to_dict() == content["spec"], path
        teacher = content["teacher"]
        assert (spec.teacher.key if spec.teacher else None) == (teacher["key"] if teacher else None), path
