"""Which parameters the networks of a run have: what a file holds is compared with them before it is used."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from companion.files.quoting import brief
from companion.networks.architectures import RUNNING, Shape
from companion.notation import Tensor
from companion.runs.regimes import RULES
from companion.runs.spec import RunSpec

__all__ = ["feature_shapes", "misfit", "trainable_shapes", "value_shapes"]


def value_shapes(spec: RunSpec) -> dict[str, Shape]:
    """Name to shape of the value network's parameters, or of the only network's."""
    return spec.network.parameter_shapes()


def feature_shapes(spec: RunSpec) -> dict[str, Shape]:
    """The same of the feature network, which has no output layer; empty in a ReLU run."""
    if RULES[spec.regime].feature is None:
        return {}
    network = spec.feature_network
    last = f".{network.gated_layers}"
    return {name: shape for name, shape in network.parameter_shapes().items() if not name.endswith(last)}


def trainable_shapes(spec: RunSpec) -> dict[str, Shape]:
    """The same of what trains, named as in :meth:`companion.runs.regimes.Model.trainable`."""
    parts = {"value": value_shapes(spec)}
    if RULES[spec.regime].trains_feature:
        parts["feature"] = feature_shapes(spec)
    return {
        f"{part}/{name}": shape
        for part, shapes in parts.items()
        for name, shape in shapes.items()
        if name.partition(".")[0] not in RUNNING
    }


def misfit(found: object, wanted: Mapping[str, Shape], what: str) -> str | None:
    """Why parameters are not those wanted, in one sentence; ``None`` if they are.

    Args:
        found: name to tensor, or whatever a file held.
        wanted: name to shape; every tensor is float32 and lies in the memory of the CPU.
        what: what the parameters are of, for the sentence.
    """
    if not isinstance(found, Mapping) or found.keys() != wanted.keys():
        names = list(found) if isinstance(found, Mapping) else found
        return f"{what} must have {', '.join(wanted) or 'no parameters'}, not {brief(names)}"
    for name, shape in wanted.items():
        tensor = found[name]
        if not isinstance(tensor, Tensor):
            return f"{name} of {what} must be a tensor, not {brief(tensor)}"
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if tensor.dtype is not torch.float32 or tuple(tensor.shape) != shape or not plain:
            kind = str(tensor.dtype).removeprefix("torch.")
            return f"{name} of {what} must be float32 {list(shape)}, not {kind} {brief(list(tensor.shape))}"
    return None
