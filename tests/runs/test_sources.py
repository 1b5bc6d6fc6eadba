"""Sources: where weights come from, told as changes in one canonical form."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.runs.fields import Changes, SpecError
from companion.runs.sources import DEEPEST, Source, changed, difference
from companion.runs.spec import RunSpec
from support.phases import GAMMAS, family

BASE: dict[str, Any] = {"dataset": "digits", "width": 8, "depth": 3, "epochs": 5}


def run(**fields: Any) -> RunSpec:
    return RunSpec.from_dict({**BASE, **fields})


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_phases_of_the_label_noise_experiment(gamma):
    """Paper C, Section 4.2: whatever the noise is, nothing included, each model leads to the models that it needs."""
    m = family(gamma, **BASE)
    assert m["M1"] == run(label_noise=gamma)
    assert m["M2"].sources == {"gates": Source(m["M1"], "last")}
    assert m["M2"].label_noise == 0
    start = m["M3"].sources["start"].spec
    assert m["M3"].sources == {"gates": Source(m["M1"], "last"), "start": Source(start, "last")}
    assert start == m["M2"].replace(label_noise=1.0, gates_from={"label_noise": gamma})
    assert start.sources == {"gates": Source(m["M1"], "last")}  # and not those of a network that learnt random labels
    assert m["M3"].replace(start_from=None) == m["M2"]
    assert m["M4"].sources == {"start": Source(m["M1"], "last")}
    assert m["M4"].label_noise == 0
    assert m["M5"].sources == {"gates": Source(m["M4"], "last")}
    assert [spec.generation for spec in m.values()] == [0, 1, 2, 1, 2]
    assert [spec.epochs_before for spec in m.values()] == [0, 0, 5, 5, 0]


def test_models_of_the_experiment_are_as_many_runs_as_they_are():
    keys = [spec.key for gamma in GAMMAS for spec in family(gamma, **BASE).values()]
    assert len(set(keys)) == len(keys)


def test_without_changes_the_gates_are_those_that_they_always_were():
    plain = run(regime="FL")
    assert run(regime="FL", gates_from={}) == plain == run(regime="FL", gates_from=None)
    assert run(regime="FL", gates_from={"label_noise": 0.0, "learning_rate": 0.01}) == plain
    assert run(regime="FL", gates_from={"epochs": 7}) == run(regime="FL", teacher_epochs=7)
    assert run(regime="FL", gates_from={"epochs": 5}).key == plain.key
    assert plain.sources == {"gates": Source(run(), "best_test")}


def test_a_start_without_changes_is_the_run_gone_through_before():
    twice = run(start_from={})
    assert twice != run()
    assert twice.sources == {"start": Source(run(), "last")}
    assert run(start_from={"label_noise": 0}) == twice
    assert run(start_from={"start_from": {}}).epochs_before == 10


def test_a_source_inherits_what_it_does_not_change():
    spec = run(seed=3, optimiser="adam", holdout=20, regime="FL", gates_from={"start_from": {"epochs": 9}})
    gates = spec.sources["gates"].spec
    begin = gates.sources["start"].spec
    assert (begin.seed, begin.optimiser, begin.holdout, begin.epochs) == (3, "adam", 20, 9)
    assert (gates.seed, gates.epochs, gates.start_from) == (3, 5, Changes({"epochs": 9}))


def test_a_source_does_not_inherit_what_has_no_effect_in_it():
    spec = run(label_noise=0.5, noise_kind="wrong", regime="FL", value_input="ones", start_from={"label_noise": 0})
    assert spec.sources["start"].spec.noise_kind == "uniform"
    assert spec.sources["start"].spec.value_input == "ones"
    relu = spec.replace(start_from={"regime": "ReLU"})
    assert relu.start_from == Changes({"regime": "ReLU"})
    assert relu.sources["start"].spec == run(label_noise=0.5, noise_kind="wrong")
    probed = run(classes=[4, 7], probe="label-alignment", probe_every=2, start_from={})
    assert probed.sources["start"].spec == run(classes=[4, 7])


def test_the_gates_of_a_start_stay_unless_they_are_changed():
    spec = run(regime="FL", teacher_epochs=9, teacher_checkpoint="last", start_from={"label_noise": 1.0, "epochs": 3})
    start = spec.sources["start"]
    assert start.spec.sources["gates"] == spec.sources["gates"] == Source(run(epochs=9), "last")
    other = spec.replace(start_from={"label_noise": 1.0, "gates_from": {}}).sources["start"].spec
    assert other.sources["gates"].spec == run(label_noise=1.0)
    longer = spec.replace(start_from={"teacher_epochs": 4})
    assert longer.start_from == Changes({"teacher_epochs": 4})
    assert longer.sources["start"].spec.sources["gates"] == Source(run(epochs=4), "last")
    best = spec.replace(start_from={"teacher_checkpoint": "best_test"}).sources["start"].spec
    assert best.sources["gates"] == Source(run(epochs=9), "best_test")
    same = spec.replace(start_from={"gates_from": {"epochs": 9}})
    assert same.start_from == Changes({})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"start_from": 3}, ("start_from must be changed fields such as", "not 3")),
        ({"start_from": {1: 2}}, ("start_from must be changed fields",)),
        ({"start_from": {"epoch": 3}}, ("start_from: unknown parameter 'epoch' (did you mean epochs?)",)),
        ({"start_from": {"epochs": 0}}, ("start_from: epochs must be at least 1",)),
        ({"start_from": {"regime": []}}, ("start_from: unknown regime []",)),
        ({"start_from": {"seed": 1}}, ("start_from cannot change seed",)),
        ({"start_from": {"probe_every": 3}}, ("start_from cannot change probe_every",)),
        ({"start_from": {"width": 9}}, ("start_from must lead to a run of the same networks",)),
        ({"start_from": {"classes": [1, 2]}}, ("start_from must lead to a run of the same networks and classes",)),
        ({"regime": "DL", "start_from": {}}, ("not defined in regime DL",)),
        ({"start_checkpoint": "best_test"}, ("no effect without start_from", "leave it at last")),
        ({"start_from": {}, "start_checkpoint": "selected"}, ("start_checkpoint 'selected' needs a holdout",)),
        ({"start_from": {}, "start_checkpoint": "first"}, ("best_test, last, selected",)),
        ({"gates_from": {}}, ("no effect in regime ReLU",)),
        ({"regime": "FL", "gates_from": {"regime": "FR-II"}}, ("must lead to a run of ReLU or DL",)),
        ({"regime": "FL", "gates_from": {"protocol_version": 1}}, ("gates_from cannot change protocol_version",)),
        ({"regime": "FL", "gates_from": {"epochs": 3}, "teacher_epochs": 4}, ("contradict each other",)),
        (
            {"regime": "FL", "gates_from": {"holdout": 0}, "holdout": 20, "teacher_checkpoint": "selected"},
            ("teacher_checkpoint 'selected' needs a holdout",),
        ),
    ],
    ids=str,
)
def test_a_bad_source_is_answered_by_one_sentence(fields, words):
    with pytest.raises(SpecError) as caught:
        run(**fields)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


def nested(levels: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for _ in range(levels - 1):
        changes = {"start_from": changes}
    return changes


def test_sources_of_sources_have_an_end():
    assert run(start_from=nested(DEEPEST)).generation == DEEPEST
    for levels in (DEEPEST + 1, 5000):
        with pytest.raises(SpecError, match=f"only {DEEPEST} deep"):
            run(start_from=nested(levels))
    circle: dict[str, Any] = {}
    circle["start_from"] = circle
    with pytest.raises(SpecError, match=f"only {DEEPEST} deep"):
        run(start_from=circle)


def changes(regimes: tuple[str, ...], levels: int) -> st.SearchStrategy[dict[str, Any]]:
    """Changes of all kinds, some without effect, some with sources of their own."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "label_noise": st.sampled_from([0, 0.25, 1.0]),
        "epochs": st.sampled_from([3, 5, 8]),
        "optimiser": st.sampled_from(["sgd", "adam"]),
        "regime": st.sampled_from(regimes),
        "teacher_checkpoint": st.sampled_from(["best_test", "last"]),
        "teacher_epochs": st.sampled_from([None, 3, 5, 8]),
        "value_input": st.sampled_from(["image", "ones"]),
    }
    if levels > 1:
        deeper = changes(regimes, levels - 1)
        optional |= {"start_from": st.none() | deeper, "gates_from": st.none() | changes(("ReLU",), levels - 1)}
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def with_sources(draw: st.DrawFn) -> RunSpec:
    """A run with sources; combinations without meaning are passed over."""
    fields = draw(changes(("ReLU", "FR-II", "FL", "FL", "FL"), 3))
    kept = {"FL": set(), "FR-II": {"gates_from", "teacher_epochs", "teacher_checkpoint"}}
    kept["ReLU"] = kept["FR-II"] | {"value_input"}
    fields = {name: value for name, value in fields.items() if name not in kept[fields.get("regime", "ReLU")]}
    try:
        return run(**fields)
    except SpecError:
        return run(start_from={"epochs": 2})


