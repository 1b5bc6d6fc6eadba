"""Fresh parameters: for a whole network, its running statistics, its hidden layers alone."""

from __future__ import annotations

import math

import torch

from companion.networks.architectures import RUNNING, Architecture
from companion.networks.forward import Params

__all__ = ["hidden_only", "initialise", "running"]


def initialise(
    architecture: Architecture,
    generator: torch.Generator,
    scheme: str = "glorot",
    sigma: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> Params:
    """Draw parameters on the CPU, layer by layer; biases and shifts are zero, scales and running variances one.

    Args:
        architecture: the network.
        generator: a CPU generator; the draw depends on nothing else.
        scheme: ``glorot`` (uniform, variance ``2 / (fan_in + fan_out)``, as Keras), ``fan-in`` (uniform, up to
            ``1 / sqrt(fan_in)``, as PyTorch), ``normal`` (mean 0) or ``sign`` (plus or minus ``sigma`` with equal
            probability, Paper C, Assumption 2.1).
        sigma: standard deviation of ``normal`` and ``sign`` in every layer.
        dtype: of the parameters.

    Raises:
        ValueError: unknown scheme, or ``sigma`` missing or not wanted.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> params = initialise(fully_connected((4,), width=3, depth=2), torch.Generator().manual_seed(0))
        >>> {name: tuple(value.shape) for name, value in params.items()}
        {'weight.0': (4, 3), 'bias.0': (3,), 'weight.1': (3, 1), 'bias.1': (1,)}
    """
    if scheme not in ("glorot", "fan-in", "normal", "sign"):
        raise ValueError(f"unknown initialisation {scheme!r}: valid are glorot, fan-in, normal, sign")
    if (sigma is None) != (scheme in ("glorot", "fan-in")):
        raise ValueError("sigma goes with the initialisations normal and sign, and with them only")
    params: Params = {}
    for i, layer in enumerate(architecture.weight_shapes()):
        if sigma is None:
            limit = math.sqrt(6 / (layer.fan_in + layer.fan_out) if scheme == "glorot" else 1 / layer.fan_in)
            weight = (2 * torch.rand(layer.weight, generator=generator, dtype=torch.float32) - 1) * limit
        elif scheme == "normal":
            weight = sigma * torch.randn(layer.weight, generator=generator, dtype=torch.float64)
        else:
            weight = sigma * (2 * torch.randint(2, layer.weight, generator=generator) - 1).double()
        params[f"weight.{i}"] = weight.to(dtype)
        if architecture.bias and not layer.norm:
            params[f"bias.{i}"] = torch.zeros(layer.bias, dtype=dtype)
        for name in layer.per_channel:
            start = torch.ones if name in ("scale", "variance") else torch.zeros
            params[f"{name}.{i}"] = start(layer.bias, dtype=dtype)
    return params


def running(params: Params) -> Params:
    """The running statistics among some parameters: they follow the data and not a gradient.

    Example:
        >>> running({"weight.0": torch.ones(1), "mean.0": torch.zeros(1)})
        {'mean.0': tensor([0.])}
    """
    return {name: value for name, value in params.items() if name.partition(".")[0] in RUNNING}


def hidden_only(architecture: Architecture, params: Params) -> Params:
    """The parameters without the output layer: a feature network has none.

    Args:
        architecture: the network.
        params: its parameters, stacked or not.

    Example:
        >>> from companion.networks.families import fully_connected
        >>> network = fully_connected((4,), width=3, depth=2, bias=False)
        >>> list(hidden_only(network, initialise(network, torch.Generator().manual_seed(0))))
        ['weight.0']
    """
    last = f".{architecture.gated_layers}"
    return {name: value for name, value in params.items() if not name.endswith(last)}
