"""The learning rate of every step: where it starts, peaks and ends, and what may not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.runs.spec import RunSpec
from companion.training.schedule import learning_rate, steps_per_epoch

CONSTANT = RunSpec(learning_rate=0.3, batch_size=256, epochs=24)
TRIANGLE = CONSTANT.replace(schedule="triangle", learning_rate=0.5)
CIFAR = 50_000


def test_a_constant_rate_is_constant():
    assert {learning_rate(CONSTANT, step, CIFAR) for step in range(0, 5000, 37)} == {0.3}


def test_batches_of_an_epoch_are_counted_with_the_short_one():
    assert [steps_per_epoch(CONSTANT, n) for n in (1, 256, 257, 512, CIFAR)] == [1, 1, 2, 2, 196]


def test_the_triangle_is_davidnets():
    """From 0 to the peak at the end of epoch 5 and back to 0 at the end of epoch 24, each step by where it ends."""
    steps = 24 * steps_per_epoch(TRIANGLE, CIFAR)
    expected = np.interp(np.arange(1, steps + 1) / 196, [0, 5, 24], [0, 0.5, 0])
    found = [learning_rate(TRIANGLE, step, CIFAR) for step in range(steps)]
    assert found == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-12)
    assert (found[0] > 0, found[5 * 196 - 1], found[-1]) == (True, 0.5, 0.0)


@given(epochs=st.integers(1, 60), batch=st.integers(1, 300), examples=st.integers(1, 2000), rate=st.floats(1e-3, 10))
def test_any_triangle_rises_falls_and_ends_at_nothing(epochs, batch, examples, rate):
    spec = RunSpec(schedule="triangle", learning_rate=rate, epochs=epochs, batch_size=batch)
    rates = np.array([learning_rate(spec, s, examples) for s in range(epochs * steps_per_epoch(spec, examples))])
    top = int(rates.argmax())
    assert (rates >= 0).all()
    assert (rates <= rate * (1 + 1e-12)).all()
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top + 1 :]) < 0).all()  # the peak may lie between two steps
    assert rates[-1] == pytest.approx(0, abs=1e-9 * rate)
    assert learning_rate(spec, len(rates) + 5, examples) == 0


def test_runs_of_other_lengths_are_other_courses():
    """One that is trained for longer has another rate from the first step on: none can pass for the beginning of it."""
    assert CONSTANT.course == CONSTANT.replace(epochs=30).course
    assert TRIANGLE.course != TRIANGLE.replace(epochs=30).course
