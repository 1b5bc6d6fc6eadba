"""The neural tangent kernel against differentiation."""

from dataclasses import replace

import pytest
import torch

from companion import kernels
from companion.networks.architectures import Architecture, Conv, Dense, GlobalAveragePool
from companion.networks.gates import OpenGate, SoftGate
from support.kernels import CASES, NETWORKS, SOFT, close, draw, examples, networks_of


def products(psi: torch.Tensor, other: torch.Tensor, classes: str) -> torch.Tensor:
    """Inner products of gradients ``[N, C, parameters]``."""
    if classes == "sum":
        return psi.sum(1) @ other.sum(1).T
    K = torch.einsum("ncp,mcp->cnm", psi, other)
    return K if classes == "each" else K.sum(0)


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda value: value)
def test_ntk_equals_the_differentiated_network(name, kind):
    dgn = networks_of(name)[kind]
    is_the_differentiated_network(dgn, examples(dgn.architecture, 8, 1))


def is_the_differentiated_network(dgn, both):
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


APART = {
    "ones": {"gate": SOFT, "inner": SOFT, "value_input": torch.ones_like},
    "half": {"gate": SOFT, "inner": SOFT, "value_input": lambda x: x / 2},
    "permuted": {"gate": SOFT, "inner": SOFT, "rearrange": lambda gates: [G.roll(1, 1) for G in gates]},
    "inner-hard": {"gate": SOFT},
    "inner-soft": {"gate": SOFT, "inner": SoftGate(2.0, 0.0)},
    "inner-open": {"gate": SOFT, "inner": OpenGate()},
    "hard-inner-soft": {"inner": SOFT},
    "ones-inner-hard": {"gate": SOFT, "value_input": torch.ones_like},
    "same": {"gate": SOFT, "inner": SOFT, "value_input": lambda x: x},
}  # fmt: skip
COUPLED = ["fc-classes-bias", "circular-average", "conv-average-classes-bias", "conv-maximum", "conv-flatten", "skips"]


@pytest.mark.parametrize("how", APART)
@pytest.mark.parametrize("name", COUPLED)
def test_one_network_whose_two_passes_see_different_things(name, how):
    """The gradient of a weight has a term of either pass, each with what enters there."""
    dgn = coupled(NETWORKS[name], **APART[how])
    is_the_differentiated_network(dgn, examples(dgn.architecture, 8, 1))


@pytest.mark.parametrize("layers", [(1, 8), (8, 1), (2, 3)], ids=str)
def test_one_network_on_images_of_two_sizes(layers):
    """So that one pass compares positions and the other sums over them."""
    value, feature = (Architecture((1, n, n), (Conv(4), GlobalAveragePool(), Dense(3)), 2) for n in layers)
    dgn = coupled(
        value,
        gate=SOFT,
        inner=SOFT,
        value_input=lambda x: x[..., : layers[0], : layers[0]].repeat(1, 1, *[-(-layers[0] // layers[1])] * 2),
        rearrange=lambda gates: [gates[0].mean((2, 3), keepdim=True).expand(-1, -1, *layers[:1] * 2), gates[1]],
        feature_architecture=feature,
    )
    x = examples(feature, 4, 1)
    for part in ("total", "value", "feature", "cross"):
        close(kernels.ntk(dgn, part=part)(x), kernels.ntk_reference(dgn, x, part=part))


@pytest.mark.parametrize("name", ["fc-classes-bias", "conv-average-classes-bias"])
@pytest.mark.parametrize("how", ["ordinary", "ones"])
def test_a_factor_on_the_outputs_is_one_on_every_gradient(name, how):
    network = replace(NETWORKS[name], output_scale=0.125)
    dgn = coupled(network, **APART.get(how, {"gate": SOFT, "inner": SOFT}))
    x = examples(network, 5, 1)
    for part in ("total", "value", "feature", "cross"):
        close(kernels.ntk(dgn, part=part)(x), kernels.ntk_reference(dgn, x, part=part))
    whole = replace(dgn, architecture=NETWORKS[name])
    close(kernels.ntk(dgn)(x), kernels.ntk(whole)(x) / 64)


def coupled(network, **options):
    theta = draw(network, 13)
    return kernels.DeepGatedNetwork(network, theta, theta, **options)
