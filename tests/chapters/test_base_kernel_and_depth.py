"""The chapter on the base kernel and depth: frames against plain loops and closed forms, figures against frames."""

from __future__ import annotations

from math import acos, cos, pi, sin

import pandas as pd
import pytest
import torch

from companion.chapters.base_kernel_and_depth import measure as depth
from companion.chapters.base_kernel_and_depth.draw import (
    base_kernel_figure,
    depth_figure,
    deviation_figure,
    recursion_figure,
)


def next_angle(theta: float) -> float:
    return acos((sin(theta) + (pi - theta) * cos(theta)) / pi)


@pytest.fixture(scope="module")
def recursion() -> pd.DataFrame:
    return depth.angle_recursion([0.5, 3.0], 1000)


@pytest.fixture(scope="module")
def profile() -> pd.DataFrame:
    return depth.depth_profile([20, 400], 6, 2, n=6)


def test_fractions_and_angles_are_those_of_the_pairs() -> None:
    x = depth.on_half_circle(4)
    run = depth.random_pass(x, 30, 2, seed=3)
    fractions, theta = depth.gate_fractions(run)
    pairs = [(s, t) for s in range(4) for t in range(s + 1, 4)]
    for l, (G, z) in enumerate(zip(run.G, (x, run.z[0]), strict=True)):
        for p, (s, t) in enumerate(pairs):
            both = sum(a * b for a, b in zip(G[s].tolist(), G[t].tolist(), strict=True))
            assert float(fractions[l, p]) == pytest.approx(both / 30)
            cosine = float(z[s] @ z[t] / (z[s].norm() * z[t].norm()))
            assert cos(float(theta[l, p])) == pytest.approx(cosine, abs=1e-12)
    assert fractions.shape == theta.shape == (2, len(pairs))


def test_weights_keep_the_signals_size() -> None:
    x = depth.on_half_circle(5)
    run = depth.random_pass(x, 3000, 3, seed=0)
    assert float(run.z[-1].square().sum(1).mean()) == pytest.approx(1.0, abs=0.15)


def test_half_a_circle_has_every_angle() -> None:
    x = depth.on_half_circle(5)
    assert torch.allclose(x.norm(dim=1), torch.ones(5, dtype=torch.float64))
    assert [acos(max(-1.0, float(x[0] @ v))) for v in x[1:]] == pytest.approx([k * pi / 4 for k in range(1, 5)])


def test_lines_are_the_two_forms() -> None:
    lines = depth.base_kernel_lines(3)
    assert lines["angle"].to_list() == pytest.approx([0, pi / 2, pi])
    assert lines["corrected"].to_list() == pytest.approx([0.5, 0.25, 0.0])
    assert lines["printed"].to_list() == pytest.approx([0.5, 0.5 - pi / 2, 0.5 - pi])


def test_points_lie_on_the_corrected_line_only() -> None:
    points = depth.base_kernel_points(2000, n=9)
    assert points.groupby("layer").size().to_list() == [36] * 3
    assert (points["fraction"] - (0.5 - points["angle"] / (2 * pi))).abs().max() < 0.05
    assert (points["fraction"] - (0.5 - points["angle"])).abs().max() > 1


def test_deviations_fall_like_those_of_an_average() -> None:
    found = depth.deviations([25, 100, 400], 6)
    assert found.groupby("width").size().to_dict() == {25: 6, 100: 6, 400: 6}
    assert found.groupby("width")["deviation"].nunique().to_list() == [6] * 3
    means = depth.mean_deviations(found)
    assert depth.fitted_slope(means) == pytest.approx(-0.5, abs=0.15)


def test_the_fit_finds_the_exponent_of_a_power_law() -> None:
    made_up = pd.DataFrame([(w, k, (1 + 0.1 * k) * w**-0.7) for w in (10, 50, 90) for k in (-1, 0, 1)])
    made_up.columns = ["width", "draw", "deviation"]
    assert depth.fitted_slope(depth.mean_deviations(made_up)) == pytest.approx(-0.7)


def test_the_recursion_follows_the_arc_cosine(recursion: pd.DataFrame) -> None:
    table = recursion.pivot(index="layer", columns="start", values="angle")
    for start in (0.5, 3.0):
        theta = start
        for layer in range(1, 11):
            theta = next_angle(theta)
            if layer in table.index:
                assert table.loc[layer, start] == pytest.approx(theta, abs=1e-9)
    assert {1, 2, 3, 1000} <= set(table.index)
    assert (table.diff().dropna() < 0).all(axis=None)
    last = recursion[recursion["layer"] == 1000]
    assert (last["asymptote"] == 3 * pi / 1000).all()
    assert (last["angle"] / last["asymptote"]).between(0.95, 1).all()


def test_the_profile_ends_with_the_recursion_and_nears_it_with_width(profile: pd.DataFrame) -> None:
    assert list(dict.fromkeys(profile["width"])) == ["20", "400", depth.INFINITE]
    assert profile.groupby("width").size().to_dict() == {"20": 12, "400": 12, depth.INFINITE: 6}
    means = profile.groupby(["width", "layer"])["fraction"].mean().unstack("width")
    gap = means.sub(means[depth.INFINITE], axis=0).abs().max()
    assert gap["400"] < gap["20"]
    assert gap["400"] < 0.05
    assert means[depth.INFINITE].is_monotonic_increasing


def test_the_infinite_profile_is_the_mean_over_pairs(profile: pd.DataFrame) -> None:
    x = depth.examples(depth.fully_connected((8,), 1, 2, bias=False), 6, 0)
    unit = x / x.norm(dim=1, keepdim=True)
    theta = [acos(float(unit[s] @ unit[t])) for s in range(6) for t in range(s + 1, 6)]
    for fraction in profile.loc[profile["width"] == depth.INFINITE, "fraction"]:
        assert fraction == pytest.approx(sum(0.5 - a / (2 * pi) for a in theta) / len(theta))
        theta = [next_angle(a) for a in theta]


def test_figures_show_their_frames(recursion: pd.DataFrame, profile: pd.DataFrame) -> None:
    points, lines = depth.base_kernel_points(20, n=5), depth.base_kernel_lines(5)
    (ax,) = base_kernel_figure(points, lines).axes
    assert list(ax.lines[0].get_ydata()) == lines["corrected"].to_list()
    assert list(ax.lines[1].get_ydata()) == lines["printed"].to_list()
    assert [y for line in ax.lines[2:] for y in line.get_ydata()] == points["fraction"].to_list()

    found = depth.deviations([10, 40], 2)
    means = depth.mean_deviations(found)
    (ax,) = deviation_figure(found, means, -0.48).axes
    assert list(ax.lines[0].get_ydata()) == found["deviation"].to_list()
    assert list(ax.lines[1].get_ydata()) == means.to_list()
    assert "slope -0.48" in ax.lines[1].get_label()

    (ax,) = recursion_figure(recursion).axes
    assert [line.get_label() for line in ax.lines] == [r"$\theta_0$ = 0.50", r"$\theta_0$ = 3.00", r"$3\pi / l$"]
    assert ax.get_xscale() == ax.get_yscale() == "log"

    (ax,) = depth_figure(profile).axes
    drawn = [y for line in ax.lines[:-1] for y in line.get_ydata()]
    assert drawn == profile["fraction"].to_list()
    assert list(ax.lines[-1].get_ydata()) == [0.5, 0.5]
    for label in (ax.get_xlabel(), ax.get_ylabel()):
        assert "$" in label
