"""Training images altered at random, whole batches at once on any device: cropped, mirrored, with a square cut out.

What happens to an example in an epoch hangs on the run's seed, the epoch and the example's number, and on nothing else:
neither on the batch in which it comes, nor on what trains beside it.  Sizes go with the side of the image: on CIFAR-10
they are DavidNet's (cifar10-fast), a border of 4 positions and a square of 8 x 8.
"""

from __future__ import annotations

import torch

from companion.notation import Float, Int, Tensor
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training.schedule import steps_per_epoch

__all__ = ["Augmenter", "augment", "border", "draw", "square"]

MIRRORED = {"crop-flip-cutout": True, "crop-cutout": False}
"""Kind of augmentation to whether images are mirrored, which leaves no digit a digit."""


def border(height: int, width: int) -> int:
    """Positions by which an image is extended on each side before it is cropped: an eighth of its shorter side."""
    return min(height, width) // 8


def square(height: int, width: int) -> int:
    """The side of the square that is cut out: a quarter of the image's shorter side."""
    return min(height, width) // 4


def draw(spec: RunSpec, epoch: int, examples: int) -> Int[Tensor, "N 5"]:
    """What happens to each of so many examples in an epoch (from 1).

    A run that starts from another goes on after all epochs that this one's description gives it.

    Returns:
        For each example the first row and the first column of its crop in the extended image, whether it is mirrored
        (0 or 1), and the first row and the first column of what is cut out of the result.
    """
    height, width = spec.network.input_shape[1:]
    shift, free = 2 * border(height, width) + 1, square(height, width) - 1
    mirrors = 2 if MIRRORED[str(spec.augmentation)] else 1
    generator = stream(spec.seed, "augmentation", spec.epochs_before + epoch)
    limits = (shift, shift, mirrors, height - free, width - free)
    return torch.stack([torch.randint(limit, (examples,), generator=generator) for limit in limits], dim=1)


def augment(x: Float[Tensor, "n C H W"], drawn: Int[Tensor, "n 5"]) -> Float[Tensor, "n C H W"]:
    """Images altered as they were drawn (:func:`draw`); channels are their last axis in memory.

    Each image is reflected at its borders (which are not repeated), cropped to its size, mirrored or not, and zero
    where the square is cut out.
    """
    height, width = x.shape[-2:]
    top, left, mirrored, cut_top, cut_left = drawn[..., None].unbind(1)  # each [n, 1]
    own_rows, own_columns = (torch.arange(size, device=x.device)[None] for size in (height, width))
    across = torch.where(mirrored == 1, width - 1 - own_columns, own_columns)
    rows = _reflected(top + own_rows - border(height, width), height)
    columns = _reflected(left + across - border(height, width), width)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    cropped = x.movedim(1, -1)[image, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
    side = square(height, width)
    in_rows, in_columns = (
        (own >= first) & (own < first + side) for own, first in ((own_rows, cut_top), (own_columns, cut_left))
    )
    return cropped.masked_fill_((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)


def _reflected(place: Int[Tensor, "..."], size: int) -> Int[Tensor, "..."]:
    """Places outside of ``0 .. size - 1`` reflected at the first and at the last of them."""
    return size - 1 - (size - 1 - place.abs()).abs()


class Augmenter:
    """What is done to the images of one run on their way into its networks; nothing, where nothing is to be done.

    Args:
        spec: the run.
        examples: how many it trains on.
        device: where they are.
    """

    def __init__(self, spec: RunSpec, examples: int, device: str) -> None:
        self.spec, self.examples, self.device = spec, examples, device
        self.epoch, self.drawn = 0, torch.empty(0)

    def __call__(self, x: Float[Tensor, "n C H W"], batch: Int[Tensor, "n"], step: int) -> Float[Tensor, "n C H W"]:
        """The images of some examples, altered as their run has it at a step, which is counted from 0."""
        if self.spec.augmentation is None:
            return x
        epoch = step // steps_per_epoch(self.spec, self.examples) + 1
        if epoch != self.epoch:
            self.epoch, self.drawn = epoch, draw(self.spec, epoch, self.examples).to(self.device)
        return augment(x, self.drawn[batch])
