"""Alignment with labels."""

import pytest
import torch

from companion import kernels


def test_label_alignment():
    y = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    assert kernels.label_alignment(torch.eye(3, dtype=torch.float64), y) == pytest.approx(9)
    H = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]], dtype=torch.float64)
    assert kernels.label_alignment(H, y) == pytest.approx(float(y @ torch.linalg.inv(H / 6) @ y))
    with pytest.raises(ValueError, match="not positive definite"):
        kernels.label_alignment(torch.ones(3, 3, dtype=torch.float64) - torch.eye(3, dtype=torch.float64), y)
