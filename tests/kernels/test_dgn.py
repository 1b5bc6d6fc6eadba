"""Every fast kernel against its slow oracle: enumerated paths for the NPK, differentiated networks for the NTK."""

import pytest
import torch

from companion import kernels
from companion.kernels import DeepGatedNetwork, relu_network
from companion.networks.families import fully_connected
from companion.networks.routing import permute, tile
from support.kernels import NETWORKS, SOFT, close, draw, examples, networks_of


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
