"""Whether the state of a run fits the run: asked of every file, and again before compiled code gets pointers.

Compiled code takes shapes from the run's description and addresses from the state: where they disagree it writes
wherever that leads.
"""

from __future__ import annotations

import torch

from companion.files.quoting import brief
from companion.notation import Int, Tensor
from companion.runs.examples import Examples
from companion.runs.regimes import Model
from companion.runs.shapes import feature_shapes, misfit, trainable_shapes, value_shapes
from companion.runs.spec import RunSpec
from companion.training.state import TrainState

__all__ = ["refuse", "refuse_order", "unfit", "unfit_model"]


def unfit_model(spec: RunSpec, model: Model) -> str | None:
    """Why a model is none of a run, in one sentence; ``None`` if it is."""
    if reason := misfit(model.value, value_shapes(spec), "the value network"):
        return reason
    wanted = feature_shapes(spec)
    if not wanted:
        return None if model.feature is None else f"a run in the regime {spec.regime} has no feature network"
    return misfit(model.feature, wanted, "the feature network")


def unfit(spec: RunSpec, state: TrainState) -> str | None:
    """Why a state is none of a run, in one sentence; ``None`` if it is."""
    if reason := unfit_model(spec, state.model):
        return reason
    if type(state.step) is not int or state.step < 0:
        return f"the number of steps must be a whole number from 0, not {brief(state.step)}"
    wanted = trainable_shapes(spec)
    for name in ("first", "second"):
        if moments := getattr(state, name):  # backends may keep fewer than the optimiser could
            if reason := misfit(moments, wanted, f"the {name} moments"):
                return reason
        elif state.step and spec.optimiser == "adam":
            return f"after {state.step} steps of adam there must be {name} moments"
    return None


def refuse(spec: RunSpec, state: TrainState, data: Examples) -> None:
    """Nothing, where state and examples are those of the run.

    Args:
        spec: the run.
        state: where it stands.
        data: its training examples.

    Raises:
        ValueError: parameters, moments, images or labels of other names, shapes, types or classes than the run's.
    """
    if reason := unfit(spec, state):
        raise ValueError(f"the state is none of the run {spec.key}: {reason}")
    shape, classes = spec.network.input_shape, spec.network.classes
    found = (tuple(data.inputs.shape[1:]), data.inputs.dtype)
    if found != (shape, torch.float32) or len(data.labels) != len(data.inputs):
        raise ValueError(
            f"images must be float32 of shape {shape} with a label each, not {found[1]} of shape {found[0]}, "
            f"{len(data.inputs)} with {len(data.labels)} labels"
        )
    labels = data.labels
    if labels.dtype != torch.int64 or (len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes):
        raise ValueError(f"labels must be int64 from 0 to {classes - 1}")


def refuse_order(order: Int[Tensor, "N"], examples: int) -> None:
    """Nothing, where an order holds numbers of so many examples; else a ``ValueError`` that says so."""
    if order.dtype != torch.int64 or (len(order) and not 0 <= int(order.min()) <= int(order.max()) < examples):
        raise ValueError(f"an order must hold numbers of the {examples} examples")
