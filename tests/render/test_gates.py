"""Statistics of gates as a frame and as a figure: what is drawn is what was computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import companion
from companion.kernels import gate_statistics
from companion.render.gates import gate_figure
from companion.verdicts.gate_frames import gate_frame


@pytest.fixture(scope="module")
def statistics():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1)).eval()
    x = torch.randn(12, 3)
    network = companion.decouple(model, x)
    return gate_statistics(network, x, torch.arange(12) % 3), gate_statistics(network, x)


def test_the_frame_has_a_row_for_each_layer_of_each_network(statistics):
    labelled, without = statistics
    frame = gate_frame({"a": labelled, "b": without})
    assert list(frame["network"]) == ["a", "a", "b", "b"]
    assert list(frame["depth"]) == [1, 2, 1, 2]
    assert list(frame["layer"]) == ["1", "3"] * 2
    assert list(frame["active"]) == [layer.active for layer in (*labelled, *without)]
    assert frame["within"].dtype == float
    assert list(frame["within"].isna()) == [False, False, True, True]
    assert list(gate_frame(labelled)["network"]) == ["", ""]


def test_the_figure_draws_the_frame(statistics):
    labelled, without = statistics
    frame = gate_frame({"trained": labelled, "at random": labelled})
    figure = gate_figure(frame)
    assert [ax.get_title() for ax in figure.axes[::2]] == ["trained, 12 examples", "at random, 12 examples"]
    for ax, columns in zip(figure.axes, [("active", "constant", "dead"), ("within", "between")] * 2, strict=True):
        assert len(ax.lines) == len(columns)
        for line, column in zip(ax.lines, columns, strict=True):
            np.testing.assert_allclose(line.get_ydata(), frame[column][:2])
        assert ax.get_ylabel().endswith("(no unit)")
    assert len(gate_figure(gate_frame(without)).axes) == 1
    assert gate_figure(gate_frame(without)).axes[0].get_title() == "12 examples"
