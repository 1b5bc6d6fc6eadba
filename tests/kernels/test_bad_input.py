"""What no kernel can be made of is one sentence that names the argument and says what is valid; zeros give zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion import kernels
from companion.kernels.neural_paths import activity, enumerate_paths, neural_path_features
from companion.kernels.orders import npk_of_orders
from companion.networks.families import fully_connected
from support.kernels import NETWORKS, draw, examples, networks_of

NETWORK = fully_connected((4,), 5, 3, bias=False)
DGN = kernels.DeepGatedNetwork(NETWORK, draw(NETWORK, 1), draw(NETWORK, 2))
X = examples(NETWORK, 3, 0)
GATES = [G.double() for G in DGN.gates(X)]
PATHS = enumerate_paths(NETWORK)


@pytest.fixture(autouse=True)
def as_a_user_does() -> Iterator[None]:
    """Without the checks of shapes that run beside the other tests: a user has the package's own errors alone."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


OF_EXAMPLES = {
    "gram": kernels.gram,
    "angles": kernels.angles,
    "relu_ntk_limit": lambda x1, x2=None: kernels.relu_ntk_limit(x1, x2, depth=3, scale=1.0),
    "npk": kernels.npk(DGN),
    "ntk": kernels.ntk(DGN),
    "ntk_reference": lambda x1, x2=None: kernels.ntk_reference(DGN, x1, x2),
}
OF_THIS_NETWORK = ("npk", "ntk", "ntk_reference")

BAD = {
    "a list": ([[1.0, 2.0, 3.0, 4.0]], TypeError, "must be a torch tensor, not list; torch.as_tensor makes one"),
    "an array": (np.ones((3, 4)), TypeError, "must be a torch tensor, not numpy.ndarray"),
    "whole numbers": (torch.ones(3, 4, dtype=torch.long), TypeError, "must be of floating type, not int64"),
    "bools": (torch.ones(3, 4, dtype=torch.bool), TypeError, "must be of floating type, not bool"),
    "complex numbers": (torch.ones(3, 4, dtype=torch.complex64), TypeError, "must be of floating type, not complex64"),
    "a sparse tensor": (X.to_sparse(), TypeError, "must be a dense tensor, not a sparse_coo one"),
    "no examples": (X[:0], ValueError, "at least one example on each side"),
    "one number": (torch.tensor(1.0), ValueError, "at least one example on each side"),
}


@pytest.mark.parametrize("side", ["x1", "x2"])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("kernel", OF_EXAMPLES)
def test_what_holds_no_examples_is_refused_on_either_side(kernel, bad, side):
    x, error, message = BAD[bad]
    sides = (x, X) if side == "x1" else (X, x)
    with pytest.raises(error, match=message) as found:
        OF_EXAMPLES[kernel](*sides)
    assert side in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("kernel", OF_EXAMPLES)
def test_the_two_sides_belong_together(kernel):
    expected = "x2 must have the shape" if kernel in OF_THIS_NETWORK else "x2 must have the shape of x1, "
    with pytest.raises(ValueError, match=expected):
        OF_EXAMPLES[kernel](X, torch.ones(2, 7, dtype=torch.float64))
    with pytest.raises(TypeError, match="x2 is float32 and x1 float64: a kernel has one precision, convert either"):
        OF_EXAMPLES[kernel](X, X.float())


@pytest.mark.parametrize("kernel", OF_THIS_NETWORK)
def test_examples_are_those_of_the_network(kernel):
    with pytest.raises(ValueError, match=r"x1 must have the shape \[N, 4\], not \[3, 2\]"):
        OF_EXAMPLES[kernel](X[:, :2])
    with pytest.raises(TypeError, match="the examples are float32 and the network's parameters float64"):
        OF_EXAMPLES[kernel](X.float())


@pytest.mark.parametrize("kernel", ["angles", "relu_ntk_limit"])
def test_vectors_are_rows_of_a_matrix(kernel):
    with pytest.raises(ValueError, match=r"x1 must be a matrix \[N, D\], not of the shape \[3, 2, 2\]"):
        OF_EXAMPLES[kernel](X.reshape(3, 2, 2))


GIVEN_GATES = {
    "layer_kernels": kernels.layer_kernels,
    "overlap": kernels.overlap,
    "npk_from_gates": lambda gates: kernels.npk_from_gates(NETWORK, X, gates),
    "activity": lambda gates: activity(PATHS, gates),
    "neural_path_features": lambda gates: neural_path_features(PATHS, X, gates),
    "npk_of_orders": lambda gates: npk_of_orders(NETWORK, [X], gates, [(0, 1)]),
}


@pytest.mark.parametrize("function", GIVEN_GATES)
def test_stacks_of_gates_are_of_one_type_and_of_as_many_examples(function):
    for bad, error, message in (
        ([G.bool() for G in GATES], TypeError, "must be of floating type, not bool"),
        ([GATES[0], GATES[1].float()], TypeError, "is float32 and .* float64"),
        ([GATES[0], GATES[1][:2]], ValueError, "must have as many examples as .*, 3, not 2"),
    ):
        with pytest.raises(error, match=message):
            GIVEN_GATES[function](bad)


@pytest.mark.parametrize("function", sorted(set(GIVEN_GATES) - {"layer_kernels", "overlap"}))
def test_gates_have_the_shapes_of_the_network(function):
    with pytest.raises(ValueError, match=r"must have the shape \[N, 5\], not \[3, 4\]"):
        GIVEN_GATES[function]([GATES[0], GATES[1][:, :4]])


