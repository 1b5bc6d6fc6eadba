"""Kernel machines against ridge regression written out, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.kernels import machine as machines
from companion.kernels.machine import RIDGES, KernelMachine, choose_machine, gaussian_kernel, median_distance
from support.machines import linear, problem


@given(st.integers(0, 10_000), st.floats(1e-3, 10), st.integers(4, 30))
def test_outputs_are_those_of_ridge_regression_on_the_weights(seed, ridge, n):
    x, labels = problem(n, seed)
    penalty = ridge * float((x * x).sum(1).mean())
    targets = torch.nn.functional.one_hot(labels, 3).double() - 1 / 3
    weights = torch.linalg.solve(x.T @ x + penalty * torch.eye(5, dtype=torch.float64), x.T @ targets)
    new = problem(7, seed + 1)[0]
    found = KernelMachine.fit(linear, x, labels, ridge=ridge, classes=3).outputs(new)
    torch.testing.assert_close(found, new @ weights + 1 / 3, rtol=1e-8, atol=1e-10)


def test_parts_of_the_examples_are_classified_alike(monkeypatch):
    x, labels = problem()
    machine = KernelMachine.fit(linear, x, labels, ridge=0.1, classes=3)
    whole = machine.outputs(x)
    monkeypatch.setattr(machines, "BLOCK", 7)
    torch.testing.assert_close(machine.outputs(x), whole)
    assert machine.accuracy(x, labels) == 100 * float((whole.argmax(1) == labels).double().mean())


def test_the_best_on_what_was_held_out_is_chosen():
    x, labels = problem()
    held, held_labels = problem(300, 1)
    kernels = [linear, gaussian_kernel(0.01), gaussian_kernel(3.0)]
    ridges = (1e-3, 0.1, 10.0)
    found = choose_machine(kernels, x, labels, held, held_labels, classes=3, ridges=ridges)
    scores = {
        (k, r): KernelMachine.fit(k, x, labels, ridge=r, classes=3).accuracy(held, held_labels)
        for k in kernels
        for r in ridges
    }
    best = max(scores.values())
    assert scores[found.kernel, found.ridge] == best
    assert found.ridge == max(r for (k, r), score in scores.items() if score == best and k is found.kernel)
    assert kernels[1] is not found.kernel


def test_of_ridges_that_are_as_good_the_largest_is_taken():
    x = torch.eye(3, dtype=torch.float64).repeat(4, 1)
    labels = torch.arange(12) % 3
    assert choose_machine([linear], x, labels, x, labels, classes=3).ridge == max(RIDGES)


def test_many_examples_take_the_ridge_that_the_first_ones_chose(monkeypatch):
    x, labels = problem(200)
    held, held_labels = problem(100, 1)
    monkeypatch.setattr(machines, "CHOSEN_ON", 40)
    few = choose_machine([linear], x[:40], labels[:40], held, held_labels, classes=3)
    found = choose_machine([linear], x, labels, held, held_labels, classes=3)
    assert found.ridge == few.ridge
    same = KernelMachine.fit(linear, x, labels, ridge=few.ridge, classes=3)
    torch.testing.assert_close(found.coefficients, same.coefficients)


def test_what_is_not_positive_definite_is_left_out_or_refused():
    x, labels = problem()

    def negative(a, b=None):
        return -linear(a, b)

    with pytest.raises(ValueError, match=r"the kernel is not positive definite with ridge 0\.1"):
        KernelMachine.fit(negative, x, labels, ridge=0.1, classes=3)
    with pytest.raises(ValueError, match=r"no kernel is positive definite with a ridge of 0\.1, 1"):
        choose_machine([negative], x, labels, x, labels, classes=3, ridges=(0.1, 1.0))
    assert choose_machine([negative, linear], x, labels, x, labels, classes=3).kernel is linear
    nothing = torch.zeros_like(x)
    with pytest.raises(ValueError, match="not positive definite"):
        KernelMachine.fit(linear, nothing, labels, ridge=0.1, classes=3)


def test_the_gaussian_kernel():
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    expected = torch.exp(-torch.cdist(x.flatten(1), x.flatten(1)).square() / (2 * 1.5**2))
    torch.testing.assert_close(gaussian_kernel(1.5)(x, None), expected)
    torch.testing.assert_close(gaussian_kernel(1.5)(x[:2], x), expected[:2])
    with pytest.raises(ValueError, match="width must be a positive number"):
        gaussian_kernel(0.0)
    assert median_distance(x) == pytest.approx(float(torch.pdist(x.flatten(1)).median()))
    with pytest.raises(ValueError, match="at least two examples, not 1"):
        median_distance(x[:1])
