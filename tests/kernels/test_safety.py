"""Draws to the last digit, angles to the last digit: what is too small a difference for a test by eye."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch

from companion import kernels
from companion.networks.families import fully_connected
from companion.networks.gates import SoftGate
from companion.networks.initialise import initialise
from companion.notation import Regime
from companion.runs.objectives import predictions
from companion.runs.regimes import initial_model, value_input
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from support.laboratory import tiny

NETWORK = fully_connected((9,), 7, 4)

# Draws


@pytest.mark.parametrize("regime", [r for r in Regime if r is not Regime.FL])
@pytest.mark.parametrize(("width", "dataset"), [(6, "digits"), (50, "digits"), (128, "mnist")])
def test_signs_have_the_size_that_the_papers_give_them(width, dataset, regime):
    """``sqrt(2 / w)`` in every layer, the first and the last among them (Paper C, Assumption 2.1)."""
    model = initial_model(RunSpec(dataset=dataset, width=width, depth=3, initialisation="sign", regime=regime))
    for params in filter(None, (model.value, model.feature)):
        for name, tensor in params.items():
            expected = math.sqrt(2 / width) if name.startswith("weight") else 0.0
            torch.testing.assert_close(tensor.abs(), torch.full_like(tensor, expected), rtol=1e-6, atol=0)
        assert {True, False} == set((params["weight.1"] > 0).flatten().tolist())


def test_signs_of_a_convolution_have_the_size_of_its_channels():
    spec = RunSpec(dataset="digits", architecture="GCONV", width=5, initialisation="sign")
    weight = initial_model(spec).value["weight.0"]
    torch.testing.assert_close(weight.abs(), torch.full_like(weight, math.sqrt(2 / 5)), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("scheme", "sigma"), [("glorot", None), ("normal", 0.3), ("sign", 0.3)])
def test_a_draw_is_the_same_numbers_in_single_and_double_precision(scheme, sigma):
    single, double = (
        initialise(NETWORK, stream(0, "value"), scheme, sigma, dtype) for dtype in (torch.float32, torch.float64)
    )
    for name, tensor in double.items():
        assert tensor.dtype == torch.float64
        assert torch.equal(tensor.float(), single[name]), name


def test_glorot_takes_the_generators_numbers_in_single_precision_one_after_the_other():
    generator = stream(5, "feature")
    weights = initialise(NETWORK, stream(5, "feature"))
    for i, layer in enumerate(NETWORK.weight_shapes()):
        uniform = torch.rand(layer.weight, generator=generator, dtype=torch.float32)
        limit = math.sqrt(6 / sum(layer.weight))
        assert torch.equal(weights[f"weight.{i}"], (2 * uniform - 1) * limit)


def test_glorot_of_a_convolution_counts_its_taps():
    spec = RunSpec(dataset="digits", architecture="GCONV", width=40)
    for name, tensor in initial_model(spec).value.items():
        if name.startswith("weight") and tensor.dim() == 4:
            out, into, *taps = tensor.shape
            limit = math.sqrt(6 / ((out + into) * math.prod(taps)))
            assert limit * 0.9 < float(tensor.abs().max()) <= limit


def test_the_noise_that_enters_is_the_seeds_own_and_in_single_precision():
    for seed in (0, 4):
        spec = tiny("FR-II", value_input="noise", seed=seed)
        entering = value_input(spec, torch.zeros(3, 1, 8, 8, dtype=torch.float64))
        expected = torch.rand(1, 8, 8, generator=stream(seed, "noise"), dtype=torch.float32)
        assert torch.equal(entering, expected.double().expand(3, 1, 8, 8))


def test_of_one_output_only_a_positive_one_is_the_second_class():
    spec = tiny(classes=[4, 7], loss="squared-error")
    assert predictions(spec, torch.tensor([[-1.0], [-0.0], [0.0], [1e-30]])).tolist() == [0, 0, 0, 1]


# Angles


def exact_next_angle(theta: float) -> mpmath.mpf:
    """By Cho and Saul's formula, with fifty digits."""
    with mpmath.workdps(50):
        t = mpmath.mpf(theta)
        return mpmath.acos((mpmath.sin(t) + (mpmath.pi - t) * mpmath.cos(t)) / mpmath.pi)


