"""How the neural path kernel of a ReLU network is aligned with the labels of two classes."""

from __future__ import annotations

import torch

from companion.kernels import label_alignment, npk, relu_network
from companion.measure.chosen import ALIGNMENT_EXAMPLES, double, first_of_each_class
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import Model
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

__all__ = ["label_probe", "path_kernel"]


def path_kernel(
    spec: RunSpec, model: Model, inputs: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]
) -> tuple[Float[Tensor, "n n"], Float[Tensor, "n"]]:
    """The neural path kernel that :func:`label_probe` measures, and the labels, plus and minus 1, class after class."""
    chosen = first_of_each_class(labels, ALIGNMENT_EXAMPLES)
    H = npk(relu_network(spec.network, double(model.value)), normalise=True)(inputs[chosen].double())
    return H, 2.0 * labels[chosen].double() - 1


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
    H, y = path_kernel(spec, model, inputs, labels)
    shuffled = y[torch.randperm(len(y), generator=stream(spec.seed, "control"))]
    rho, u = torch.linalg.eigh(H / H.trace())
    return {
        "nu": label_alignment(H, y),
        "nu_permuted": label_alignment(H, shuffled),
        "top_share": float(rho[-1]),
        "energy": float(((u.T @ y).square() * rho).sum()),
    }
