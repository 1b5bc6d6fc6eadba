"""Label noise: how many labels change, and to what."""

from __future__ import annotations

import pytest
import torch

from companion.runs.labels import noisy
from companion.runs.spec import RunSpec

LABELS = torch.arange(10).repeat(2000)


def spec(kind: str = "uniform", noise: float = 0.5, seed: int = 0, **changes) -> RunSpec:
    return RunSpec(label_noise=noise, noise_kind=kind, seed=seed, **changes)


def test_without_noise_labels_stay_what_they_are():
    assert noisy(RunSpec(), LABELS) is LABELS


@pytest.mark.parametrize(("kind", "share"), [("uniform", 0.9), ("wrong", 1.0)])
@pytest.mark.parametrize("noise", [0.25, 0.5, 1.0])
def test_a_fraction_is_drawn_anew(kind, share, noise):
    """Of labels drawn from all ten classes one in ten is its own again; of those drawn from the others none is."""
    made = noisy(spec(kind, noise), LABELS)
    changed = (made != LABELS).float().mean().item()
    assert changed == pytest.approx(noise * share, abs=0 if kind == "wrong" else 0.01)
    assert made.min() == 0
    assert made.max() == 9


def test_wrong_labels_are_uniform_among_the_other_classes():
    made = noisy(spec("wrong", 1.0), LABELS)
    for label in range(10):
        counts = torch.bincount(made[label == LABELS], minlength=10).float()
        assert counts[label] == 0
        assert (counts[counts > 0] / 2000 - 1 / 9).abs().max() < 0.03
        assert (counts > 0).sum() == 9


@pytest.mark.parametrize("kind", ["uniform", "wrong"])
def test_the_noise_of_a_seed_is_its_own_and_the_labels_given_stay(kind):
    before = LABELS.clone()
    first, again, other = noisy(spec(kind), LABELS), noisy(spec(kind), LABELS), noisy(spec(kind, seed=1), LABELS)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(LABELS, before)


def test_both_kinds_choose_the_same_examples():
    uniform, wrong = noisy(spec("uniform"), LABELS), noisy(spec("wrong"), LABELS)
    assert not ((uniform != LABELS) & (wrong == LABELS)).any()


def test_two_classes_are_exchanged():
    two = spec("wrong", 1.0, classes=(4, 7))
    assert noisy(two, torch.tensor([0, 1, 1, 0])).tolist() == [1, 0, 0, 1]
