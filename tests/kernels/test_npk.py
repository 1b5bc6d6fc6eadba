"""The neural path kernel against sums over paths."""

import pytest
import torch

from companion import kernels
from companion.kernels.neural_paths import bundle_features, enumerate_paths, neural_path_features, pool_mask
from companion.networks.architectures import (
    Architecture,
    CircularConv,
    Conv,
    Dense,
    GlobalAveragePool,
    GlobalMaxPool,
    Skip,
)
from support.kernels import CASES, close, draw, examples, networks_of


@pytest.mark.parametrize("pool_factor", [False, True], ids=["gates", "pool-factor"])
@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if "classes" not in case[0]], ids=lambda value: value
)
def test_npk_equals_the_sum_over_paths(name, kind, pool_factor):
    dgn = networks_of(name)[kind]
    network, paths = dgn.architecture, enumerate_paths(dgn.architecture)
    both = examples(network, 8, 1)
    gates = dgn.gates(both)
    mask = None
    for l, layer in enumerate(network.layers):
        if isinstance(layer, GlobalMaxPool) or (isinstance(layer, GlobalAveragePool) and pool_factor):
            mask = pool_mask(layer, dgn.value_trace(both, gates).z[l - 1] if l else dgn.value_input(both))
    phi = bundle_features(neural_path_features(paths, dgn.value_input(both), gates, mask), paths.bundles())
    H = phi @ phi.T
    assert H.abs().max() > 0
    kernel = kernels.npk(dgn, pool_factor=pool_factor)
    close(kernel(both[:5]), H[:5, :5])
    close(kernel(both[:5], both[5:]), H[:5, 5:])


@pytest.mark.parametrize(
    ("name", "choices"),
    [("fc", 5**3), ("circular-average", (2 * 3) ** 2 * 3), ("conv-average", (9 * 3) * (9 * 2) * 2)],
)
def test_normalised_npk_divides_by_the_choices_of_a_path(name, choices):
    dgn = networks_of(name)["relu"]
    x = examples(dgn.architecture, 4, 1)
    close(kernels.npk(dgn, normalise=True)(x), kernels.npk(dgn)(x) / choices)


def test_npk_of_subnetworks_adds_up():
    dgn = networks_of("skips")["relu"]
    x = examples(dgn.architecture, 4, 1)
    parts = kernels.npk_of_subnetworks(dgn.architecture, x, dgn.gates(x))
    assert set(parts) == {(), (1,), (2,), (1, 2)}
    close(sum(parts.values()), kernels.npk(dgn)(x))


@pytest.mark.parametrize(
    "block", [(Conv(2),), (CircularConv(2, 3),), (Skip((CircularConv(2, 3),)),)], ids=["conv", "circular", "within"]
)
def test_skips_over_convolutions_are_refused_wherever_they_are(block):
    """They were left out, without a word, where the convolution is circular."""
    circular = not isinstance(block[0], Conv)
    first, shape = (CircularConv(2, 2), (1, 4)) if circular else (Conv(2), (1, 4, 4))
    network = Architecture(shape, (first, Skip(block), GlobalAveragePool(), Dense(2)), 1, False)
    theta, x = draw(network, 1), examples(network, 3, 1)
    gates = [torch.ones(3, *gate, dtype=torch.float64) for gate in network.gate_shapes()]
    for ask in (
        lambda: kernels.relu_network(network, theta),
        lambda: kernels.npk_from_gates(network, x, gates),
    ):
        with pytest.raises(ValueError, match=r"skips over dense layers, not for .* skips over convolutions"):
            ask()
