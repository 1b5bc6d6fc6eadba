"""The chapter of tangent and path kernels."""

from __future__ import annotations

import pytest
import torch

from companion.chapters.dgn_and_gradients import measure as theory_gradients
from companion.chapters.ntk_npk import measure as theory_kernels
from companion.render import kernels


def test_the_constant_is_the_right_one_and_not_the_printed_one():
    frame = theory_kernels.constants([(2, 2, 3), (1, 2, 4)])
    assert list(frame["measured"]) == pytest.approx(list(frame["right"]), rel=1e-10)
    assert (frame["measured"] < 0.6 * frame["printed"]).all()
    assert (frame["residual"] < 1e-10).all()


def test_own_gates_stay_away_from_the_path_kernel():
    frame = theory_kernels.plateau([16, 256], draws=6).pivot(index="case", columns="w", values="error")
    ratio = frame[256] / frame[16]
    assert ratio["independent gates, to βH"] < 0.5
    assert ratio["own gates, to the ReLU limit"] < 0.5
    assert ratio["own gates, to βH"] > 0.5
    assert frame[256]["own gates, to βH"] == pytest.approx(theory_kernels.plateau_level(), abs=0.12)


def test_errors_fall_with_the_width_for_every_architecture():
    frame = theory_kernels.convergence([16, 128], draws=12)
    assert set(frame["case"]) == set(theory_kernels.INDEPENDENT)
    exponents = theory_gradients.fitted_exponents(frame, "w", "error", "case")
    assert all(-0.8 < exponent < -0.25 for exponent in exponents.values())


def test_rates_and_matrices_are_drawn_as_they_are():
    frame = theory_kernels.plateau([8, 16], draws=1)
    exponents = theory_gradients.fitted_exponents(frame, "w", "error", "case")
    figure = kernels.power_law_figure(frame, exponents, "w", "error", "case", ("width", "distance"), ("limit", 0.5))
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "log", "width", "distance")
    assert list(ax.lines[-1].get_ydata()) == [0.5, 0.5]
    assert [list(line.get_ydata()) for line in ax.lines[:-1]] == [
        list(p["error"]) for _, p in frame.groupby("case", sort=False)
    ]

    K, limit = theory_kernels.kernel_pairs([8])[8]
    figure = kernels.matrix_figure([{"K": K, "limit": limit}], "unit")
    assert torch.equal(torch.tensor(figure.axes[0].images[0].get_array().data), K)
    assert figure.axes[-1].get_ylabel() == "unit"

    constants = theory_kernels.constants([(2, 3, 2)])
    figure = kernels.constant_figure(constants)
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [
        constants[name][0] for name in ("right", "printed", "measured")
    ]
