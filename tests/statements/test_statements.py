"""Every statement is accounted for, every check passes, and every check fails once its formula is wrong."""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import companion.statements
from companion import kernels
from companion.notation import Regime
from companion.runs.regimes import RULES, Rule
from companion.statements import CHECKS, FAMILIES, run_checks, statements

Mutant = Callable[[Any], Any]
"""From what a name stands for to a wrong version of it."""


def times(factor: float) -> Mutant:
    """The result off by a factor."""
    return lambda original: lambda *a, **k: original(*a, **k) * factor


def instead(wrong: Any) -> Mutant:
    """Something else in its place."""
    return lambda original: wrong


def missing_gate(original: Any) -> Any:
    """Activity without the first layer's gates."""
    return lambda paths, gates, *rest: original(paths, [torch.ones_like(gates[0]), *gates[1:]], *rest)


def missing_gate_in_features(original: Any) -> Any:
    return lambda paths, x, gates, *rest: original(paths, x, [*gates[:-1], torch.ones_like(gates[-1])], *rest)


def missing_weight(original: Any) -> Any:
    """Path values without the weights of the output layer."""

    def wrong(paths, theta):
        last = f"weight.{paths.architecture.gated_layers}"
        return original(paths, {**theta, last: torch.ones_like(theta[last])})

    return wrong


def missing_longhand_weight(original: Any) -> Any:
    return lambda path, weights: original(path, [*weights[:-1], [[1.0]] * len(weights[-1])])


def linear(original: Any) -> Any:
    """A forward pass without gates."""

    def wrong(architecture, theta, x, gates=None, **rest):
        ones = [torch.ones(len(x), *shape, dtype=x.dtype) for shape in architecture.gate_shapes()]
        return original(architecture, theta, x, gates=ones)

    return wrong


def own_gates(original: Any) -> Any:
    return lambda architecture, theta, x, gates=None: original(architecture, theta, x)


def off_centre(original: Any) -> Any:
    """A forward pass that knows where a pixel lies."""
    return lambda architecture, theta, x: original(architecture, theta, x * (1 + torch.arange(x.shape[-1])))


def short_of_one(original: Any) -> Any:
    """Everything but the last item."""
    return lambda *a, **k: list(original(*a, **k))[:-1]


def without_first(original: Any) -> Any:
    return lambda *a, **k: dict(list(original(*a, **k).items())[1:])


def one_layer_twice(original: Any) -> Any:
    return lambda gates, *a, **k: original([*gates, gates[0]], *a, **k)


def normalised(original: Any) -> Any:
    return lambda *a, **k: original(*a, **{**k, "normalise": True})


def value_part_only(original: Any) -> Any:
    return lambda dgn, **k: original(dgn, **{**k, "part": "value"})


def convolutions_only(original: Any) -> Any:
    return lambda paths, weight_layers=None: original(paths, 2)


def feature_drifts(original: Any) -> Any:
    """A step of training that moves the feature network of a fixed regime."""

    def wrong(spec, model):
        moved = original(spec, model)
        return replace(moved, feature={name: value + 0.5 for name, value in moved.feature.items()})

    return wrong


def first_gates_everywhere(original: Any) -> Any:
    return lambda gates, order: [gates[order[0]]] * len(gates)


def zero_padded(original: Any) -> Any:
    return lambda gates, k: [torch.cat([G, *[torch.zeros_like(G)] * (k - 1)], dim=1) for G in gates]


def wrong_rules(regime: Regime, rule: Rule) -> Mutant:
    return lambda original: {**RULES, regime: rule}


def printed_exponent(d: int, sigma: float) -> float:
    return d * sigma ** (d - 1)


