"""How weights move: what the fields of a run's optimisation may be."""

from __future__ import annotations

import pytest

from companion.runs.fields import SpecError
from companion.runs.spec import RunSpec


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"augmentation": "flip"}, ("crop-flip-cutout", "crop-cutout")),
        ({"schedule": "cosine"}, ("constant", "triangle")),
        ({"momentum": 1}, ("at least 0 and below 1",)),
        ({"momentum": 0.9, "optimiser": "adam"}, ("optimiser sgd", "leave it at 0.0")),
        ({"nesterov": True}, ("no effect without momentum",)),
        ({"weight_decay": -1e-4}, ("at least 0",)),
    ],
    ids=str,
)
def test_a_bad_value_is_answered_by_one_sentence_that_says_what_is_valid(fields, words):
    with pytest.raises(SpecError) as caught:
        RunSpec.from_dict(fields)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_momentum_goes_up_to_one():
    assert RunSpec(momentum=0.999999).momentum == 0.999999
    assert RunSpec(momentum=0).key == RunSpec().key
