"""Comparisons, and the helpers of checks."""

import pytest
import torch

import companion.statements
from companion.networks.forward import trace
from companion.statements.check import count, differ, equal, near, slope
from companion.statements.forward_pass import rotate
from companion.statements.oracles import widths
from companion.statements.path_kernel import paths_active_for_both


@pytest.mark.parametrize("exponent", [-0.25, -1.0])
def test_a_rate_with_another_exponent_fails(exponent):
    def pair(w: int, seed: int) -> widths.Pair:
        limit = torch.ones(2, 2, dtype=torch.float64)
        return limit * (1 + w**exponent), limit

    (check,) = widths.rate("C-Eq2", "made up", pair, (8, 16, 32), 1)
    assert check.measured == pytest.approx(exponent)
    assert not check.passed


def test_comparisons_refuse_to_compare_nothing():
    one, zero = torch.ones(2), torch.zeros(2)
    with pytest.raises(ArithmeticError, match="zeros are expected"):
        equal("X", "nothing", one, zero)
    with pytest.raises(ArithmeticError, match="shapes"):
        equal("X", "shape", one, torch.ones(3))
    with pytest.raises(ArithmeticError, match="not finite"):
        equal("X", "nan", one * float("nan"), one, form="printed")
    assert equal("X", "zero", zero, zero, scale=1.0).passed
    assert not equal("X", "off", one * 1.1, one).passed
    assert equal("X", "off", one * 1.1, one, form="printed").passed
    assert count("X", "three", 3, 3).passed
    assert not count("X", "three", 3, 4).passed
    assert near("X", "half", 0.52, 0.5, 0.03).passed
    assert not differ("X", "same", one, one).passed
    assert slope([1.0, 10.0, 100.0], [2.0, 0.2, 0.02]) == pytest.approx(-1)


def test_rotation_moves_positions_to_the_left():
    assert rotate(torch.tensor([0.0, 1.0, 2.0, 3.0]), 1).tolist() == [1, 2, 3, 0]


def test_paths_active_for_both_are_counted_with_any_gates():
    case = companion.statements.oracles.cases.FC
    open_gates = [torch.ones_like(G) for G in trace(case.architecture, case.theta, case.x).G]
    assert paths_active_for_both(case, open_gates).unique().tolist() == [27.0]
