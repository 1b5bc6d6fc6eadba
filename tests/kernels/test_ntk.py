"""The neural tangent kernel against differentiation."""

import pytest
import torch

from companion import kernels
from support.kernels import CASES, close, examples, networks_of


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


@pytest.mark.parametrize("switched_off", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("part", ["total", "value", "feature"])
@pytest.mark.parametrize("kernel", ["ntk", "ntk_reference"])
def test_it_is_the_same_where_gradients_are_switched_off(switched_off, part, kernel):
    dgn = networks_of("fc")["soft"]
    x = examples(dgn.architecture, 4, 1)

    def found():
        if kernel == "ntk":
            return kernels.ntk(dgn, part=part)(x)
        return kernels.ntk_reference(dgn, x, part=part)

    expected = found()
    with switched_off():
        close(found(), expected)
    assert expected.abs().max() > 0


def test_parameters_and_examples_may_be_made_where_gradients_are_switched_off():
    dgn = networks_of("fc")["soft"]
    x = examples(dgn.architecture, 4, 1)
    with torch.inference_mode():
        made = {name: value.clone() for name, value in dgn.theta_v.items()}
        own = x.clone()
    before, after = (kernels.relu_network(dgn.architecture, params) for params in (dict(dgn.theta_v), made))
    close(kernels.ntk(after)(own), kernels.ntk(before)(x))
