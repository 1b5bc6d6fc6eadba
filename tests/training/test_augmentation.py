"""Altered images: pixel by pixel what a slow hand and torchvision make of them, and whose the draws are."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tv

from companion.notation import Tensor
from companion.runs.spec import RunSpec
from companion.training.augmentation import Augmenter, augment, border, draw, square

SPEC = RunSpec(dataset="cifar10", architecture="DAVIDNET", batch_size=64, augmentation="crop-flip-cutout")
MANY = 4000


def by_hand(image: Tensor, drawn: list[int]) -> Tensor:
    """One image, pixel by pixel."""
    top, left, mirrored, cut_top, cut_left = drawn
    _, height, width = image.shape
    edge, side = border(height, width), square(height, width)

    def inside(place: int, size: int) -> int:
        while not 0 <= place < size:
            place = -place if place < 0 else 2 * (size - 1) - place
        return place

    result = torch.empty_like(image)
    for i in range(height):
        for j in range(width):
            column = width - 1 - j if mirrored else j
            result[:, i, j] = image[:, inside(top + i - edge, height), inside(left + column - edge, width)]
            if cut_top <= i < cut_top + side and cut_left <= j < cut_left + side:
                result[:, i, j] = 0
    return result


def by_torchvision(image: Tensor, drawn: list[int]) -> Tensor:
    """One image, by the transforms of torchvision."""
    top, left, mirrored, cut_top, cut_left = drawn
    height, width = image.shape[1:]
    padded = tv.pad(image, [border(height, width)] * 4, padding_mode="reflect")
    cropped = tv.crop(padded, top, left, height, width)
    side = square(height, width)
    return tv.erase(tv.horizontal_flip(cropped) if mirrored else cropped, cut_top, cut_left, side, side, torch.zeros(1))


@st.composite
def batches(draw_: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Some images of any size and number of channels, and draws for them."""
    n, channels = draw_(st.integers(1, 4)), draw_(st.integers(1, 3))
    height, width = draw_(st.integers(1, 33)), draw_(st.integers(1, 33))
    x = torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(draw_(st.integers(0, 99)))) + 0.1
    edge, side = 2 * border(height, width), square(height, width)
    limits = (edge, edge, 1, height - side, width - side)
    return x, torch.tensor([[draw_(st.integers(0, limit)) for limit in limits] for _ in range(n)])


@settings(max_examples=60)
@given(batches())
def test_every_pixel_is_the_one_of_the_slow_hand(batch):
    x, drawn = batch
    found = augment(x, drawn)
    assert found.shape == x.shape
    assert torch.equal(found, torch.stack([by_hand(*one) for one in zip(x, drawn.tolist(), strict=True)]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_batch_is_what_torchvision_makes_of_its_images(dtype, layout):
    x = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(3), dtype=dtype).contiguous(
        memory_format=layout
    )
    drawn = draw(SPEC, 1, 64)
    expected = torch.stack([by_torchvision(*one) for one in zip(x, drawn.tolist(), strict=True)])
    found = augment(x, drawn)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert ((found == 0).flatten(1).sum(1) == 3 * 8 * 8).all()


def test_the_draws_are_those_of_torchvisions_random_transforms():
    """The same places with the same chances: crop and square are uniform over all that fit, one in two is mirrored."""
    drawn = draw(SPEC, 1, MANY)
    expected = (
        (range(9), MANY / 9),
        (range(9), MANY / 9),
        (range(2), MANY / 2),
        (range(25), MANY / 25),
        (range(25), 0),
    )
    for values, (places, often) in zip(drawn.T.tolist(), expected, strict=True):
        counts = Counter(values)
        assert set(counts) == set(places)
        assert all(abs(n - often) < 5 * often**0.5 for n in counts.values()) or not often
    image = torch.ones(1, 32, 32)
    erase = v2.RandomErasing(p=1, scale=(1 / 16, 1 / 16), ratio=(1, 1), value=0)
    corners = {tuple((erase(image)[0] == 0).nonzero()[0].tolist()) for _ in range(MANY)}
    assert {i for i, _ in corners} == {j for _, j in corners} == set(range(25))


def test_columns_are_drawn_apart():
    drawn = draw(SPEC, 1, MANY).double()
    correlations = torch.corrcoef(drawn.T) - torch.eye(5)
    assert correlations.abs().max() < 5 / MANY**0.5


def test_seeds_epochs_and_phases_have_draws_of_their_own_and_networks_have_not():
    own = draw(SPEC, 1, 100)
    again = (SPEC.replace(width=8), SPEC.replace(regime="DL"), SPEC.replace(batch_size=7), SPEC.replace(epochs=3))
    assert all(torch.equal(draw(spec, 1, 100), own) for spec in again)
    assert not torch.equal(draw(SPEC, 2, 100), own)
    assert not torch.equal(draw(SPEC.replace(seed=1), 1, 100), own)
    second = SPEC.replace(start_from={})
    assert torch.equal(draw(second, 1, 100), draw(SPEC, 1 + SPEC.epochs, 100))
    plain = draw(SPEC.replace(augmentation="crop-cutout"), 1, 100)
    assert not plain[:, 2].any()
    assert torch.equal(plain[:, :2], own[:, :2])


@given(batch=st.integers(1, 40), step=st.integers(0, 30), order=st.permutations(range(20)))
@settings(max_examples=30, deadline=None)
def test_what_happens_to_an_example_does_not_depend_on_its_batch(batch, step, order):
    spec = SPEC.replace(dataset="digits", architecture="FC", batch_size=batch)
    x = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    epoch = step // -(-20 // batch) + 1
    expected = augment(x, draw(spec, epoch, 20))
    augmenter = Augmenter(spec, 20, "cpu")
    for part in torch.tensor(order).split(batch):
        assert torch.equal(augmenter(x[part], part, step), expected[part])


def test_without_augmentation_images_are_left_alone():
    x = torch.rand(3, 1, 8, 8)
    spec = RunSpec(dataset="digits")
    assert Augmenter(spec, 3, "cpu")(x, torch.arange(3), 0) is x
