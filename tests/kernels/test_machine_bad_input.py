"""What no kernel machine can be made of, without the checks of shapes that run beside the other tests."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import pytest

from companion.kernels.machine import KernelMachine, choose_machine
from support.machines import linear, problem


@pytest.fixture(autouse=True)
def as_a_user_does() -> Iterator[None]:
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("ridge", [0, -1.0, float("nan"), float("inf"), "small"])
def test_a_ridge_is_a_positive_number(ridge):
    x, labels = problem()
    with pytest.raises(ValueError, match="ridge must be a positive number, not"):
        KernelMachine.fit(linear, x, labels, ridge=ridge, classes=3)


def test_labels_fit_the_examples():
    x, labels = problem()
    with pytest.raises(ValueError, match="60 examples need as many labels"):
        KernelMachine.fit(linear, x, labels[:-1], ridge=0.1, classes=3)
    with pytest.raises(ValueError, match="labels must be from 0 to 1, and some are not"):
        KernelMachine.fit(linear, x, labels, ridge=0.1, classes=2)
    with pytest.raises(ValueError, match="at least one kernel and one ridge"):
        choose_machine([], x, labels, x, labels, classes=3)


def test_new_examples_are_like_those_it_was_fitted_to():
    x, labels = problem()
    machine = KernelMachine.fit(linear, x, labels, ridge=0.1, classes=3)
    with pytest.raises(TypeError, match="one precision"):
        machine.outputs(x.float())
    with pytest.raises(ValueError, match="shape"):
        machine.outputs(x[:, :2])
