"""The oracle itself: outputs from paths equal outputs of the network, and counts equal formulas."""

from dataclasses import replace

import pytest
import torch

from companion.kernels.neural_paths import (
    activity,
    bundle_features,
    bundle_values,
    count_paths,
    enumerate_paths,
    neural_path_features,
    neural_path_values,
    pool_mask,
)
from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    Flatten,
    GlobalAveragePool,
    GlobalMaxPool,
)
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.forward import trace
from companion.networks.gates import HardGate, SoftGate
from companion.networks.initialise import initialise

NETWORKS = {
    "fully connected": fully_connected((4,), 3, 4, bias=False),
    "image, fully connected": fully_connected((1, 2, 2), 3, 3, bias=False),
    "circular, average pool": circular_cnn(5, 2, 3, 2, 2),
    "circular, maximum pool": circular_cnn(5, 2, 3, 2, 2, GlobalMaxPool()),
    "circular, pool last": circular_cnn(4, 3, 2, 2, 1),
    "two-dimensional, average pool": Architecture((2, 3, 4), (Conv(2), Conv(2), GlobalAveragePool()), 1, False),
    "two-dimensional, maximum pool": Architecture((1, 3, 3), (Conv(2), GlobalMaxPool(), Dense(3)), 1, False),
    "two-dimensional, flattened": Architecture((1, 3, 2), (Conv(2), Conv(2), Flatten(), Dense(2)), 1, False),
    "one skip": residual(2, 3, 2, (0.5,), (1.5,)),
    "two skips": residual(3, 2, 2, (0.5, 2.0), (1.5, 0.7)),
}


def draw(network: Architecture, seed: int = 0) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    theta = initialise(network, generator, "normal", 1.0, torch.float64)
    return theta, torch.randn(40, *network.input_shape, generator=generator, dtype=torch.float64)


def mask_of(network: Architecture, run: object) -> torch.Tensor | None:
    for l, layer in enumerate(network.layers):
        if isinstance(layer, GlobalAveragePool | GlobalMaxPool):
            return pool_mask(layer, run.z[l - 1])
    return None


@pytest.mark.parametrize("gate", [HardGate(), SoftGate(4.0, 0.1)], ids=["hard", "soft"])
@pytest.mark.parametrize("name", NETWORKS)
def test_output_is_the_inner_product_of_features_and_values(name, gate):
    network = NETWORKS[name]
    theta, x = draw(network, seed=1)
    run, paths = trace(network, theta, x, gate=gate), enumerate_paths(network)
    phi, v = neural_path_features(paths, x, run.G, mask_of(network, run)), neural_path_values(paths, theta)
    bundles = paths.bundles()
    assert run.output.abs().max() > 1e-6
    torch.testing.assert_close(phi @ v, run.output[:, 0])
    torch.testing.assert_close(bundle_features(phi, bundles) @ bundle_values(v, bundles), run.output[:, 0])
    scaled = replace(network, output_scale=0.125)
    v = neural_path_values(enumerate_paths(scaled), theta)
    torch.testing.assert_close(phi @ v, trace(scaled, theta, x, gate=gate).output[:, 0])


@pytest.mark.parametrize("name", NETWORKS)
def test_count_equals_enumeration(name):
    paths = enumerate_paths(NETWORKS[name])
    assert count_paths(NETWORKS[name]) == len(paths)
    assert len(torch.stack((paths.source, *paths.units), dim=1).unique(dim=0)) == len(paths)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (fully_connected((4,), 3, 4, bias=False), 108),
        (circular_cnn(5, 2, 3, 2, 2), 540),
        (residual(2, 2, 1, (1.0, 1.0), (1.0, 1.0)), 36),
        (residual(3, 2, 2, (1.0, 1.0), (1.0, 1.0)), 600),
        (residual(2, 3, 2, (1.0,), (1.0,)), 540),
        (fully_connected((784,), 128, 6, bias=False), 784 * 128**5),
        (fully_connected((784,), 128, 12, bias=False), 784 * 128**11),
    ],
)
def test_counts_are_those_of_the_papers(network, count):
    assert count_paths(network) == count


def test_too_many_paths_are_refused_with_count_and_limit():
    with pytest.raises(ValueError, match=r"108 paths, more than the limit of 100"):
        enumerate_paths(NETWORKS["fully connected"], limit=100)
    assert len(enumerate_paths(NETWORKS["fully connected"], limit=108)) == 108


def test_several_outputs_are_refused():
    with pytest.raises(ValueError, match="classes=1, not 2"):
        count_paths(fully_connected((4,), 3, 3, classes=2, bias=False))


def test_bundles_of_shared_weights_have_one_path_per_position():
    bundles = enumerate_paths(circular_cnn(5, 2, 3, 2, 2)).bundles()
    assert torch.bincount(bundles).tolist() == [5] * 108
    assert len(enumerate_paths(circular_cnn(5, 2, 3, 2, 2)).bundles(2).unique()) == 36


def test_paths_through_a_block_and_past_it():
    paths = enumerate_paths(residual(2, 3, 1, (0.5,), (4.0,)))
    (through,) = paths.through
    assert through.sum() == 2 * 3 * 3
    assert (~through).sum() == 2 * 3
    assert paths.scale[through].unique().tolist() == [2.0]
    assert paths.scale[~through].unique().tolist() == [4.0]
    assert (paths.units[1] == -1).equal(~through)


def test_maximum_mask_marks_one_position_per_channel_and_average_mask_weighs_all():
    z = torch.tensor([[[1.0, 3.0, 3.0], [0.0, 0.0, 0.0]]])
    assert pool_mask(GlobalMaxPool(), z).tolist() == [[[0, 1, 0], [1, 0, 0]]]
    assert pool_mask(GlobalAveragePool(), z).tolist() == [[[pytest.approx(1 / 3)] * 3] * 2]


def test_wrong_gates_and_masks_are_refused():
    network = NETWORKS["fully connected"]
    theta, x = draw(network)
    gates, paths = trace(network, theta, x).G, enumerate_paths(network)
    with pytest.raises(ValueError, match="3 gated layers need as many gates, not 2"):
        activity(paths, gates[:2])
    with pytest.raises(ValueError, match="does not pool"):
        activity(paths, gates, torch.ones(40, 3, 2))


def test_theory_factories_refuse_what_is_no_network():
    with pytest.raises(ValueError, match="at least 1, not 2 and 0"):
        circular_cnn(5, 2, 3, 2, 0)
    with pytest.raises(ValueError, match="one pre and one post"):
        residual(3, 2, 1, (1.0,), (1.0, 1.0))
    with pytest.raises(ValueError, match="at least one weight layer"):
        residual(3, 2, 0, (), ())
    assert circular_cnn(5, 2, 3, 2, 2).layers[0] == CircularConv(3, 2)
