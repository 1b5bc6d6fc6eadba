"""DavidNet in plain PyTorch, to compare ours with."""

from __future__ import annotations

import torch
from torch import nn

from companion.networks.forward import Params


class Residual(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


def by_hand(params: Params, last_pool: int = 4) -> nn.Sequential:
    """The network as one writes it with PyTorch's modules, but for the factor of its outputs.

    Args:
        params: of the architecture DAVIDNET, which are copied.
        last_pool: the side of what is left after three pools.
    """
    shapes = iter(range(9))

    def conv() -> nn.Sequential:
        i = next(shapes)
        weight = params[f"weight.{i}"]
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, bias=False)
        norm = nn.BatchNorm2d(weight.shape[0])
        layer.weight.data = weight.clone()
        norm.weight.data, norm.bias.data = params[f"scale.{i}"].clone(), params[f"shift.{i}"].clone()
        norm.running_mean, norm.running_var = params[f"mean.{i}"].clone(), params[f"variance.{i}"].clone()
        return nn.Sequential(layer, norm, nn.ReLU())

    body = [conv(), conv(), nn.MaxPool2d(2), Residual(nn.Sequential(conv(), conv()))]
    body += [conv(), nn.MaxPool2d(2), conv(), nn.MaxPool2d(2), Residual(nn.Sequential(conv(), conv()))]
    last = nn.Linear(*params["weight.8"].shape, bias=False)
    last.weight.data = params["weight.8"].T.clone()
    return nn.Sequential(*body, nn.MaxPool2d(last_pool), nn.Flatten(), last)