MUTANTS: dict[str, tuple[str, Mutant]] = {
    "A-Eq1": ("dynamics.error_velocity", times(-1)),
    "A-T1": ("oracles.cases.trace", linear),
    "A-paths": ("paths.paths_fc", instead(lambda d_in, w, d: d_in * w**d)),
    "A-gates": ("forward_pass.soft_gate_slope", instead(lambda q, beta: beta / (1 + torch.exp(-beta * q)) ** 2)),
    "A-Eq2": ("features.activity", missing_gate),
    "A-Eq3": ("oracles.cases.neural_path_features", missing_gate_in_features),
    "A-Eq4": ("features.neural_path_values", missing_weight),
    "A-Hom": ("features.neural_path_features", lambda f: lambda paths, x, gates: f(paths, x * x, gates)),
    "A-P2.1": ("oracles.cases.neural_path_values", missing_weight),
    "A-Eq5": ("oracles.longhand.fc_value", missing_longhand_weight),
    "A-Eq6": ("oracles.cases.neural_path_values", missing_weight),
    "A-Eq7": ("gradients.feature_part", times(0)),
    "A-P2.2": ("gradients.neural_path_values", lambda f: lambda *a: f(*a) ** 2),
    "A-P2.3": ("gradients.activity", missing_gate),
    "A-Eq8": ("gradients.feature_part", times(-1)),
    "A-P2.4": ("dynamics.error_velocity", times(-1)),
    "A-FNPF": ("regimes._step", feature_drifts),
    "A-DNPFL": ("companion.runs.regimes.RULES", wrong_rules(Regime.DL, Rule(feature="stream"))),
    "A-P3.1": ("dynamics.error_velocity", times(2)),
    "A-P3.2": ("companion.kernels.ntk", value_part_only),
    "A-As1": ("regimes.draw", lambda f: lambda *a: {name: value + 0.1 for name, value in f(*a).items()}),
    "A-D4.1": ("path_kernel.npk", normalised),
    "A-Th4.1": ("ntk_npk.beta_fc", instead(printed_exponent)),
    "A-D4.2": ("path_kernel.overlap", one_layer_twice),
    "A-L4.1": ("path_kernel.overlap", one_layer_twice),
    "A-nu": ("path_kernel.label_alignment", instead(lambda H, y: float(y @ H @ y))),
    "B-T1": ("oracles.cases.trace", linear),
    "B-D2.1": ("forward_pass.rotate", instead(lambda x, r: x.roll(r, -1))),
    "B-D2.2": ("forward_pass.pool_mask", times(2)),
    "B-D2.3": ("forward_pass.forward", own_gates),
    "B-D3.1": ("oracles.longhand.residual_paths", short_of_one),
    "B-P3.1": ("paths.paths_residual", instead(lambda d_in, w, b, d_blk: d_in * w ** ((b + 2) * d_blk - 1))),
    "B-N3.1": ("paths.paths_fc", instead(lambda d_in, w, d: d_in * w**d)),
    "B-D3.2": ("features.activity", lambda f: lambda paths, gates, mask=None: f(paths, gates)),
    "B-D3.3": ("companion.kernels.neural_paths.Paths.bundles", convolutions_only),
    "B-P3.2": ("companion.kernels.neural_paths.Paths.bundles", convolutions_only),
    "B-D3.4": ("paths.PRE", instead((1.0, 1.0))),
    "B-F2": ("paths.paths_cnn", times(2)),
    "B-D3.5": ("features.neural_path_values", lambda f: lambda paths, theta: f(paths, theta) / paths.scale),
    "B-P3.3": ("forward_pass.trace", off_centre),
    "B-D3.6": ("features.bundle_features", times(0.2)),
    "B-P3.4": ("oracles.cases.neural_path_values", lambda f: lambda paths, theta: f(paths, theta) / paths.scale),
    "B-D4.1": ("path_kernel.npk", lambda f: lambda dgn, **k: f(dgn)),
    "B-D4.2": ("path_kernel.paths_active_for_both", times(2)),
    "B-D4.3": ("path_kernel.layer_kernels", normalised),
    "B-L4.1": ("path_kernel.overlap", one_layer_twice),
    "B-L4.2": ("composite.npk_of_subnetworks", without_first),
    "B-L4.3": ("composite.rotate", instead(lambda x, r: x)),
    "B-D5.1": ("companion.runs.regimes.RULES", wrong_rules(Regime.FR_DI, Rule(feature="stream"))),
    "B-P5.1": ("companion.kernels.ntk", value_part_only),
    "B-Th5.1i": ("ntk_npk.beta_fc", instead(printed_exponent)),
    "B-Th5.1ii": ("ntk_npk.beta_cnn", lambda f: lambda d_in, *rest: f(d_in, *rest) * d_in**2),
    "B-Th5.1iii": (
        "oracles.expectations.beta_residual",
        lambda f: lambda J, d_blk, sigma, pre, post: f(J, d_blk, sigma, [1.0] * len(pre), post),
    ),
    "B-Decoup": ("ntk_npk.relu_ntk_limit", lambda f: lambda x, depth, scale: f(x, depth=depth - 1, scale=scale)),
    "B-Base": ("base_kernel.co_activity", instead(lambda theta: 0.5 - theta / torch.pi)),
    "B-CONJ": ("base_kernel.next_angle", instead(lambda theta: theta)),
    "C-Eq1": ("companion.kernels.overlap", one_layer_twice),
    "C-Eq2": ("ntk_npk.beta_fc", instead(printed_exponent)),
    "C-T1": ("oracles.cases.trace", linear),
    "C-D2.1": ("features.activity", missing_gate),
    "C-P2.1": ("oracles.cases.neural_path_values", missing_weight),
    "C-Eq3": ("oracles.longhand.fc_value", missing_longhand_weight),
    "C-P2.2": ("companion.kernels.ntk", value_part_only),
    "C-D2.2": ("path_kernel.paths_active_for_both", times(2)),
    "C-D2.3": ("path_kernel.weighted_inner_product", instead(lambda u, v, weights: u @ v.T)),
    "C-L2.1": ("path_kernel.weighted_inner_product", instead(lambda u, v, weights: u @ v.T)),
    "C-As2.1": ("regimes.draw", lambda f: lambda network, seed, sigma, scheme: f(network, seed, sigma, "normal")),
    "C-Th2.1": ("ntk_npk.beta_fc", instead(printed_exponent)),
    "C-Th3.1": ("ntk_npk.beta_fc", instead(printed_exponent)),
    "C-Tile": ("ntk_npk.tile", zero_padded),
    "C-Perm": ("path_kernel.permute", first_gates_everywhere),
    "C-Const": ("path_kernel.npk", normalised),
    "C-S5": ("forward_pass.trace", lambda f: lambda network, theta, x, gates=None: f(network, theta, x)),
}
"""For each statement one name that its check relies on, and a way to get it wrong."""

