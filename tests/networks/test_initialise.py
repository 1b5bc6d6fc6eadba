"""Fresh parameters."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from companion.networks.families import fully_connected
from companion.networks.initialise import hidden_only, initialise
from support.networks import NETWORKS


def test_hidden_only_keeps_layers_whose_number_ends_like_the_last():
    network = fully_connected((2,), 2, 12)  # the output layer is number 11, and number 1 must stay
    names = hidden_only(network, initialise(network, torch.Generator()))
    assert {f"weight.{i}" for i in range(11)} == {n for n in names if "weight" in n}


def test_glorot_draws_are_uniform_with_the_right_limit():
    network = fully_connected((200,), 100, 2)
    weight = initialise(network, torch.Generator().manual_seed(0))["weight.0"]
    limit = math.sqrt(6 / 300)
    assert weight.abs().max() <= limit
    assert weight.var().item() == pytest.approx(2 / 300, rel=0.02)


def test_fan_in_draws_are_those_of_pytorchs_own_layers():
    network = NETWORKS["GCONV"]
    params = initialise(network, torch.Generator().manual_seed(0), "fan-in")
    for i, shape in enumerate(network.weight_shapes()):
        weight = params[f"weight.{i}"]
        layer = (
            torch.nn.Conv2d(*shape.weight[1::-1], shape.weight[-1])
            if weight.dim() == 4
            else torch.nn.Linear(*shape.weight)
        )
        limit = 1 / math.sqrt(shape.fan_in)
        assert weight.abs().max() <= limit
        assert layer.weight.abs().max() <= limit * (1 + 1e-6)
        assert weight.var().item() == pytest.approx(limit**2 / 3, rel=0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_and_sign_draws_have_the_right_sigma(dtype):
    network = fully_connected((200,), 100, 2)
    normal = initialise(network, torch.Generator().manual_seed(0), "normal", 0.1, dtype)["weight.0"]
    sign = initialise(network, torch.Generator().manual_seed(0), "sign", 0.1, dtype)["weight.0"]
    assert normal.std().item() == pytest.approx(0.1, rel=0.02)
    assert sign.abs().unique().tolist() == [torch.tensor(0.1, dtype=dtype).item()]
    assert sign.mean().abs() < 0.005
    assert normal.dtype == sign.dtype == dtype


def test_a_draw_depends_on_its_generator_alone():
    network = NETWORKS["GCONV"]
    first = initialise(network, torch.Generator().manual_seed(3))
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(1)
        second = initialise(network, torch.Generator().manual_seed(3))
    finally:
        torch.set_default_dtype(torch.float32)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not first["bias.0"].any()
    other = initialise(network, torch.Generator().manual_seed(4))
    assert not torch.equal(first["weight.0"], other["weight.0"])


def test_biases_do_not_disturb_the_draw_of_weights():
    network = NETWORKS["FC"]
    without = initialise(replace(network, bias=False), torch.Generator().manual_seed(0))
    assert all(
        torch.equal(without[n], t)
        for n, t in initialise(network, torch.Generator().manual_seed(0)).items()
        if n in without
    )
    assert not any("bias" in name for name in without)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("he",), "glorot, fan-in, normal, sign"), (("normal",), "sigma"), (("fan-in", 0.1), "sigma")],
)
def test_bad_initialisations_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word):
        initialise(NETWORKS["FC"], torch.Generator(), *arguments)
