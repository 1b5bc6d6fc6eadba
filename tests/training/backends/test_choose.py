"""Which backend trains a run."""

from __future__ import annotations

import pytest

from companion.training.backends.choose import choose_backend
from support.laboratory import tiny

# Backends


def test_the_first_backend_that_can_is_chosen():
    assert choose_backend(tiny(optimiser="rmsprop")).name == "stacked"
    assert choose_backend(tiny(architecture="C4GAP", depth=2)).name == "planes"
    assert choose_backend(tiny(architecture="C4GAP", depth=2, precision="bfloat16")).name == "lanes"
    assert choose_backend(tiny(precision="bfloat16")).name == "stacked"
    assert choose_backend(tiny(), "reference").name == "reference"
    assert choose_backend(tiny(), device="cuda:0").name in ("cuda", "stacked")


@pytest.mark.parametrize(
    ("spec", "name", "device", "words"),
    [
        (tiny(), "jax", "cpu", ("unknown backend 'jax'", "auto, fused")),
        (
            tiny(precision="bfloat16"),
            "reference",
            "cpu",
            ("(it does not know precision bfloat16)", "valid here are stacked"),
        ),
        (
            tiny(bias=False, optimiser="rmsprop"),
            "fused",
            "cpu",
            ("without biases", "its optimisers are sgd and adam, not rmsprop", "stacked, reference"),
        ),
        (tiny(), "lanes", "cpu", ("lanes cannot train", "FC has none", "fused, stacked, reference")),
        (tiny(), "fused", "cuda", ("fused cannot train", "on cuda", "it serves cpu only")),
        (tiny(), "cuda", "cpu", ("cuda cannot train", "on cpu", "it serves cuda only")),
        (
            tiny(precision="tf32"),
            "auto",
            "cpu",
            ("in tf32 on cpu", "fused: it does not know precision tf32", "stacked: only GPUs", "valid here are none"),
        ),
        (tiny(architecture="C4GAP", depth=2, precision="tf32"), "lanes", "cpu", ("lanes cannot", "in tf32 on cpu")),
    ],
)
def test_a_backend_that_cannot_says_which_can(spec, name, device, words):
    with pytest.raises(ValueError, match="valid") as caught:
        choose_backend(spec, name, device)
    assert all(word in str(caught.value) for word in words)
