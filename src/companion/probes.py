"""Probes: what is measured of a network between two epochs, besides its accuracy.

A probe sees the network and the first examples of each class of the training set, as the official code does (it
shuffles a temporary copy, so the first ones are what it takes), and returns a few named numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from companion.kernels import DeepGatedNetwork, Kernel, label_alignment, npk, ntk, relu_network
from companion.networks.forward import Params
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model, output
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

__all__ = ["PROBES", "Probe", "first_of_each_class", "kernel_norms", "label_probe", "measure"]

Probe = Callable[[RunSpec, Model, Tensor, Tensor], dict[str, float]]
"""``(spec, model, inputs [N, C, H, W], labels [N])`` to named numbers."""

ALIGNMENT_EXAMPLES, NORM_EXAMPLES = 100, 20
"""Examples of each class, as in Paper A and its code."""


def first_of_each_class(labels: Int[Tensor, "N"], count: int) -> Int[Tensor, "n"]:
    """Indices of the first ``count`` examples of every class, class after class."""
    return torch.cat([(labels == c).nonzero()[:count, 0] for c in labels.unique()])


def _double(params: Params) -> Params:
    return {name: tensor.double() for name, tensor in params.items()}


def label_probe(
    spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]
) -> dict[str, float]:
    """How the neural path kernel of a ReLU network is aligned with two classes (Paper A, Section 5, item 5).

    In double precision, on the first 100 examples of each class, labels plus and minus 1, each layer's kernel divided
    by its width (``nu`` does not depend on the scale).

    Returns:
        ``nu`` (:func:`companion.kernels.label_alignment`); ``nu_permuted``, the same for labels in random order, which
        tells alignment from a change of the spectrum; ``top_share``, the largest eigenvalue's share of the trace;
        ``energy``, ``sum_i (u_i^T y)^2 rho_i`` with eigenvectors ``u_i`` and normalised eigenvalues ``rho_i``.
    """
    chosen = first_of_each_class(labels, ALIGNMENT_EXAMPLES)
    H = npk(relu_network(spec.network, _double(model.value)), normalise=True)(inputs[chosen].double())
    y = 2.0 * labels[chosen].double() - 1
    shuffled = y[torch.randperm(len(y), generator=stream(spec.seed, "control"))]
    rho, u = torch.linalg.eigh(H / H.trace())
    return {
        "nu": label_alignment(H, y),
        "nu_permuted": label_alignment(H, shuffled),
        "top_share": float(rho[-1]),
        "energy": float(((u.T @ y).square() * rho).sum()),
    }


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
    dgn = DeepGatedNetwork(spec.network, _double(model.value), _double(model.feature), gate=spec.gate)
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


PROBES: Mapping[str, Probe] = MappingProxyType({"label-alignment": label_probe, "kernel-norms": kernel_norms})
"""By the name that :class:`~companion.runs.spec.RunSpec` knows."""


def measure(spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]) -> dict[str, float]:
    """What the probe of a run says of its network now; nothing for a run without probe."""
    return PROBES[spec.probe](spec, model, inputs, labels) if spec.probe is not None else {}
