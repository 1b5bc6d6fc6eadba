"""The size of the value and of the feature kernel of a deep gated network."""

from __future__ import annotations

import torch

from companion.kernels import DeepGatedNetwork, Kernel, ntk
from companion.measure.chosen import NORM_EXAMPLES, double, first_of_each_class
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model, output
from companion.runs.spec import RunSpec

__all__ = ["kernel_norms"]


def kernel_norms(
    spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]
) -> dict[str, float]:
    """Trace and Frobenius norm of ``K_v`` and ``K_f`` of a deep gated network (Paper A, Section 5, item 6).

    On the first 20 examples of each class, summed over the logits.  ``official_*`` is the official code's recipe, the
    gradient of the *sum* of the softmax outputs in single precision: that sum is always 1, so what is measured is
    rounding.

    Returns:
        ``trace_v, trace_f, norm_v, norm_f, official_trace_v, official_trace_f``.
    """
    assert model.feature is not None
    x = inputs[first_of_each_class(labels, NORM_EXAMPLES)]
    dgn = DeepGatedNetwork(spec.network, double(model.value), double(model.feature), gate=spec.gate)
    kernels: dict[str, Kernel] = {"v": ntk(dgn, part="value"), "f": ntk(dgn, part="feature")}
    values: dict[str, float] = {}
    for name, kernel in kernels.items():
        K = kernel(x.double())
        values[f"trace_{name}"], values[f"norm_{name}"] = float(K.trace()), float(torch.linalg.matrix_norm(K))
    return values | _official_recipe(spec, model, x)


def _official_recipe(spec: RunSpec, model: Model, x: Float[Tensor, "N ..."]) -> dict[str, float]:
    """Traces of the kernels of ``sum_k softmax_k``, example by example: zero but for rounding."""
    trainable = {name: tensor.detach().requires_grad_() for name, tensor in model.trainable(spec.regime).items()}
    network = model.updated(trainable)
    traces = {"official_trace_v": 0.0, "official_trace_f": 0.0}
    for one in x:
        total = torch.softmax(output(spec, network, one[None]), dim=-1).sum()
        gradients = torch.autograd.grad(total, list(trainable.values()))
        for name, gradient in zip(trainable, gradients, strict=True):
            traces[f"official_trace_{name[0]}"] += float(gradient.square().sum())
    return traces
