"""A network without activations, layer by layer as one linear map of its input (Paper C, Section 5)."""

from __future__ import annotations

from torch.nn import functional as F

from companion.networks.architectures import Architecture, Conv, Dense, Flatten
from companion.networks.forward import Params
from companion.notation import Float, Tensor

__all__ = ["effective_filters"]


def effective_filters(architecture: Architecture, params: Params) -> list[Float[Tensor, "units ..."]]:
    """What each unit of each layer computes of the input, where nothing stands between the layers; biases aside.

    Args:
        architecture: dense layers, or convolutions; what follows a pool is left out.
        params: of one model; an output layer is not used.

    Returns:
        For each dense layer ``[units, *input_shape]``: ``q_l = <filter, x>`` plus a constant.  For each convolution
        ``[channels, input channels, s, s]``, ``s`` growing from layer to layer: it is the exact map at positions from
        which it sees no border, where padding is zero layer by layer.

    Raises:
        ValueError: a layer that is neither, before any pool.
    """
    found: list[Tensor] = []
    for layer in architecture.layers:
        weight = params[f"weight.{len(found)}"] if isinstance(layer, (Dense, Conv)) else None
        match layer:
            case Flatten() if not found:
                continue
            case Dense() if weight is not None and (not found or found[-1].dim() == 2):
                found.append(weight.T if not found else weight.T @ found[-1])  # [units, d_in]
            case Conv(norm=False) if weight is not None and (not found or found[-1].dim() == 4):
                found.append(weight if not found else _after(found[-1], weight))
            case _ if found and found[-1].dim() == 4:
                break
            case _:
                raise ValueError(f"{layer} is neither a dense layer nor a convolution: it has no effective filters")
    return [f.unflatten(1, architecture.input_shape) if f.dim() == 2 else f for f in found]


def _after(filters: Float[Tensor, "C in s s"], weight: Float[Tensor, "out C k k"]) -> Float[Tensor, "out in t t"]:
    """The filters of a convolution after others: their full convolution, ``t = s + k - 1``.

    ``q(p) = sum_a w(a) sum_b f(b) x(p + a + b)``, so taps add up: the reversed ``w`` correlated with ``f``.
    """
    k = weight.shape[-1]
    return F.conv2d(filters.transpose(0, 1), weight.flip(2, 3), padding=k - 1).transpose(0, 1)
