"""Every fast kernel against its slow oracle: enumerated paths for the NPK, differentiated networks for the NTK."""

import doctest
import importlib
from math import pi

import pytest
import torch

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network, tiled
from companion.kernels.layers import WeightLayerKernel
from companion.kernels.neural_paths import bundle_features, enumerate_paths, neural_path_features, pool_mask
from companion.networks.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool, GlobalMaxPool
from companion.networks.families import circular_cnn, fully_connected, residual
from companion.networks.gates import SoftGate
from companion.networks.initialise import initialise
from companion.networks.routing import permute, tile

SOFT = SoftGate(4.0, 0.1)

NETWORKS = {
    "fc": fully_connected((4,), 5, 4, bias=False),
    "fc-classes-bias": fully_connected((1, 2, 2), 5, 3, classes=3, bias=True),
    "circular-average": circular_cnn(5, 2, 3, 2, 2),
    "circular-maximum": circular_cnn(5, 3, 3, 2, 1, GlobalMaxPool()),
    "conv-average": Architecture((2, 3, 4), (Conv(3), Conv(2), GlobalAveragePool(), Dense(2)), 1, False),
    "conv-average-classes-bias": Architecture((1, 4, 3), (Conv(2), Conv(12), GlobalAveragePool()), 2, True),
    "conv-maximum": Architecture((1, 3, 4), (Conv(3), Conv(2, 1), GlobalMaxPool()), 1, False),
    "conv-flatten": Architecture((2, 3, 2), (Conv(2), Conv(2), Flatten(), Dense(3)), 1, False),
    "skips": residual(3, 4, 1, (0.5, 2.0), (1.5, 0.7)),
    "deep-skips": residual(3, 3, 2, (0.5,), (1.5,)),
}


def draw(network: Architecture, seed: int) -> dict[str, torch.Tensor]:
    return initialise(network, torch.Generator().manual_seed(seed), "normal", 0.8, torch.float64)


