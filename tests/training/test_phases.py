"""Runs that begin where others ended, and gates from any run: Paper C's M1 to M5 from first epoch to record."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from companion.networks.initialise import hidden_only
from companion.notation import Regime
from companion.runs.lineage import with_sources
from companion.runs.spec import RunSpec
from companion.training.backends import ReferenceBackend
from companion.training.loop import epoch_order
from companion.training.state import TrainState
from support.laboratory import TINY, Laboratory, tiny
from support.phases import GAMMAS, family

EPOCHS = 2
FIELDS: dict[str, Any] = {**TINY, "epochs": EPOCHS, "optimiser": "adam", "learning_rate": 0.01}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(tensor, b[name]) for name, tensor in a.items())


@pytest.fixture
def beginnings(monkeypatch) -> dict[RunSpec, TrainState]:
    """The states with which the reference backend is asked to begin, by run."""
    seen: dict[RunSpec, TrainState] = {}
    start = ReferenceBackend.start

    def noting(self, specs, states, *rest):
        seen.update({spec: state for spec, state in zip(specs, states, strict=True) if spec not in seen})
        return start(self, specs, states, *rest)

    monkeypatch.setattr(ReferenceBackend, "start", noting)
    return seen


def test_the_whole_family_is_trained_each_from_where_it_should_begin(lab, beginnings):
    families = [family(gamma, **FIELDS) for gamma in GAMMAS]
    assert lab.run(*(spec for models in families for spec in models.values())) == 6 * len(GAMMAS)  # and M3's starts
    assert all(reason is None for _, reason in lab.store.verify())
    for models in families:
        ends = {name: lab.workspace.load_weights(spec.key, "last") for name, spec in models.items()}
        upstream, continued = ends["M1"].params, ends["M4"].params
        gates = {
            name: hidden_only(models["M1"].network, params) for name, params in (("M1", upstream), ("M4", continued))
        }
        assert equal(beginnings[models["M2"]].model.feature, gates["M1"])
        assert equal(beginnings[models["M5"]].model.feature, gates["M4"])

        first = models["M3"].sources["start"].spec
        assert first.label_noise == 1.0
        end = lab.workspace.load_weights(first.key, "last")
        assert equal(beginnings[models["M3"]].model.value, end.params)
        assert equal(beginnings[models["M3"]].model.feature, gates["M1"])
        assert equal(beginnings[first].model.feature, gates["M1"])
        assert equal(beginnings[first].model.value, beginnings[models["M2"]].model.value)  # drawn from one stream

        assert equal(beginnings[models["M4"]].model.value, upstream)
        assert beginnings[models["M4"]].model.feature is None
        assert ends["M2"] is ends["M3"] is ends["M5"] is None  # nobody needs those
        for state in (beginnings[spec] for spec in (*models.values(), first)):
            assert (state.step, state.first, state.second) == (0, {}, {})

        records = {name: lab.content(spec) for name, spec in models.items()}
        assert [len(record["curves"]["test_accuracy"]) for record in records.values()] == [EPOCHS] * 5
        assert records["M4"]["start"] == {
            "key": models["M1"].key,
            "take": 1,
            "checkpoint": "last",
            "epoch": EPOCHS,
            "weights": records["M1"]["weights"]["last"],
        }
        assert records["M4"]["teacher"] is None
        assert records["M3"]["start"]["key"] == first.key
        assert records["M3"]["teacher"] == records["M2"]["teacher"] == lab.content(first)["teacher"]
        assert records["M5"]["teacher"]["weights"] == records["M4"]["weights"]["last"]
        assert not {"start"} & {key for name in ("M1", "M2", "M5") for key in records[name]}


def test_all_that_is_needed_comes_before_those_who_need_it():
    specs = [spec for gamma in GAMMAS for spec in reversed(family(gamma, **FIELDS).values())]
    ordered = with_sources(specs)
    assert len(ordered) == len(set(ordered)) == 6 * len(GAMMAS)
    for spec in ordered:
        assert all(ordered.index(source) < ordered.index(spec) for source, _ in spec.sources.values())
    assert with_sources(ordered) == ordered


def test_gradient_descent_in_two_phases_is_gradient_descent(tmp_path):
    """Without momentum nothing but weights and the order of examples goes on: both do, as if nothing had been."""
    whole, parts = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "parts")
    long, first = tiny(epochs=6), tiny(epochs=2)
    second = tiny(epochs=4, start_from={"epochs": 2})
    whole.run(long)
    assert parts.run(second) == 2
    curves = whole.content(long)["curves"]
    for name, values in parts.content(second)["curves"].items():
        assert parts.content(first)["curves"][name] + values == curves[name]
    assert parts.content(second)["weights"]["last"] == whole.content(long)["weights"]["last"]


def test_the_order_of_examples_goes_on():
    third = tiny(epochs=3, start_from={"epochs": 4, "start_from": {"epochs": 2}})
    assert third.epochs_before == 6
    assert torch.equal(epoch_order(third, 1, 70), epoch_order(tiny(), 7, 70))
    assert torch.equal(epoch_order(tiny("FL"), 2, 70), epoch_order(tiny(), 2, 70))


def test_a_start_of_the_best_epoch_is_that_epochs(lab, beginnings):
    spec = tiny(epochs=5, start_from={}, start_checkpoint="best_test")
    lab.run(spec)
    record = lab.content(spec)["start"]
    assert record["epoch"] == lab.content(tiny(epochs=5))["best_epoch"]
    assert equal(beginnings[spec].model.value, lab.workspace.load_weights(record["key"], "best_test").params)


@pytest.mark.parametrize("regime", ["FR-II", "FR-DI"])
def test_random_gates_stay_what_they_were_when_the_weights_come_from_elsewhere(lab, beginnings, regime):
    spec = tiny(regime, start_from={"label_noise": 1.0})
    assert lab.run(spec) == 2
    first = spec.sources["start"].spec
    assert equal(beginnings[spec].model.feature, beginnings[first].model.feature)
    assert equal(beginnings[spec].model.value, lab.workspace.load_weights(first.key, "last").params)


def test_runs_of_one_start_that_differ_in_their_length_are_trained_once(tmp_path):
    specs = [tiny(epochs=epochs, start_from={"epochs": 2, "label_noise": 1.0}) for epochs in (5, 3)]
    assert specs[0].course == specs[1].course
    assert specs[0].course != specs[0].replace(start_from={"epochs": 3, "label_noise": 1.0}).course
    lab, alone = Laboratory(tmp_path / "together"), Laboratory(tmp_path / "alone")
    assert lab.run(*specs) == 3
    assert [p.seconds > 0 for p in lab.progress if p.spec == specs[1]] == [False] * 3
    alone.run(specs[1])
    assert lab.content(specs[1]) == alone.content(specs[1])


def forget(lab: Laboratory, *specs: RunSpec) -> None:
    for spec in specs:
        (lab.workspace.folder / "weights" / f"{spec.key}.pt").unlink()


def test_lost_sources_are_trained_again_however_far_back(tmp_path):
    lab, whole = Laboratory(tmp_path / "lost"), Laboratory(tmp_path / "whole")
    models = family(0.5, **FIELDS)
    assert lab.run(models["M4"]) == 2
    forget(lab, models["M1"], models["M4"])
    assert lab.run(models["M5"]) == 3
    assert lab.store.takes(models["M1"]) == lab.store.takes(models["M4"]) == 2
    again = lab.store.read(lab.store.path(models["M4"].key, 2))
    assert again.content["start"]["take"] == 2
    whole.run(models["M5"])
    assert lab.content(models["M5"])["curves"] == whole.content(models["M5"])["curves"]


def test_only_what_is_lost_is_trained_again(lab):
    models = family(0.5, **FIELDS)
    lab.run(models["M4"])
    forget(lab, models["M1"])  # M4's own weights are all that M5 needs
    (lab.workspace.folder / "weights" / f"{models['M4'].key}.pt").stat()
    assert lab.run(models["M5"]) == 1


def test_a_run_that_nobody_needed_is_trained_again_once_somebody_does(lab):
    spec = family(0.5, **FIELDS)["M3"]
    first = spec.sources["start"].spec
    assert lab.run(first) == 2
    assert lab.workspace.load_weights(first.key, "last") is None
    assert lab.run(spec) == 2
    assert lab.store.takes(first) == 2


def test_from_a_run_that_diverged_nothing_goes_on(lab):
    models = family(0.5, **{**FIELDS, "optimiser": "sgd", "learning_rate": 1e30})
    assert lab.run(*models.values()) == 1
    assert not lab.record(models["M1"]).finished
    assert lab.run(*models.values()) == 0


def test_what_waits_for_another_process_is_left_to_it(lab):
    models = family(0.5, **FIELDS)
    with lab.workspace.claim(models["M1"].key):
        assert lab.run(*models.values(), tiny("DL")) == 1
        with lab.workspace.claim(models["M5"].key) as free:
            assert free
    assert lab.run(*models.values()) == 6


def test_a_source_that_no_backend_can_train_stops_the_run_before_anything_is_written(lab):
    with pytest.raises(ValueError, match="its optimisers are sgd and adam, not rmsprop"):
        lab.run(tiny(start_from={"optimiser": "rmsprop"}), backend="fused")
    assert not lab.store.folder.exists()


def test_the_start_may_be_of_another_regime(lab, beginnings):
    """The value network of FL begins with the weights of its own teacher."""
    spec = tiny(Regime.FL, teacher_checkpoint="last", start_from={"regime": "ReLU"})
    assert lab.run(spec) == 2
    state = beginnings[spec].model
    assert equal(hidden_only(spec.network, state.value), state.feature)
