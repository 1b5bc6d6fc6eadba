"""Value networks on the gates of a run of DL: what it leaves for others, and what its record says of that."""

from __future__ import annotations

import pytest
import torch

from companion.networks.gates import OpenGate
from companion.records.weights import weights_digest
from companion.runs.regimes import gates, initial_model
from companion.runs.spec import RunSpec
from support.laboratory import tiny

LINEAR = {"regime": "DL", "feature_activation": "linear", "gate_beta": 10.0, "gate_eps": 0.0}


def test_fl_takes_the_feature_network_of_dl_and_says_so(lab):
    spec = tiny("FL", gates_from=LINEAR)
    source = spec.teacher
    assert source == tiny(**LINEAR)
    assert lab.run(spec) == 2
    said, left = lab.content(spec)["teacher"], lab.content(source)["weights"]
    assert said["checkpoint"] == "feature/best_test"
    assert said["weights"] == left["feature/best_test"]
    assert left.keys() == {"best_test", "last", "feature/best_test", "feature/last"}
    assert said["epoch"] == lab.content(source)["best_epoch"]
    kept = lab.workspace.load_weights(source.key, "feature/best_test")
    assert kept.params.keys() == {"weight.0", "bias.0", "weight.1", "bias.1"}
    assert weights_digest(kept.params) != weights_digest(initial_model(source).feature)


def test_its_gates_are_hard_and_those_of_a_linear_network(lab):
    spec = tiny("FL", gates_from=LINEAR)
    lab.run(spec)
    feature = lab.workspace.load_weights(spec.teacher.key, "feature/best_test").params
    x = torch.rand(9, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    first = x.flatten(1) @ feature["weight.0"] + feature["bias.0"]
    second = first @ feature["weight.1"] + feature["bias.1"]
    found = gates(spec, initial_model(spec, feature).feature, x)
    assert isinstance(spec.inner_gate, OpenGate)
    assert torch.equal(found[0], (first > 0).float())
    assert torch.equal(found[1], (second > 0).float())


def test_a_feature_network_beside_its_record_saves_the_training(lab, tmp_path):
    spec = tiny("FL", gates_from=LINEAR)
    lab.run(spec.teacher, spec)
    feature = lab.workspace.load_weights(spec.teacher.key, "feature/best_test")
    lab.store.keep_weights(spec.teacher.key, feature.params)
    (lab.workspace.folder / "weights" / f"{spec.teacher.key}.pt").unlink()
    assert lab.run(tiny("FL", gates_from=LINEAR, value_input="noise")) == 1
    assert lab.store.takes(spec.teacher) == 1
    assert [reason for _, reason in lab.store.verify() if reason] == []


def test_what_measures_nothing_follows_what_measures(lab):
    """The DLGN whose gates others take has no probe; the one that is shown has one.  They are trained once."""
    spec, shown = tiny("FL", gates_from=LINEAR), tiny(**LINEAR, probe="hard-gates", probe_every=3)
    assert lab.run(spec, shown) == 3
    trained = [p.spec for p in lab.progress if p.seconds > 0]
    assert trained.count(shown) == 3
    assert trained.count(spec.teacher) == 0
    one, other = lab.content(shown), lab.content(spec.teacher)
    assert one["curves"] == other["curves"]
    assert "probes" in one
    assert "probes" not in other
    assert "feature/last" in other["weights"]


def test_two_probes_do_not_follow_each_other(lab):
    specs = [tiny(**LINEAR, probe="hard-gates", probe_every=every) for every in (1, 3)]
    assert lab.run(*specs) == 2
    assert len(lab.content(specs[0])["probes"]["epoch"]) == 4
    assert len(lab.content(specs[1])["probes"]["epoch"]) == 2


def test_the_teacher_of_narrow_gates_is_as_narrow(lab):
    spec = tiny("FL", feature_width=3, gate_shifts=[2, 1])
    assert spec.teacher == tiny(width=3)
    assert lab.run(spec) == 2
    feature = lab.workspace.load_weights(spec.teacher.key, "best_test").params
    model = initial_model(spec, feature)
    assert model.feature["weight.1"].shape == (3, 3)
    assert model.value["weight.1"].shape == (6, 6)
    x = torch.rand(5, 1, 8, 8)
    first = (x.flatten(1) @ feature["weight.0"] + feature["bias.0"] > 0).float()
    tiled = torch.cat([first, first], dim=1)
    assert torch.equal(gates(spec, model.feature, x)[0], torch.roll(tiled, -2, 1))


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ({"gates_from": {**LINEAR, "width": 6}}, {"gates_from": LINEAR}),
        ({"gates_from": {**LINEAR, "gate_permutation": [0, 1]}}, {"gates_from": LINEAR}),
        ({"gates_from": {"width": 3}, "feature_width": 3}, {"feature_width": 3}),
        ({"gates_from": {"regime": "ReLU"}}, {}),
    ],
    ids=str,
)
def test_one_run_written_in_two_ways_is_one_run(written, canonical):
    assert tiny("FL", **written).key == tiny("FL", **canonical).key


def test_a_source_of_other_networks_is_refused():
    with pytest.raises(ValueError, match="same networks and classes"):
        tiny("FL", gates_from={"width": 3})
    with pytest.raises(ValueError, match="same networks and classes"):
        tiny("FL", gates_from={**LINEAR, "feature_width": 3})
    narrow = tiny("FL", feature_width=3, gates_from={**LINEAR, "width": 6, "feature_width": 3})
    assert narrow.teacher == tiny(**LINEAR, feature_width=3)


def test_a_start_keeps_the_width_of_its_gates():
    spec = tiny("FL", feature_width=3, start_from={"label_noise": 1.0})
    start = spec.sources["start"].spec
    assert start.teacher == spec.teacher == tiny(width=3)
    assert RunSpec.from_dict(spec.to_dict()) == spec
