"""The chapter of neural paths and gates."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from companion.chapters.dgn_and_gradients.draw import dgn_figure
from companion.chapters.paths_and_gates import draw
from companion.chapters.paths_and_gates import measure as theory_paths
from companion.networks.forward import forward
from companion.statements.oracles.cases import FC, RESNET


@pytest.mark.parametrize(("s", "t"), [(0, 1), (2, 4)])
def test_active_paths_are_those_with_a_feature(s: int, t: int):
    one, other, both = theory_paths.active_networks(s, t)
    phi = FC.features()
    assert (one.active, other.active) == (int((phi[s] != 0).sum()), int((phi[t] != 0).sum()))
    assert both.active == int(((phi[s] * phi[t]) != 0).sum())
    for network in (one, other, both):
        assert all(sum(edges.values()) == network.active for edges in network.edges)
        assert all(network.on[l][i] for l, edges in enumerate(network.edges) for i, _ in edges)


def test_an_example_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="from 0 to 4, not 7"):
        theory_paths.active_networks(0, 7)


def test_bundles_hold_all_paths_and_follow_their_taps():
    found = theory_paths.bundles([0.3, -1.0, 2.0])
    assert [len(bundle.positions) for bundle in found] == [3] * 8
    assert len({bundle.taps for bundle in found}) == 8
    for bundle in found:
        for path in bundle.positions:
            assert all((a - b) % 3 == tap for a, b, tap in zip(path, path[1:], bundle.taps, strict=False))
        assert max(bundle.activity["average"]) <= 1 / 3
        assert set(bundle.activity["maximum"]) <= {0.0, 1.0}


def test_the_cartoon_has_24_paths_in_8_bundles_of_3_and_counts_what_is_open():
    x = [0.3, -1.0, 2.0]
    average, maximum, turned = theory_paths.cartoons(x)
    parts = theory_paths.bundles(x)
    for one, pool in ((average, "average"), (maximum, "maximum"), (turned, "maximum")):
        assert (one.paths, one.bundles, one.shared) == (24, 8, (3,) * 8)
        assert one.open == sum(a > 0 for part in parts for a in part.activity[pool])
        assert len(one.edges) == 3 * 3 * 2  # layers, positions, taps: as many as weights, each at every position
        assert all((start - end) % 3 == tap for _, start, end, tap in one.edges)
        assert one.active < one.edges
        assert all(one.on[l][end] for l, _, end, _ in one.active)
    assert (average.open, maximum.open) == (16, 6)
    assert average.mask == (1 / 3,) * 3
    assert sorted(maximum.mask) == [0, 0, 1]


def test_the_cartoon_computes_what_the_network_does_by_hand():
    one, other, turned = theory_paths.cartoons([0.3, -1.0, 2.0])
    z = [0.3, -1.0, 2.0]
    for l, taps in enumerate(((1, -0.5), (1, 0.5), (1, 0.5))):
        q = [taps[0] * z[i] + taps[1] * z[(i + 1) % 3] for i in range(3)]
        assert one.q[l] == other.q[l] == pytest.approx(q)
        assert one.on[l] == tuple(value > 0 for value in q)
        assert turned.q[l] == pytest.approx([*q[1:], *q[:1]])
        z = [max(value, 0) for value in q]
    assert one.output == pytest.approx(sum(z) / 3)
    assert [other.output, turned.output] == pytest.approx([max(z)] * 2)


def test_the_sub_networks_add_up_to_the_residual_network():
    found = theory_paths.residual_subnetworks(1)
    output = forward(RESNET.architecture, RESNET.theta, RESNET.x)[1, 0]
    assert sum(part.output for part in found) == pytest.approx(float(output), rel=1e-10)
    assert sum(part.paths for part in found) == len(RESNET.paths)


def test_paths_by_formula_and_by_counting_agree():
    assert set(theory_paths.count_table().frame["equal"]) == {"yes"}


def test_figures_draw_what_they_are_given():
    networks = theory_paths.active_networks()
    figure = draw.active_figure(networks)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [f"{n.title}: {n.active} of {n.paths} paths active" for n in networks]
    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)

    bundles = theory_paths.bundles([1.0, -2.0, 0.5, 3.0])
    figure = draw.bundle_figure(bundles)
    dotted = sum(line.get_linestyle() == ":" for ax in figure.axes for line in ax.lines)
    assert dotted == sum(not a for bundle in bundles for pool in bundle.activity.values() for a in pool)
    paths = [[line.get_color() for line in ax.lines if len(line.get_xdata()) == 5] for ax in figure.axes]
    assert [len(colours) for colours in paths] == [4] * 16  # one line each for its four paths
    assert all(len(set(colours)) == 1 for colours in paths)
    assert len({colours[0] for colours in paths}) == 8

    cartoons = theory_paths.cartoons([1.5, -2.0, 0.5])
    figure = draw.cartoon_figure(cartoons)
    assert [ax.get_title() for ax in figure.axes] == [
        f"{one.title}: 24 paths in 8 bundles of 3, {one.open} active" for one in cartoons
    ]
    for ax, one in zip(figure.axes, cartoons, strict=True):
        drawn = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_color() in draw.TAPS]
        assert len({line.get_color() for line in drawn}) == 2
        assert sum(line.get_linestyle() == "-" for line in drawn) == len(one.active)
        assert sum(line.get_linestyle() == ":" for line in drawn) == len(one.edges) - len(one.active)
        gates = [text.get_text() for text in ax.texts if text.get_text() in ("0", "1")]
        assert [gate == "1" for gate in gates] == [on for layer in one.on for on in layer]

    figure = draw.subnetwork_figure(theory_paths.residual_subnetworks())
    assert sum("paths" in text.get_text() for text in figure.axes[0].texts) == 4
    figure = dgn_figure((1, 0))
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == [
        "gates layer by layer, one input",
        "gates permuted, an input for each network",
    ]
    assert not plt.get_fignums()
