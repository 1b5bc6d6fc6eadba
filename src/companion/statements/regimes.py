"""The regimes of training: where the two networks start, and what a step of training moves."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from companion.networks.families import fully_connected
from companion.networks.forward import Params
from companion.networks.initialise import hidden_only, initialise
from companion.notation import Float, Regime, Tensor
from companion.runs.regimes import Model, gates, initial_model, output
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.statements.check import Check, Checker, differ, equal, near
from companion.statements.oracles.cases import draw

__all__ = ["CHECKS"]


def _spec(regime: Regime, seed: int = 3) -> RunSpec:
    return RunSpec(dataset="digits", width=12, depth=4, regime=regime, seed=seed)


def _model(regime: Regime) -> tuple[RunSpec, Model, Params]:
    """A run at its start, together with a stand-in for a trained teacher."""
    spec = _spec(regime)
    teacher = initialise(spec.network, stream(99, "teacher"))
    return spec, initial_model(spec, teacher if regime is Regime.FL else None), teacher


def _row(params: Mapping[str, Tensor]) -> Float[Tensor, "parameters"]:
    return torch.cat([value.flatten() for value in params.values()])


def _step(spec: RunSpec, model: Model) -> Model:
    """One step of gradient descent on the squared outputs, in whatever trains."""
    x = _inputs()
    moving = {name: value.clone().requires_grad_() for name, value in model.trainable(spec.regime).items()}
    loss = output(spec, model.updated(moving), x).square().sum()
    grads = torch.autograd.grad(loss, list(moving.values()))
    return model.updated(
        {name: (value - 0.1 * grad).detach() for (name, value), grad in zip(moving.items(), grads, strict=True)}
    )


def _inputs() -> Float[Tensor, "N C H W"]:
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(5))


def _parts(model: Model) -> tuple[Params, Params]:
    if model.feature is None:
        raise ArithmeticError("a deep gated network has a feature network")
    return model.value, model.feature


def _moves(id: str, regime: Regime) -> list[Check]:
    """What a step moves: the value network always, feature network and gates in DL only."""
    spec, model, _ = _model(regime)
    (value, feature), (value_after, feature_after) = _parts(model), _parts(_step(spec, model))
    checks = [differ(id, f"{regime}: theta_v moves", _row(value_after), _row(value))]
    before, after = (torch.cat(gates(spec, part, _inputs()), dim=1) for part in (feature, feature_after))
    if regime is Regime.DL:
        return [
            *checks,
            differ(id, f"{regime}: theta_f moves", _row(feature_after), _row(feature)),
            differ(id, f"{regime}: gates move", after, before),
        ]
    return [
        *checks,
        equal(id, f"{regime}: theta_f stays", _row(feature_after), _row(feature), tolerance=0.0),
        equal(id, f"{regime}: gates stay", after, before, tolerance=0.0),
    ]


def _fixed(id: str) -> list[Check]:
    return [check for regime in (Regime.FR_II, Regime.FR_DI, Regime.FL) for check in _moves(id, regime)]


def _learnt(id: str) -> list[Check]:
    spec, model, _ = _model(Regime.DL)
    value, feature = _parts(model)
    start = hidden_only(spec.network, value)
    return [*_moves(id, Regime.DL), differ(id, "own initial weights", _row(feature), _row(start))]


def _four(id: str) -> list[Check]:
    checks = []
    for regime in (Regime.DL, Regime.FL, Regime.FR_II, Regime.FR_DI):
        spec, model, teacher = _model(regime)
        value, feature = _parts(model)
        copy, pretrained = hidden_only(spec.network, value), hidden_only(spec.network, teacher)
        if regime is Regime.FR_DI:
            checks.append(equal(id, f"{regime}: a copy of theta_v", _row(feature), _row(copy), tolerance=0.0))
        else:
            checks.append(differ(id, f"{regime}: independent of theta_v", _row(feature), _row(copy), at_least=1.0))
        if regime is Regime.FL:
            checks.append(equal(id, f"{regime}: the teacher's", _row(feature), _row(pretrained), tolerance=0.0))
        checks += _moves(id, regime)
    return checks


def _sample_moments(id: str, scheme: str) -> list[Check]:
    """Mean, variance and correlation of independently drawn networks, within four standard errors of a sample."""
    network, sigma = fully_connected((64,), width=128, depth=4, bias=False), 0.7
    theta_v, theta_f = (_row(draw(network, seed, sigma, scheme)) for seed in (31, 32))
    n = len(theta_v)
    kurtosis = float((theta_v**4).mean()) / sigma**4
    return [
        near(id, "mean over sigma", float(theta_v.mean()) / sigma, 0.0, 4 / n**0.5),
        near(id, "variance over sigma^2", float(theta_v.square().mean()) / sigma**2, 1.0, 4 * (2 / n) ** 0.5),
        near(id, "fourth moment over sigma^4", kurtosis, 3.0 if scheme == "normal" else 1.0, 4 * (96 / n) ** 0.5),
        near(id, "correlation of the two networks", float(theta_v @ theta_f) / (n * sigma**2), 0.0, 4 / n**0.5),
    ]


def _independent(id: str) -> list[Check]:
    return _sample_moments(id, "normal")


def _signs(id: str) -> list[Check]:
    network, sigma = fully_connected((64,), width=128, depth=4, bias=False), 0.7
    theta = draw(network, 31, sigma, "sign")["weight.0"]
    return [
        *_sample_moments(id, "sign"),
        equal(id, "every weight is plus or minus sigma", theta.abs(), torch.full_like(theta, sigma)),
    ]


CHECKS: dict[str, Checker] = {
    "A-FNPF": _fixed,
    "A-DNPFL": _learnt,
    "A-As1": _independent,
    "B-D5.1": _four,
    "C-As2.1": _signs,
}
