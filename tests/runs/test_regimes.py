"""What each regime starts from, what it shares with the others, and which gates it uses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from companion.networks.forward import Params, forward, trace
from companion.networks.gates import SoftGate
from companion.networks.initialise import initialise
from companion.notation import Regime, ValueInput
from companion.runs.regimes import RULES, Model, gates, initial_model, output, value_input
from companion.runs.spec import RunSpec
from companion.runs.streams import stream

GATED = [regime for regime in Regime if regime is not Regime.RELU]
SEEDS = st.integers(0, 10_000)


def spec(regime: Regime = Regime.RELU, seed: int = 0, **fields) -> RunSpec:
    return RunSpec.from_dict({"dataset": "digits", "width": 6, "depth": 4, "regime": regime, "seed": seed, **fields})


def teacher(seed: int = 0) -> Params:
    """A network that stands for a trained one."""
    return initialise(spec().network, torch.Generator().manual_seed(1000 + seed))


def model(s: RunSpec) -> Model:
    return initial_model(s, teacher(s.seed) if s.regime is Regime.FL else None)


def images(n: int = 7) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(5))


def pre_activations(s: RunSpec, feature: Params) -> tuple[torch.Tensor, ...]:
    """``q`` of the gated layers of a feature network, which has no output layer."""
    return trace(s.network, feature, images(), layers=s.network.gated_layers).q


def same(a: Params, b: Params) -> bool:
    """Whether all parameters that both have are equal to the last bit."""
    assert a.keys() & b.keys()
    return all(torch.equal(a[name], b[name]) for name in a.keys() & b.keys())


@given(SEEDS)
def test_fr_di_begins_with_one_network_and_fr_ii_with_two(seed):
    di, ii = model(spec(Regime.FR_DI, seed)), model(spec(Regime.FR_II, seed))
    assert same(di.feature, di.value)
    assert not torch.equal(ii.feature["weight.0"], ii.value["weight.0"])
    assert same(di.value, ii.value)


def test_the_copy_of_fr_di_is_a_copy():
    di = model(spec(Regime.FR_DI))
    di.value["weight.0"].zero_()
    assert di.feature["weight.0"].any()


@given(SEEDS)
def test_relu_and_the_feature_networks_of_fr_ii_and_dl_share_a_stream(seed):
    relu = model(spec(Regime.RELU, seed)).value
    assert same(relu, model(spec(Regime.FR_II, seed)).feature)
    assert same(relu, model(spec(Regime.DL, seed)).feature)
    assert same(relu, initialise(spec().network, stream(seed, "feature")))


@given(SEEDS)
def test_all_value_networks_of_a_seed_begin_alike(seed):
    values = [model(spec(regime, seed)).value for regime in GATED]
    assert all(same(values[0], value) for value in values)
    assert same(values[0], initialise(spec().network, stream(seed, "value")))


@given(SEEDS)
def test_the_value_network_of_fl_is_not_its_teachers_beginning(seed):
    student, beginning = model(spec(Regime.FL, seed)), model(spec(Regime.FL, seed).teacher)
    for name, tensor in student.value.items():
        if "weight" in name:
            assert not torch.equal(tensor, beginning.value[name])
            assert not torch.equal(tensor, teacher(seed)[name])


def test_the_gates_of_fl_are_hard_and_its_teachers():
    s = spec(Regime.FL)
    m = model(s)
    q = pre_activations(s, teacher())
    for G, q_l in zip(gates(s, m.feature, images()), q, strict=True):
        assert torch.equal(G, (q_l > 0).float())
    assert same(m.feature, teacher())


def test_fl_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        initial_model(spec(Regime.FL))


@pytest.mark.parametrize("regime", GATED)
def test_feature_networks_have_no_output_layer(regime):
    m = model(spec(regime))
    assert len(m.value) == 8
    assert len(m.feature) == 6
    assert model(spec()).feature is None


@pytest.mark.parametrize("regime", GATED)
def test_only_dl_has_soft_gates(regime):
    s = spec(regime)
    m = model(s)
    values = torch.cat([G.flatten() for G in gates(s, m.feature, images())])
    if regime is Regime.DL:
        expected = [SoftGate(4.0, 0.1)(q) for q in pre_activations(s, m.feature)]
        assert torch.equal(values, torch.cat([G.flatten() for G in expected]))
    else:
        assert set(values.tolist()) == {0.0, 1.0}


def test_beta_and_epsilon_reach_the_gate():
    s = spec(Regime.DL, gate_beta=10, gate_eps=0)
    m = model(s)
    (q, *_), (G, *_) = pre_activations(s, m.feature), gates(s, m.feature, images())
    torch.testing.assert_close(G, torch.sigmoid(10 * q))


@pytest.mark.parametrize("regime", Regime)
def test_what_trains_is_what_the_table_says(regime):
    m = model(spec(regime))
    names = m.trainable(regime)
    parts = {name.split("/")[0] for name in names}
    assert parts == ({"value", "feature"} if regime is Regime.DL else {"value"})
    assert {n for n in names if n.startswith("value/")} == {f"value/{name}" for name in m.value}
    assert RULES[regime].trains_feature == (regime is Regime.DL)
    assert regime.frozen == (RULES[regime].feature is not None and not RULES[regime].trains_feature)


@pytest.mark.parametrize("regime", Regime)
def test_updated_replaces_what_trains_and_nothing_else(regime):
    m = model(spec(regime))
    new = m.updated({name: tensor + 1 for name, tensor in m.trainable(regime).items()})
    assert all(torch.equal(new.value[name], tensor + 1) for name, tensor in m.value.items())
    if m.feature is not None:
        shift = 1 if regime is Regime.DL else 0
        assert all(torch.equal(new.feature[name], tensor + shift) for name, tensor in m.feature.items())
    else:
        assert new.feature is None


@pytest.mark.parametrize("regime", GATED)
def test_the_identity_permutation_changes_nothing(regime):
    plain, identity = spec(regime), spec(regime, gate_permutation=[0, 1, 2])
    assert identity == plain
    m = model(plain)
    assert torch.equal(output(plain, m, images()), output(identity, m, images()))


@pytest.mark.parametrize("regime", GATED)
def test_a_permutation_hands_layer_l_the_gates_of_its_source(regime):
    plain, permuted = spec(regime), spec(regime, gate_permutation=[2, 0, 1])
    m = model(plain)
    stack = gates(plain, m.feature, images())
    turned = gates(permuted, m.feature, images())
    assert [torch.equal(turned[l], stack[source]) for l, source in enumerate((2, 0, 1))] == [True] * 3
    expected = forward(plain.network, m.value, images(), [stack[2], stack[0], stack[1]])
    assert torch.equal(output(permuted, m, images()), expected)


def test_a_relu_run_is_an_ordinary_network():
    s = spec()
    m = model(s)
    assert torch.equal(output(s, m, images()), forward(s.network, m.value, images()))


def test_fr_di_starts_as_the_network_that_it_copies():
    s = spec(Regime.FR_DI)
    m = model(s)
    assert torch.equal(output(s, m, images()), forward(s.network, m.value, images()))


def test_ones_enter_for_every_example():
    assert torch.equal(value_input(spec(Regime.DL, value_input="ones"), images()), torch.ones(7, 1, 8, 8))
    assert value_input(spec(Regime.DL), images()) is not None
    assert torch.equal(value_input(spec(Regime.DL), images()), images())


def test_noise_is_one_draw_for_all_examples_whatever_the_batch():
    s = spec(Regime.DL, value_input="noise")
    entering = value_input(s, images(7))
    assert torch.equal(entering, entering[:1].expand(7, 1, 8, 8))
    assert torch.equal(value_input(s, images(3)), entering[:3])
    assert entering.unique().numel() == 64
    assert not torch.equal(value_input(s.replace(seed=1), images()), entering)
    assert value_input(s, images().double()).dtype == torch.float64


@pytest.mark.parametrize("regime", GATED)
@pytest.mark.parametrize("kind", [ValueInput.ONES, ValueInput.NOISE])
def test_the_gates_still_see_the_image(regime, kind):
    s = spec(regime, value_input=kind)
    m = model(s)
    stack = gates(spec(regime), m.feature, images())
    assert torch.equal(output(s, m, images()), forward(s.network, m.value, value_input(s, images()), stack))
    assert output(s, m, images()).std(0).max() > 0  # examples differ, though all value inputs are alike


def test_gates_that_are_known_already_are_used():
    s = spec(Regime.FR_II)
    m = model(s)
    shut = [torch.zeros(7, 6)] * 3
    assert torch.equal(output(s, m, images(), shut), m.value["bias.3"].expand(7, 10))
