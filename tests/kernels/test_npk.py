"""The neural path kernel against sums over paths."""

import pytest

from companion import kernels
from companion.kernels.neural_paths import bundle_features, enumerate_paths, neural_path_features, pool_mask
from companion.networks.architectures import GlobalAveragePool, GlobalMaxPool
from support.kernels import CASES, close, examples, networks_of


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
            mask = pool_mask(layer, dgn.value_trace(both, gates).z[l - 1])
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
