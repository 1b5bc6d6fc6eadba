"""The chapter of deep gated networks and their gradients."""

from __future__ import annotations

import pytest
import torch

from companion.chapters.dgn_and_gradients import measure as theory_gradients


def test_the_printed_cross_part_alone_is_not_symmetric():
    parts = theory_gradients.kernel_parts()
    torch.testing.assert_close(parts["total"], parts["value"] + parts["feature"] + parts["cross"])
    torch.testing.assert_close(parts["cross"], (parts["printed"] + parts["printed"].T) / 2)
    assert not torch.allclose(parts["printed"], parts["printed"].T, rtol=1e-3)


def test_a_step_of_descent_needs_the_feature_kernel():
    frame = theory_gradients.descent_deviations([1e-4, 1e-5])
    exponents = theory_gradients.fitted_exponents(frame, "alpha", "deviation", "case")
    alone = exponents.pop("DL, K_v alone")
    assert alone == pytest.approx(0, abs=0.1)
    assert list(exponents.values()) == pytest.approx([1, 1, 1], abs=0.1)