def test_no_gates_at_all_are_no_kernel():
    with pytest.raises(ValueError, match="must hold at least one tensor"):
        kernels.overlap([])


@pytest.mark.parametrize("depth", [10_001, 10**9, 10**30])
def test_a_limit_that_would_take_for_ever_is_refused(depth):
    with pytest.raises(ValueError, match="depth must be a whole number of at least 1 and at most 10000, not"):
        kernels.relu_ntk_limit(X, depth=depth, scale=1.0)
    assert kernels.beta_fc(10**9, 1.0) == 10**9


@pytest.mark.parametrize("depth", [0, -1, 2.0, True, "3", 10**30 + 0.5])
def test_a_depth_is_a_whole_number_of_at_least_one(depth):
    with pytest.raises(ValueError, match="depth must be a whole number of at least 1 and at most 10000, not"):
        kernels.relu_ntk_limit(X, depth=depth, scale=1.0)
    with pytest.raises(ValueError, match="d must be a whole number of at least 1, not"):
        kernels.beta_fc(depth, 1.0)


@pytest.mark.parametrize("scale", [0, -1.0, math.nan, math.inf, "1", None])
def test_a_scale_is_a_positive_number(scale):
    with pytest.raises(ValueError, match="scale must be a positive number, not"):
        kernels.relu_ntk_limit(X, depth=2, scale=scale)


def test_blocks_are_different_and_have_a_constant():
    for J in ([0], [3], [1, 1]):
        with pytest.raises(ValueError, match="J must be different blocks among 1 to 2, not"):
            kernels.beta_residual(J, 1, 1.0, [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="d_cv must be a whole number of at least 1, not 0"):
        kernels.beta_cnn(4, 0, 1, 1.0, 1.0)


@pytest.mark.parametrize("function", [kernels.next_angle, kernels.co_activity])
def test_angles_are_tensors(function):
    for bad in (1.0, torch.tensor(1)):
        with pytest.raises(TypeError, match="theta must be"):
            function(bad)


@pytest.mark.parametrize(
    ("H", "y", "message"),
    [
        (torch.eye(3)[:2], torch.ones(2), r"H must be a matrix of N x N numbers, not of the shape \[2, 3\]"),
        (torch.eye(3), torch.ones(2), r"3 examples need as many labels: y must be a tensor \[3\]"),
        (torch.eye(3), torch.ones(3, 1), r"y must be a tensor \[3\], not \[3, 1\]"),
        (torch.tensor([[2.0, 1.0], [0.0, 2.0]]), torch.ones(2), "H must be symmetric and finite"),
        (torch.full((2, 2), math.nan), torch.ones(2), "H must be symmetric and finite"),
        (torch.zeros(2, 2), torch.ones(2), "not positive definite"),
    ],
)
def test_an_alignment_is_of_a_symmetric_matrix_and_of_a_label_each(H, y, message):
    with pytest.raises(ValueError, match=message):
        kernels.label_alignment(H, y)


def test_an_alignment_has_one_precision():
    with pytest.raises(TypeError, match=r"^y is float64 and H float32: a kernel has one precision, convert either$"):
        kernels.label_alignment(torch.eye(2), torch.ones(2, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"^y must be of floating type, not int64"):
        kernels.label_alignment(torch.eye(2), torch.tensor([1, -1]))


@given(
    power=st.integers(-150, 150), depth=st.integers(1, 5), seed=st.integers(0, 20), dtype=st.sampled_from(["f", "d"])
)
def test_an_example_of_zeros_gives_zeros_whatever_stands_beside_it(power, depth, seed, dtype):
    single = dtype == "f"
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float32 if single else X.dtype)
    x = x * 10.0 ** (power / (10 if single else 1))
    x[1] = 0
    theta = kernels.angles(x)
    right = torch.full((3,), math.pi / 2, dtype=x.dtype)
    assert torch.isfinite(theta).all()
    assert torch.equal(theta[1], right)
    assert torch.equal(theta[:, 1], right)
    K = kernels.relu_ntk_limit(x, depth=depth, scale=1.3)
    assert K.dtype == x.dtype
    assert torch.isfinite(K).all()
    assert not K[1].any()
    assert not K[:, 1].any()


@given(st.integers(-290, 290))
def test_angles_do_not_depend_on_lengths(power):
    torch.testing.assert_close(kernels.angles(X * 10.0**power), kernels.angles(X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_of_zeros_has_no_path_kernel_and_no_tangent_kernel_without_biases(name):
    network = NETWORKS[name]
    x = examples(network, 3, 4)
    x[1] = 0
    for kind, dgn in networks_of(name).items():
        kernel = kernels.npk(dgn)(x)
        assert torch.isfinite(kernel).all(), kind
        if kind != "decoupled":  # which is fed ones
            assert not kernel[1].any()
            assert not kernel[:, 1].any()
        assert torch.isfinite(kernels.ntk(dgn)(x)).all(), kind


def test_precision_is_that_of_the_examples():
    single = kernels.DeepGatedNetwork(NETWORK, *({k: v.float() for k, v in draw(NETWORK, s).items()} for s in (1, 2)))
    assert kernels.npk(single)(X.float()).dtype == torch.float32
    assert kernels.npk(DGN)(X).dtype == torch.float64
    assert kernels.gram(X.half()).dtype == torch.float16
