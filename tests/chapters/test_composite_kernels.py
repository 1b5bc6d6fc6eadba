"""The chapter on composite kernels: its frames say what is true, notice what is false, and its figures show them."""

from __future__ import annotations

from itertools import count, permutations

import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb

from companion.chapters.composite_kernels import measure as composite
from companion.chapters.composite_kernels.draw import kernel_figure, permutation_figure, rotation_figure
from companion.networks.architectures import Architecture
from companion.networks.families import circular_cnn
from companion.networks.forward import trace
from companion.statements.oracles.cases import draw, examples

SIZES = [(4, 2, 1, 2, 2), (5, 3, 2, 1, 1)]


@pytest.fixture(scope="module")
def changes() -> pd.DataFrame:
    return composite.permutation_changes(2, d_in=5, w=4, layers=3, n=4)


@pytest.fixture(scope="module")
def profile() -> pd.DataFrame:
    return composite.rotation_profile(d_in=6, w=8, n=5)


@pytest.fixture(scope="module")
def factors() -> pd.DataFrame:
    return composite.pool_factor(SIZES)


def test_relative_change_is_that_of_the_norm() -> None:
    H = torch.eye(4, dtype=torch.float64)
    assert composite.relative_change(1.5 * H, H) == pytest.approx(0.5)
    assert composite.relative_change(H, H) == 0


def test_no_example_is_lost_and_the_seed_is_all_that_counts() -> None:
    network = circular_cnn(3, 2, 2, 2, 2)
    moved = set()
    for seed in range(0, 30, 2):
        x, gates = composite.gated_examples(network, 3, seed)
        first = next(other for other in count(seed, 2) if _all_alive(network, other))
        moved.add(first != seed)
        assert torch.equal(x, examples(network, 3, first))
        run = trace(network, draw(network, first + 1, 1.0), x)
        assert all(torch.equal(a, b) for a, b in zip(gates, run.G, strict=True))
    assert moved == {True, False}, "the test needs seeds of both sorts"


def _all_alive(network: Architecture, seed: int) -> bool:
    output = trace(network, draw(network, seed + 1, 1.0), examples(network, 3, seed)).output
    return bool((output != 0).all())


def test_every_order_but_the_identity_is_tried_in_every_draw(changes: pd.DataFrame) -> None:
    orders = {" ".join(map(str, order)) for order in permutations(range(3))} - {"0 1 2"}
    groups = changes.groupby(["network", "draw"])["order"].agg(set)
    assert len(groups) == 5 * 2
    assert all(found == orders for found in groups)
    assert len(changes) == len(groups) * len(orders)
    again = composite.permutation_changes(2, d_in=5, w=4, layers=3, n=4)
    pd.testing.assert_frame_equal(changes, again)


def test_layers_change_places_freely_only_where_nothing_is_between_them(changes: pd.DataFrame) -> None:
    largest = composite.permutation_summary(changes)["largest"]
    free = ["fully connected", "convolutional, 1 tap"]
    assert (largest[free] < 1e-12).all()
    assert (largest.drop(free) > 0.01).all()
    assert len(largest) == 5


def test_the_summary_is_that_of_the_changes() -> None:
    made_up = pd.DataFrame(
        {"network": ["b", "b", "b", "a"], "draw": 0, "order": "1 0", "change": [0.1, 0.3, 0.226, 1e-16]}
    )
    summary = composite.permutation_summary(made_up)
    assert summary.to_dict("index") == {
        "b": {"orders": 3, "median": 0.226, "largest": 0.3},
        "a": {"orders": 1, "median": 1e-16, "largest": 1e-16},
    }
    frame = composite.permutation_table(summary).frame
    assert frame["median change"].to_list() == ["23 %", "0 (< 1e-10)"]
    assert frame["largest change"].to_list() == ["30 %", "0 (< 1e-10)"]


def test_only_the_pooled_convolution_takes_a_rotated_example_for_the_same(profile: pd.DataFrame) -> None:
    likeness = profile.pivot(index="rotation", columns="kernel", values="likeness")
    assert list(likeness.index) == list(range(6))
    pooled = "path kernel, convolutional with average pool"
    torch.testing.assert_close(torch.tensor(likeness[pooled].to_numpy()), torch.ones(6, dtype=torch.float64))
    others = likeness.drop(columns=pooled)
    assert others.shape[1] == 2
    assert (others.loc[0] - 1).abs().max() < 1e-12
    assert others.loc[1:].max().max() < 0.9


def test_the_pool_counts_once(factors: pd.DataFrame) -> None:
    assert len(factors) == 2 * len(SIZES)
    expected = factors["d_in"].where(factors["mask"], 1) ** 2
    assert (factors["multiple"] / expected - 1).abs().max() < 1e-10
    assert factors["residual"].max() < 1e-10


def test_a_wrong_constant_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    right = composite.beta_cnn
    monkeypatch.setattr(composite, "beta_cnn", lambda *sizes: 2 * right(*sizes))
    (one, _) = composite.pool_factor(SIZES[1:])["multiple"]
    assert one == pytest.approx(0.5)


def test_a_kernel_that_is_no_multiple_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    right = composite.npk_from_gates
    monkeypatch.setattr(composite, "npk_from_gates", lambda *a, **k: right(*a, **k) ** 2)
    assert composite.pool_factor(SIZES[1:])["residual"].min() > 1e-3


def test_the_pool_table_is_rounded(factors: pd.DataFrame) -> None:
    frame = composite.pool_table(factors).frame
    assert frame["E[K_v] / (beta H)"].to_list() == ["1.000000", "16.000000", "1.000000", "25.000000"]
    assert frame["d_in²"].to_list() == [16, 16, 25, 25]
    assert set(frame["largest deviation from one multiple"]) == {"< 1e-10"}


def test_the_figure_of_permutations_has_a_dot_for_each_change(changes: pd.DataFrame) -> None:
    medians = composite.permutation_summary(changes)["median"]
    (ax,) = (figure := permutation_figure(changes, medians)).axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    drawn = [float(x) for line in dots for x in line.get_xdata()]
    assert drawn == pytest.approx((100 * changes["change"]).to_list())
    assert [label.get_text() for label in ax.get_yticklabels()] == list(medians.index)
    assert "[%]" in ax.get_xlabel()
    assert to_rgb(figure.get_facecolor()) == (1, 1, 1)


def test_the_figure_of_rotations_has_a_line_for_each_kernel(profile: pd.DataFrame) -> None:
    (ax,) = rotation_figure(profile).axes
    for line, (kernel, mine) in zip(ax.lines, profile.groupby("kernel", sort=False), strict=True):
        assert line.get_label() == kernel
        assert list(line.get_ydata()) == mine["likeness"].to_list()
    assert "[positions]" in ax.get_xlabel()


@pytest.mark.parametrize("many", [1, 3, 7])
def test_the_figure_of_kernels_has_one_scale(many: int) -> None:
    kernels = {f"kernel {k}": (k + 1) * torch.eye(3, dtype=torch.float64) for k in range(many)}
    panels = [ax for ax in kernel_figure(kernels).axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == list(kernels)
    for ax, K in zip(panels, kernels.values(), strict=True):
        (image,) = ax.images
        assert image.get_clim() == (-many, many)
        assert (image.get_array() == K.numpy()).all()
