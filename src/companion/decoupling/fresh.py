"""Networks before they train: weights drawn anew, and statistics of batch norm for gates that nobody trained."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

from companion.notation import Tensor

__all__ = ["devices", "drawn", "numbers", "reset", "settle"]

TOGETHER = 128
"""Examples of which batch norms take statistics together, however many a step of training has."""


def numbers(x: Tensor) -> Tensor:
    """Examples as a network takes them: bytes become float32 in [0, 1], all else is as it is."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x


def reset(module: nn.Module) -> None:
    """Draw all weights anew, each module by its own ``reset_parameters``.

    Raises:
        ValueError: some parameter belongs to a module without one.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> layer.weight.data = torch.tensor([[7.0]])
        >>> reset(layer)
        >>> bool(layer.weight <= 1)  # PyTorch draws from -1 to 1 where one unit enters
        True
    """
    for name, part in module.named_modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif own := [parameter for parameter, _ in part.named_parameters(recurse=False)]:
            place = f"{name}.{own[0]}" if name else own[0]
            raise ValueError(
                f"the parameter {place} belongs to a module without reset_parameters: give it one, or pass initialise, "
                "a function that draws the weights of a whole model anew"
            )


def drawn(model: nn.Module, seed: int, initialise: Callable[[nn.Module], None]) -> nn.Module:
    """A copy of a model with weights of a seed; the process's own random numbers stay as they were."""
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices(model)):
        torch.manual_seed(seed)
        initialise(fresh)
    return fresh.requires_grad_(True)


def devices(model: nn.Module) -> list[torch.device]:
    """The GPUs that a model lies on."""
    return list({p.device for p in model.parameters() if p.device.type == "cuda"})


def settle(network: nn.Module, x: Tensor) -> None:
    """Give batch norms the statistics of the examples, averaged over one pass.

    The pass is in parts of at most ``TOGETHER`` examples, which differ by one at most, each from all over the examples:
    data are often in the order of their classes.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        return
    network.eval()
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        parts = -(-len(x) // TOGETHER)
        for i in range(parts):
            network(numbers(x[i::parts]))
    for m, momentum in zip(norms, momenta, strict=True):
        m.momentum = momentum
