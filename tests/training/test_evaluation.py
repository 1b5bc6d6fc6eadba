"""Accuracies are those of the model as it is now, whatever was computed in advance."""

from __future__ import annotations

import pytest
import torch

from companion.data import load
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.runs.examples import split
from companion.runs.regimes import Model, initial_model, output
from companion.runs.spec import RunSpec
from companion.training.evaluation import Evaluator, evaluate, evaluate_all
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
    evaluator = Evaluator(spec, start, data, "cpu")
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
    assert set(Evaluator(spec, model, split(spec, load("digits")), "cpu")(model)) == {"test_accuracy"}


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
    evaluators = [Evaluator(spec, model, data, "cpu") for model in models]
    try:
        found = evaluate_all(evaluators, models, threads)
    finally:
        torch.set_num_threads(1)
    assert found == [evaluator(model) for evaluator, model in zip(evaluators, models, strict=True)]
    assert len({f["test_accuracy"] for f in found}) > 1