PRINTED: dict[str, tuple[str, Mutant]] = {
    "B-Base": ("base_kernel.printed_base_kernel", instead(kernels.co_activity)),
    "C-Th2.1": ("ntk_npk.printed_constant", instead(kernels.beta_fc)),
}
"""For a wrong print, the right formula in its place: then it holds, and must not pass."""


@pytest.fixture
def mutate(monkeypatch):
    """Replace a name by a wrong version; what the checks remember is forgotten before and after."""

    def apply(target: str, mutant: Mutant) -> None:
        name = target if target.startswith("companion.") else f"companion.statements.{target}"
        holder, attribute = name.rsplit(".", 1)
        owner = pkgutil.resolve_name(holder)
        monkeypatch.setattr(owner, attribute, mutant(getattr(owner, attribute)))

    forget()
    yield apply
    monkeypatch.undo()
    forget()


def forget() -> None:
    for info in pkgutil.walk_packages(companion.statements.__path__, "companion.statements."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()


def test_every_statement_has_a_check_or_a_reason_for_none():
    for id, statement in statements().items():
        assert (id in CHECKS) != bool(statement.why_no_check), id
    assert list(CHECKS) == [id for id in statements() if id in CHECKS]
    assert sum(len(family) for family in FAMILIES.values()) == len(CHECKS)


LONG = {"A-Th4.1", "B-CONJ", "B-Decoup", "B-Th5.1ii"}
"""Limits of large width."""


@pytest.mark.parametrize("id", [pytest.param(id, marks=pytest.mark.slow if id in LONG else ()) for id in CHECKS])
def test_check_passes(id):
    checks = run_checks([id])
    assert checks
    assert [check for check in checks if not check.passed] == []
    assert all(check.id == id for check in checks)
    assert len({(check.form, check.aspect) for check in checks}) == len(checks)
    if statements()[id].printed_wrong:
        assert {"corrected", "printed"} <= {check.form for check in checks}
        assert "stated" not in {check.form for check in checks}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("id", MUTANTS)
def test_check_fails_once_its_formula_is_wrong(id, mutate, monkeypatch):
    mutate(*MUTANTS[id])
    monkeypatch.setattr("companion.statements.ntk_npk.WIDTHS", (32, 64, 128, 256))
    monkeypatch.setattr("companion.statements.base_kernel._finite", lambda id: [])
    if id != "B-Decoup":  # everything else shows its mutant without the limits of large width, which take long
        monkeypatch.setattr("companion.statements.oracles.widths.rate", lambda *a, **k: [])
    assert not all(check.passed for check in run_checks([id]))


@pytest.mark.parametrize("id", PRINTED)
def test_a_print_that_turned_out_right_would_not_pass(id, mutate):
    mutate(*PRINTED[id])
    printed = [check for check in run_checks([id]) if check.form == "printed"]
    assert all(check.holds and not check.passed for check in printed)


def test_checks_are_the_same_every_time():
    ids = ["A-P2.1", "B-L4.3", "C-Th2.1", "A-As1"]
    assert run_checks(ids) == run_checks(ids)


def test_progress_is_reported_in_order():
    seen = []
    run_checks(["A-Eq2", "A-L4.1", "A-Eq2"], on_progress=lambda *args: seen.append(args))
    assert seen == [("A-Eq2", 1, 2), ("A-L4.1", 2, 2)]


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("A-P2", r"unknown statement 'A-P2': close matches are .*A-P2\.1"),
        ("b-th5.1i", r"close matches are B-Th5\.1i"),
        ("nonsense", "ids look like"),
        ("A-T2", "A-T2 has no check: it is decided by the records of A-T2"),
        ("A-F1", "A-F1 has no check: "),
    ],
)
def test_ids_without_a_check_are_refused_before_anything_runs(id, message):
    seen = []
    with pytest.raises(ValueError, match=message):
        run_checks(["A-Eq2", id], on_progress=lambda *args: seen.append(args))
    assert seen == []