@pytest.mark.parametrize("start", [{"teacher_checkpoint": "best_test"}, {"teacher_epochs": 3}])
def test_the_start_of_a_start_keeps_what_it_says_of_its_gates(start):
    """Though it is what the run itself has, and the run between them has something else."""
    between = {"teacher_checkpoint": "last", "teacher_epochs": 5, "start_from": start}
    spec = run(regime="FL", epochs=3, start_from=between)
    first = spec.sources["start"].spec.sources["start"].spec
    assert all(getattr(first, name) in (value, None) for name, value in start.items())
    assert RunSpec.from_dict(spec.to_dict()) == spec


@settings(max_examples=150, deadline=None)
@given(with_sources())
def test_the_canonical_form_is_one(spec):
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert (again.key, hash(again)) == (spec.key, hash(spec))
    assert again.to_dict() == spec.to_dict()
    assert spec.replace() == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert again.sources == spec.sources


@settings(max_examples=150, deadline=None)
@given(with_sources())
def test_no_run_is_its_own_source_and_every_chain_ends(spec):
    def follow(one: RunSpec, above: tuple[str, ...]) -> None:
        assert one.key not in above
        assert len(above) <= 2 * DEEPEST
        assert one.seed == spec.seed
        for source in one.sources.values():
            assert source.spec.generation < one.generation
            follow(source.spec, (*above, one.key))

    follow(spec, ())


@settings(max_examples=150, deadline=None)
@given(with_sources())
def test_a_start_has_the_gates_of_its_run_unless_its_changes_say_otherwise(spec):
    start = spec.sources.get("start")
    if start is None or "gates" not in spec.sources or "gates" not in start.spec.sources:
        return
    if not {"gates_from", "teacher_epochs", "teacher_checkpoint"} & set(spec.start_from):
        assert start.spec.sources["gates"] == spec.sources["gates"]


@given(with_sources(), st.sampled_from([{}, {"epochs": 2}, {"label_noise": 0.5}, {"optimiser": "rmsprop"}]))
def test_a_difference_leads_from_one_run_to_the_other(spec, wanted):
    if spec.sources:
        return
    other = changed(spec, wanted)
    assert changed(spec, difference(spec, other)) == other
    assert difference(spec, spec) == {}


def test_changes_are_values():
    a, b = Changes({"epochs": 3, "classes": (1, 2)}), Changes({"classes": (1, 2), "epochs": 3})
    assert a == b
    assert hash(a) == hash(b)
    assert repr(a) == "{'classes': (1, 2), 'epochs': 3}"
    assert pickle.loads(pickle.dumps(a)) == a