@pytest.mark.parametrize("theta", [1e-8, 1e-6, 1e-4, 0.003, 0.02, 0.05, 0.08, 0.099, 0.0999999, 0.1, 0.13, 0.2, 1.0])
def test_small_angles_keep_their_digits(theta):
    found = float(kernels.next_angle(torch.tensor(theta, dtype=torch.float64)))
    assert abs(found / exact_next_angle(theta) - 1) < 1e-12  # what the series leaves out


@pytest.mark.parametrize("theta", [3.0, 3.14159, math.pi])
def test_large_angles_shrink_below_a_right_one(theta):
    found = float(kernels.next_angle(torch.tensor(theta, dtype=torch.float64)))
    assert abs(found / exact_next_angle(theta) - 1) < 1e-12


@pytest.mark.parametrize("angle", [1e-12, 1e-9, 1e-7, 1e-4, 0.5, 3.0, math.pi - 1e-9])
def test_angles_between_examples_keep_their_digits(angle):
    """The arc cosine of an inner product would lose all of those below 1e-8."""
    x = torch.tensor([[2.0, 0.0], [3 * math.cos(angle), 3 * math.sin(angle)]], dtype=torch.float64)
    assert float(kernels.angles(x)[0, 1]) == pytest.approx(angle, rel=1e-3 if angle > 3.1 else 1e-9, abs=0)
    assert float(kernels.angles(x)[0, 0]) == 0.0
    assert float(kernels.angles(x, 5 * x)[0, 1]) == pytest.approx(float(kernels.angles(x)[0, 1]), rel=1e-6)


def test_the_limit_kernel_is_its_sum_written_out():
    """Two examples at an angle, depth 3, by the formula of the docstring and fifty digits of angles."""
    angle, c = 0.05, 1.3
    x = torch.tensor([[2.0, 0.0], [3 * math.cos(angle), 3 * math.sin(angle)]], dtype=torch.float64)
    theta = [angle]
    for _ in range(2):
        theta.append(float(exact_next_angle(theta[-1])))
    A = [6 * (c**2 / 2) ** l * math.cos(t) for l, t in enumerate(theta)]
    D = [c**2 * (0.5 - t / (2 * math.pi)) for t in theta]
    expected = A[0] * D[0] * D[1] + A[1] * D[1] + A[2]
    assert float(kernels.relu_ntk_limit(x, depth=3, scale=c)[0, 1]) == pytest.approx(expected, rel=1e-12)


def test_constants_of_the_theorems():
    """Paper A, Theorem 4.1; Paper B, Theorem 5.1 (ii) and (iii): each by its formula, with unlike numbers."""
    assert kernels.beta_fc(5, 0.7) == pytest.approx(5 * 0.7**8)
    cnn = (3 * 0.6**4 * 0.7**4 + 2 * 0.6**6 * 0.7**2) / 5**2
    assert kernels.beta_cnn(5, 3, 2, 0.6, 0.7) == pytest.approx(cnn)
    residual = 8 * 0.7**14 * (0.5 * 2.0 * 1.1 * 1.3 * 0.9) ** 2
    assert kernels.beta_residual((1, 3), 2, 0.7, (0.5, 7.0, 2.0), (1.1, 1.3, 0.9)) == pytest.approx(residual)


def test_a_soft_gate_is_half_of_its_height_at_zero_and_the_excess_is_on_top():
    gate = SoftGate(4.0, 0.1)
    values = gate(torch.tensor([-50.0, 0.0, 50.0], dtype=torch.float64))
    assert values.tolist() == pytest.approx([0.0, 0.55, 1.1], abs=1e-12)
