"""How much the neural path kernel of frozen gates changes when their layers change places."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import torch

from companion.kernels.orders import npk_of_orders
from companion.measure.chosen import double, first_of_each_class
from companion.networks.forward import Params
from companion.notation import Float, Int, Tensor, ValueInput
from companion.runs.regimes import moved_gates, value_input
from companion.runs.spec import RunSpec

__all__ = ["CONVOLVED_EXAMPLES", "DENSE_EXAMPLES", "INPUTS", "all_orders", "kernel_changes"]

DENSE_EXAMPLES, CONVOLVED_EXAMPLES = 20, 2
"""Images of each class; with convolutions all pairs of positions are compared, so that few must do."""
INPUTS = (ValueInput.IMAGE, ValueInput.ONES)


def all_orders(spec: RunSpec) -> list[tuple[int, ...]]:
    """All orders of a run's layers of gates, the identity first."""
    return list(permutations(range(spec.network.gated_layers)))


def kernel_changes(
    spec: RunSpec,
    feature: Params,
    images: Float[Tensor, "N ..."],
    labels: Int[Tensor, "N"],
    per_class: int | None = None,
) -> dict[str, dict[str, list[float]]]:
    """The kernel ``H_o`` of every order against the identity's, ``H_1``, in double precision (Paper C, Section 4.1).

    The gates are hard and those of the feature network with its biases; the kernel is one of gates and has none.

    Args:
        spec: a run of FL, FR-II or FR-DI; its own order and value input do not matter.
        feature: its feature network's parameters.
        images: the first ones of each class are taken.
        labels: their classes.
        per_class: how many; by default :data:`DENSE_EXAMPLES` or :data:`CONVOLVED_EXAMPLES`.

    Returns:
        For each value input one number an order, in the order of :func:`all_orders`: ``relative``,
        ``|H_o - H_1| / |H_1|`` in Frobenius norm; ``misaligned``, ``1 - <H_o, H_1> / (|H_o| |H_1|)``; and ``entry``,
        the kernel of the first two images, by which anyone can check the rest.

    Raises:
        ValueError: layers of gates that cannot change places.
    """
    if per_class is None:
        per_class = CONVOLVED_EXAMPLES if spec.network.convolutional else DENSE_EXAMPLES
    x = images[first_of_each_class(labels, per_class)].double()
    with torch.no_grad():
        stack = [G.double() for G in moved_gates(spec, double(feature), x)]
        inputs = [value_input(spec.replace(value_input=one), x) for one in INPUTS]
        H = npk_of_orders(replace(spec.network, bias=False), inputs, stack, all_orders(spec)).flatten(2)
    own = H[:, :1]
    relative = (H - own).norm(dim=2) / own.norm(dim=2)
    unit = H / H.norm(dim=2, keepdim=True)
    misaligned = (unit - unit[:, :1]).square().sum(2) / 2  # 1 - <a, b> of unit a, b, without its cancellation
    found = {"relative": relative, "misaligned": misaligned, "entry": H[..., 1]}
    return {str(one): {name: value[i].tolist() for name, value in found.items()} for i, one in enumerate(INPUTS)}