def examples(network: Architecture, n: int, seed: int) -> torch.Tensor:
    return torch.randn(n, *network.input_shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def networks_of(name: str) -> dict[str, DeepGatedNetwork]:
    """Self-gated and decoupled, hard and soft."""
    network = NETWORKS[name]
    theta, theta_f = draw(network, 13), draw(network, 14)
    made = {"relu": relu_network(network, theta), "soft": relu_network(network, theta, SOFT)}
    if not any(isinstance(layer, GlobalMaxPool) for layer in network.layers):
        made["fixed"] = DeepGatedNetwork(network, theta, theta_f)
        made["decoupled"] = DeepGatedNetwork(network, theta, theta_f, gate=SOFT, value_input=torch.ones_like)
    return made


def close(measured: torch.Tensor, expected: torch.Tensor) -> None:
    assert measured.shape == expected.shape
    torch.testing.assert_close(measured, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


CASES = [(name, kind) for name in NETWORKS for kind in networks_of(name)]


def products(psi: torch.Tensor, other: torch.Tensor, classes: str) -> torch.Tensor:
    """Inner products of gradients ``[N, C, parameters]``."""
    if classes == "sum":
        return psi.sum(1) @ other.sum(1).T
    K = torch.einsum("ncp,mcp->cnm", psi, other)
    return K if classes == "each" else K.sum(0)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda value: value)
def test_ntk_equals_the_differentiated_network(name, kind):
    dgn = networks_of(name)[kind]
    both = examples(dgn.architecture, 8, 1)
    V, F = (kernels.tangent_features(dgn, both, part=part) for part in ("value", "feature"))
    for classes in ("trace", "each", "sum"):
        K_v, K_f = products(V, V, classes), products(F, F, classes)
        expected = {"value": K_v, "feature": K_f, "total": K_v + K_f}
        if dgn.coupled:
            expected["cross"] = products(V, F, classes) + products(F, V, classes)
            expected["total"] = K_v + K_f + expected["cross"]
        for part, K in expected.items():
            kernel = kernels.ntk(dgn, part=part, classes=classes)
            close(kernel(both[:5]), K[..., :5, :5])
            close(kernel(both[:5], both[5:]), K[..., :5, 5:])


@pytest.mark.parametrize("classes", ["trace", "each", "sum"])
@pytest.mark.parametrize("kind", ["soft", "decoupled"])
def test_reference_differentiates_the_whole_network(kind, classes):
    dgn = networks_of("fc-classes-bias")[kind]
    x, y = examples(dgn.architecture, 4, 1), examples(dgn.architecture, 2, 2)
    for part in ("total", *(("cross",) if dgn.coupled else ())):
        kernel = kernels.ntk(dgn, part=part, classes=classes)
        close(kernels.ntk_reference(dgn, x, part=part, classes=classes), kernel(x))
        close(kernels.ntk_reference(dgn, x, y, part=part, classes=classes), kernel(x, y))


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


def test_tiles_and_blocks_make_the_same_matrix(monkeypatch):
    dgn = networks_of("conv-average-classes-bias")["decoupled"]
    x, y = examples(dgn.architecture, 23, 1), examples(dgn.architecture, 9, 2)
    for kernel in (kernels.ntk(dgn), kernels.ntk(dgn, classes="each"), kernels.npk(dgn)):
        whole, between = kernel(x), kernel(x, y)
        monkeypatch.setattr(tiled, "TILE_ELEMENTS", 9 * kernel.area)
        monkeypatch.setattr(tiled, "BLOCK_BYTES", 7 * 8 * kernel.floats)
        pieces = list(kernel.tiles(x))
        assert all(value.shape[-2] <= 3 and value.shape[-1] <= 3 for _, _, value in pieces)
        assert len(pieces) > 30
        close(kernel(x), whole)
        close(kernel(x), kernel(x).mT)
        close(kernel(x, y), between)
        monkeypatch.undo()


def test_symmetric_tiles_lie_on_and_above_the_diagonal(monkeypatch):
    monkeypatch.setattr(tiled, "TILE_ELEMENTS", 16)
    dgn = networks_of("fc")["relu"]
    tiles = [
        (rows.start, columns.start) for rows, columns, _ in kernels.npk(dgn).tiles(examples(dgn.architecture, 10, 1))
    ]
    assert tiles == [(0, 0), (0, 4), (0, 8), (4, 4), (4, 8), (8, 8)]


def test_memory_per_example_is_far_below_the_number_of_parameters():
    network = fully_connected((784,), 128, 6, 10)
    parameters = sum(torch.Size(shape).numel() for shape in network.parameter_shapes().values())
    theta = initialise(network, torch.Generator().manual_seed(0))
    assert kernels.ntk(relu_network(network, theta)).floats < parameters / 15


@pytest.mark.parametrize("compares", [True, False])
@pytest.mark.parametrize("part", ["total", "cross"])
def test_both_forms_of_a_convolution_agree(monkeypatch, compares, part):
    monkeypatch.setattr(WeightLayerKernel, "compares_positions", property(lambda self: compares or self.positions == 1))
    dgn = networks_of("conv-average-classes-bias")["soft"]
    x = examples(dgn.architecture, 4, 1)
    for classes in ("trace", "each"):
        close(
            kernels.ntk(dgn, part=part, classes=classes)(x), kernels.ntk_reference(dgn, x, part=part, classes=classes)
        )


def test_gates_may_be_rearranged_on_the_way():
    narrow, wide = fully_connected((4,), 3, 4, 2, bias=False), fully_connected((4,), 6, 4, 2, bias=False)
    dgn = DeepGatedNetwork(
        wide,
        draw(wide, 1),
        draw(narrow, 2),
        gate=SOFT,
        rearrange=lambda gates: permute(tile(gates, 2), (2, 0, 1)),
        feature_architecture=narrow,
    )
    x = examples(wide, 5, 3)
    close(kernels.ntk(dgn)(x), kernels.ntk_reference(dgn, x))
    close(kernels.npk(dgn)(x), kernels.gram(x) * kernels.overlap(dgn.gates(x)))


def test_kernels_leave_no_trace_on_parameters_and_inputs():
    dgn = networks_of("fc")["soft"]
    for value in dgn.theta_v.values():
        value.requires_grad_()
    x = examples(dgn.architecture, 3, 1)
    assert not kernels.ntk(dgn)(x).requires_grad
    assert not kernels.npk(dgn)(x).requires_grad
    assert all(value.grad is None for value in dgn.theta_v.values())
    assert not x.requires_grad


def test_bad_requests_are_refused_in_one_sentence():
    dgn, x = networks_of("fc")["fixed"], examples(NETWORKS["fc"], 3, 1)
    with pytest.raises(ValueError, match="valid are total, value, feature, cross"):
        kernels.ntk(dgn, part="whole")
    with pytest.raises(ValueError, match="valid are trace, each, sum"):
        kernels.ntk(dgn, classes="mean")
    with pytest.raises(ValueError, match="no cross part"):
        kernels.ntk(dgn, part="cross")
    with pytest.raises(ValueError, match="at least one example"):
        kernels.npk(dgn)(x[:0])
    with pytest.raises(ValueError, match="go together"):
        kernels.npk_from_gates(dgn.architecture, x, dgn.gates(x), x)
    with pytest.raises(ValueError, match="3 gated layers need as many gates, not 2"):
        kernels.npk_from_gates(dgn.architecture, x, dgn.gates(x)[:2])
    with pytest.raises(ValueError, match="average pool"):
        DeepGatedNetwork(NETWORKS["circular-maximum"], draw(NETWORKS["circular-maximum"], 1), {})


def test_layer_kernels_and_overlap_count_common_units():
    a = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    assert kernels.layer_kernels([a])[0].tolist() == [[3, 1], [1, 2]]
    assert kernels.layer_kernels([a], normalise=True)[0].tolist() == [[0.75, 0.25], [0.25, 0.5]]
    assert kernels.overlap([a, a]).tolist() == [[9, 1], [1, 4]]
    assert kernels.overlap([a, a], [a[:1], a[:1]]).tolist() == [[9], [1]]


def test_angles_and_their_recursion():
    x = torch.tensor([[1.0, 0.0], [1.0, 1e-9], [-2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    close(kernels.angles(x)[0], torch.tensor([0.0, 1e-9, pi, pi / 2], dtype=torch.float64))
    theta = torch.linspace(0.3, pi, 20, dtype=torch.float64)
    close(kernels.next_angle(theta).cos(), (theta.sin() + (pi - theta) * theta.cos()) / pi)
    tiny = torch.tensor([1e-5, 0.0999999, 0.1000001], dtype=torch.float64)
    close(kernels.next_angle(tiny[:1]) / tiny[:1], 1 - tiny[:1] / (3 * pi))
    assert float(kernels.next_angle(tiny[2:]) - kernels.next_angle(tiny[1:2])) == pytest.approx(2e-7, rel=0.1)
    close(kernels.co_activity(torch.tensor([0.0, pi])), torch.tensor([0.5, 0.0]))


def test_limit_kernel_is_what_wide_networks_come_near():
    network, x = fully_connected((6,), 2048, 3, bias=False), examples(fully_connected((6,), 1, 2), 4, 5)
    theta = initialise(network, torch.Generator().manual_seed(0), "normal", (2 / 2048) ** 0.5, torch.float64)
    limit = kernels.relu_ntk_limit(x, depth=3, scale=2**0.5)
    K = kernels.ntk(relu_network(network, theta))(x)
    assert float((K - limit).norm() / limit.norm()) < 0.12
    close(kernels.relu_ntk_limit(x[:1], x, depth=3, scale=2**0.5), limit[:1])


def test_label_alignment():
    y = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    assert kernels.label_alignment(torch.eye(3, dtype=torch.float64), y) == pytest.approx(9)
    H = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]], dtype=torch.float64)
    assert kernels.label_alignment(H, y) == pytest.approx(float(y @ torch.linalg.inv(H / 6) @ y))
    with pytest.raises(ValueError, match="not positive definite"):
        kernels.label_alignment(torch.ones(3, 3, dtype=torch.float64) - torch.eye(3, dtype=torch.float64), y)


@pytest.mark.parametrize("module", ["base", "npk", "ntk"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"companion.kernels.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["fc-classes-bias", "conv-average-classes-bias", "circular-average", "skips"])
def test_kernels_on_a_gpu_equal_those_on_the_cpu(name):
    dgn = networks_of(name)["soft"]
    x = examples(dgn.architecture, 6, 1)
    theta = {key: value.cuda() for key, value in dgn.theta_v.items()}
    there = relu_network(dgn.architecture, theta, SOFT)
    for make in (kernels.ntk, kernels.npk):
        measured = make(there)(x.cuda())
        assert measured.is_cuda
        close(measured.cpu(), make(dgn)(x))
