"""Which examples a run sees: of the whole dataset, the part that its spec names, in the order of the dataset."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch

from companion.data import DATASETS, Dataset
from companion.notation import Float, Int, Tensor
from companion.runs.labels import noisy
from companion.runs.spec import RunSpec

__all__ = ["Examples", "Split", "same_examples", "split"]


@dataclass(frozen=True)
class Examples:
    """Images in [0, 1], or standardised, and the numbers of their classes."""

    inputs: Float[Tensor, "N C H W"]
    labels: Int[Tensor, "N"]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice) -> Examples:
        return Examples(self.inputs[part], self.labels[part])


@dataclass(frozen=True)
class Split:
    """What a run trains on, chooses an epoch on (``None`` without a holdout), and is tested on."""

    train: Examples
    holdout: Examples | None
    test: Examples


def same_examples(spec: RunSpec) -> Hashable:
    """Equal for runs of like networks that see the same examples and labels; the noise of a seed is its own."""
    return spec.task, spec.trial if spec.label_noise else None


def split(spec: RunSpec, dataset: Dataset) -> Split:
    """The examples of a run: classes kept, sizes cut, the holdout taken from the end, label noise in training only.

    Standardised images are so by the mean and deviation of the whole dataset's training images, whatever part is seen:
    a network means the same images to runs that see other parts.

    For a convolutional network, channels are the last axis of the images in memory, as convolutions want them.

    Raises:
        ValueError: the classes that are kept have fewer examples than the run asks for.
    """
    train = _kept(spec, dataset.train_inputs, dataset.train_labels)[: spec.train_size]
    test = _kept(spec, dataset.test_inputs, dataset.test_labels)[: spec.test_size]
    if spec.standardise:
        train, test = _standardised(spec, train), _standardised(spec, test)
    if spec.network.convolutional:
        train, test = _channels_last(train), _channels_last(test)
    for name, wanted, found in (
        ("train_size", spec.train_size, len(train)),
        ("test_size", spec.test_size, len(test)),
        ("holdout", spec.holdout + 1, len(train)),
    ):
        if wanted is not None and wanted > found:
            raise ValueError(f"{name} asks for more than the {found} examples of classes {list(spec.class_names)}")
    size = len(train) - spec.holdout
    holdout = train[size:] if spec.holdout else None
    seen = train[:size]
    return Split(Examples(seen.inputs, noisy(spec, seen.labels)), holdout, test)


def _standardised(spec: RunSpec, examples: Examples) -> Examples:
    info = DATASETS[spec.dataset]
    images = examples.inputs
    mean, deviation = (images.new_tensor(v)[:, None, None] / info.peak for v in (info.mean, info.deviation))
    return Examples((images - mean) / deviation, examples.labels)


def _channels_last(examples: Examples) -> Examples:
    return Examples(examples.inputs.contiguous(memory_format=torch.channels_last), examples.labels)


def _kept(spec: RunSpec, inputs: Tensor, labels: Tensor) -> Examples:
    """The examples of the classes that the run keeps, numbered anew in the given order."""
    if spec.classes is None:
        return Examples(inputs, labels)
    renumbered = torch.full((int(labels.max()) + 1,), -1)
    renumbered[torch.tensor(spec.classes)] = torch.arange(len(spec.classes))
    new = renumbered[labels]
    return Examples(inputs[new >= 0], new[new >= 0])
