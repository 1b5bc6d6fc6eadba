"""A network of one's own: a convolution, a pool, dense layers in two branches, skips, dropout."""

import torch
from torch import nn


class Block(nn.Module):
    """Two branches side by side, and the input added to both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left = nn.Linear(width, width // 2)
        self.right = nn.Linear(width, width // 2)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """``z [N, width]`` to the same shape."""
        both = torch.cat([self.left(z), self.right(z)], dim=1)
        return torch.relu(self.norm(both) + z)


def network(width: int = 16, classes: int = 10) -> nn.Module:
    """For images ``[N, 1, 8, 8]``."""
    stem = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten()]
    dense = [nn.Linear(64, width), nn.LeakyReLU(0.1), Block(width), Block(width)]
    return nn.Sequential(*stem, *dense, nn.Dropout(0.1), nn.Linear(width, classes))
