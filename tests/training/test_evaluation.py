"""Accuracies are those of the model as it is now, whatever was computed in advance."""

from __future__ import annotations

import pytest
import torch

from companion.data import load
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.runs.examples import split
from companion.runs.regimes import Model, gates, initial_model, output
from companion.runs.spec import RunSpec
from companion.training.evaluation import _fast, evaluate, evaluate_all, evaluators
from support.laboratory import tiny


def begin(spec: RunSpec) -> Model:
    teacher = initialise(spec.network, torch.Generator().manual_seed(9)) if spec.regime is Regime.FL else None
    return initial_model(spec, teacher)


def moved(spec: RunSpec, model: Model, seed: int) -> Model:
    """The model with all that trains drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    return model.updated(
        {n: torch.randn(t.shape, generator=generator) for n, t in model.trainable(spec.regime).items()}
    )


def by_hand(spec: RunSpec, model: Model, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    answers = output(spec, model, inputs).argmax(-1)
    return round(100 * float((answers == labels).double().mean()), 4)


@pytest.mark.parametrize("variant", [{}, {"value_input": "ones", "gate_permutation": [1, 0]}, {"value_input": "noise"}])
@pytest.mark.parametrize("regime", Regime)
def test_an_evaluator_measures_the_model_that_it_is_given(regime, variant, monkeypatch):
    if regime is Regime.RELU and variant:
        variant = {"seed": 1}  # a ReLU run has no gates to permute and no other input
    monkeypatch.setattr("companion.training.evaluation.EVALUATION_BATCH", 16)
    spec = tiny(regime, holdout=25, test_size=90, **variant)
    data, start = split(spec, load("digits")), begin(spec)
    (evaluator,) = evaluators([spec], [start], data, "cpu")
    seen = set()
    for model in (start, moved(spec, start, 1), moved(spec, start, 2)):
        expected = {
            "test_accuracy": by_hand(spec, model, data.test.inputs, data.test.labels),
            "holdout_accuracy": by_hand(spec, model, data.holdout.inputs, data.holdout.labels),
        }
        assert evaluator(model) == expected
        assert evaluate(spec, model, data.test) == expected["test_accuracy"]
        seen.add(expected["test_accuracy"])
    assert len(seen) > 1


def test_without_a_holdout_there_is_one_curve():
    spec = tiny()
    model = begin(spec)
    (evaluator,) = evaluators([spec], [model], split(spec, load("digits")), "cpu")
    assert set(evaluator(model)) == {"test_accuracy"}


def test_one_output_is_right_by_its_sign():
    spec = tiny(classes=[4, 7], loss="squared-error")
    data, model = split(spec, load("digits")), moved(spec, begin(spec), 3)
    right = (output(spec, model, data.test.inputs)[:, 0] > 0) == (data.test.labels == 1)
    assert evaluate(spec, model, data.test) == round(100 * float(right.double().mean()), 4)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_models_are_evaluated_side_by_side_in_their_order(threads):
    spec = tiny()
    data = split(spec, load("digits"))
    models = [moved(spec, begin(spec), seed) for seed in range(5)]
    each = evaluators([spec] * len(models), models, data, "cpu")
    try:
        found = evaluate_all(each, models, threads)
    finally:
        torch.set_num_threads(1)
    assert found == [evaluator(model) for evaluator, model in zip(each, models, strict=True)]
    assert len({f["test_accuracy"] for f in found}) > 1


def test_runs_of_several_regimes_share_one_cache():
    variants = ({}, {"seed": 1}, {"value_input": "ones"}, {"gate_permutation": [1, 0]})
    specs = [tiny(regime, **v) for regime in Regime for v in variants if regime is not Regime.RELU or len(v) == 0]
    data, models = split(specs[0], load("digits")), [begin(spec) for spec in specs]
    each = evaluators(specs, models, data, "cpu")
    cache = each[-1].caches["test_accuracy"]
    assert cache is not None
    assert len(cache.packed) == 3 * 2  # frozen regimes times seeds
    for evaluator, spec, model in zip(each, specs, models, strict=True):
        assert evaluator(model)["test_accuracy"] == by_hand(spec, model, data.test.inputs, data.test.labels)


@pytest.mark.parametrize("regime", [Regime.RELU, Regime.FR_II, Regime.DL])
def test_reduced_precision_is_tested_in_its_own_arithmetic_with_gates_of_float32(regime):
    spec = tiny(regime, precision="bfloat16")
    data, model = split(spec, load("digits")), moved(spec, begin(spec), 5)
    x = data.test.inputs
    stack = gates(spec, model.feature, x) if regime is Regime.FR_II else None
    with torch.autocast("cpu", torch.bfloat16):
        answers = output(spec, model, x, stack).argmax(-1)
    expected = round(100 * float((answers == data.test.labels).double().mean()), 4)
    assert evaluate(spec, model, data.test) == expected


@pytest.mark.parametrize("variant", [{}, {"value_input": "ones", "gate_permutation": [3, 2, 1, 0]}])
@pytest.mark.parametrize("regime", [Regime.RELU, Regime.FR_II, Regime.FR_DI, Regime.FL])
def test_the_way_of_gpus_gives_the_same_accuracy(regime, variant, monkeypatch):
    monkeypatch.setattr("companion.training.evaluation.LARGE_BATCH", 77)
    variant = {} if regime is Regime.RELU else variant
    spec = RunSpec.from_dict({"dataset": "digits", "architecture": "C4GAP", "width": 5, "regime": regime, **variant})
    data, start = split(spec, load("digits")), begin(spec)
    (evaluator,) = evaluators([spec], [start], data, "cpu")
    for seed in range(3):
        model = moved(spec, start, seed)
        found = _fast(spec, model.value, data.test, evaluator.caches.get("test_accuracy"), evaluator.place)
        assert found == by_hand(spec, model, data.test.inputs, data.test.labels)
