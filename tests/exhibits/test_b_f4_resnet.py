"""The grid of the residual network: its protocol, its models, and a rule for each sentence."""

from __future__ import annotations

from collections import Counter

import pytest

from companion.exhibits.b_f4_resnet import CLAIMS
from companion.networks.gates import SoftGate
from companion.notation import Regime
from companion.papers.numbers import numbers
from companion.training.backends.choose import BACKENDS, choose_backend
from support.synthetic import grid_of

GRID = grid_of("B-F4-resnet", "paper")


def test_five_runs_of_two_models_a_regime_and_of_one_relu():
    assert Counter((c.column, c.axes["value_input"]) for c in GRID) == {
        ("ReLU", None): 5,
        **{(str(regime), value): 5 for regime in list(Regime)[1:] for value in ("image", "ones")},
    }
    assert {cell.row for cell in GRID} == {"DavidNet/CIFAR-10"}


@pytest.mark.parametrize("regime", Regime)
def test_the_protocol_is_davidnets_with_paper_bs_step_and_batch(regime):
    for spec in (c.spec for c in GRID if c.column == str(regime)):
        assert (spec.dataset, spec.architecture, spec.width, spec.train_size) == ("cifar10", "DAVIDNET", None, None)
        assert (spec.optimiser, spec.learning_rate, spec.batch_size, spec.epochs) == ("sgd", 0.5, 256, 24)
        assert (spec.momentum, spec.nesterov, spec.weight_decay, spec.schedule) == (0.9, True, 5e-4, "triangle")
        assert (spec.augmentation, spec.standardise, spec.initialisation) == ("crop-flip-cutout", True, "fan-in")
        assert spec.gate_permutation is None
        assert spec.network.output_scale == 0.125
        assert not spec.network.bias
        if regime is Regime.DL:
            assert spec.gate == SoftGate(10.0, 0.0)


def test_the_teacher_of_a_student_is_the_relu_run_of_its_seed():
    relu = {c.spec.seed: c.spec for c in GRID if c.column == "ReLU"}
    for cell in GRID:
        if cell.column == "FL":
            assert cell.spec.teacher == relu[cell.spec.seed]
            assert cell.spec.teacher_checkpoint == "best_test"


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_backends_that_do_not_know_the_protocol_refuse_it(profile):
    for cell in grid_of("B-F4-resnet", profile):
        assert BACKENDS["fused"].refusal(cell.spec)
        assert BACKENDS["chains"].refusal(cell.spec)
        assert choose_backend(cell.spec).name == "lanes"


def test_the_papers_table_is_lost_and_each_sentence_has_a_rule():
    assert numbers().query("exhibit == 'B-F4-resnet'").empty
    names = [claim.id.partition(":")[2] for claim in CLAIMS]
    assert names == ["gates-learn", "DL-within-three", "FL-near-ReLU", "ones", "II-is-DI", "random-far-above-chance"]
    assert {claim.within for claim in CLAIMS} == {None, 3.0, 45.0}
