"""Activities, features and values of paths against loops over numbers; inner products against the network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from companion.kernels.neural_paths import (
    activity,
    bundle_features,
    bundle_values,
    neural_path_features,
    neural_path_values,
)
from companion.networks.forward import forward, trace
from companion.networks.gates import HardGate, SoftGate
from companion.networks.initialise import initialise
from companion.notation import Tensor
from companion.statements.check import Check, Checker, count, differ, equal
from companion.statements.oracles import tables
from companion.statements.oracles.cases import CASES, CNN, CNN_MAX, FC, RESNET, SOFT, Case

__all__ = ["CHECKS"]


def _activity(id: str, cases: tuple[Case, ...] = (FC,)) -> list[Check]:
    return [
        equal(id, case.name, activity(case.paths, case.run().G, case.mask(case.run())), tables.activities(case))
        for case in cases
    ]


def _feature(id: str, cases: tuple[Case, ...] = (FC,)) -> list[Check]:
    return [equal(id, case.name, case.features(), tables.features(case)) for case in cases]


def _value(id: str, cases: tuple[Case, ...] = (FC,)) -> list[Check]:
    return [equal(id, case.name, neural_path_values(case.paths, case.theta), tables.values(case)) for case in cases]


def _bundled_feature(id: str) -> list[Check]:
    checks = _feature(id, (FC, RESNET))
    for case in (CNN, CNN_MAX):
        bundles = case.paths.bundles()
        phi, slow = case.features(), tables.features(case)
        summed = torch.stack([slow[:, bundles == b].sum(1) for b in range(int(bundles.max()) + 1)], dim=1)
        checks.append(equal(id, f"{case.name}, summed over bundles", bundle_features(phi, bundles), summed))
    return checks


def _definitions(id: str) -> list[Check]:
    parts = {"activity": _activity(id), "feature": _feature(id), "value": _value(id)}
    return [replace(check, aspect=f"{name}, {check.aspect}") for name, checks in parts.items() for check in checks]


def _path(id: str) -> list[Check]:
    checks = []
    for case in CASES:
        found = set(tables.keys(case))
        checks.append(count(id, f"paths in one list only, {case.name}", len(found ^ set(tables.path_table(case))), 0))
        checks.append(count(id, f"all different, {case.name}", len(found), len(case.paths)))
    return checks


def _homogeneous(id: str) -> list[Check]:
    c = 2.5

    def phi(case: Case, x: Tensor, gate: HardGate | SoftGate, bias: bool = False) -> Tensor:
        network, theta = case.architecture, case.theta
        if bias:
            network = replace(network, bias=True)
            theta = initialise(network, torch.Generator().manual_seed(7), "normal", 1.0, torch.float64)
            theta = {name: value + 1.0 if name.startswith("bias") else value for name, value in theta.items()}
        return neural_path_features(case.paths, x, trace(network, theta, x, gate=gate).G)

    x, hard = FC.x, HardGate()
    values = phi(FC, x, hard)
    nearest = torch.minimum(values.abs(), (values - x[:, FC.paths.source]).abs())
    return [
        equal(id, "hard gates, no bias", phi(FC, c * x, hard), c * values),
        equal(id, "0 or the input", nearest, torch.zeros_like(nearest), scale=float(x.abs().max())),
        differ(id, "fails for soft gates", phi(FC, c * x, SOFT), c * phi(FC, x, SOFT), at_least=0.05),
        differ(id, "fails with biases", phi(FC, c * x, hard, True), c * phi(FC, x, hard, True), at_least=0.05),
    ]


def _inner_product(id: str, cases: tuple[Case, ...] = (FC,)) -> list[Check]:
    checks = []
    for case in cases:
        for name, gate in (
            ("hard gates", HardGate()),
            ("soft gates, beta 4", SoftGate(4.0, 0.0)),
            ("soft gates, beta 10", SoftGate(10.0, 0.0)),
        ):
            bundles = case.paths.bundles()
            phi, v = bundle_features(case.features(gate), bundles), bundle_values(case.values(), bundles)
            output = forward(case.architecture, case.theta, case.x, gate=gate)[:, 0]
            checks.append(equal(id, f"{case.name}, {name}", phi @ v, output))
    return checks


def _output_sum(id: str) -> list[Check]:
    outputs = forward(FC.architecture, FC.theta, FC.x)[:, 0]
    rows = tables.path_table(FC).values()
    sums = [sum(row.feature[s] * row.value for row in rows) for s in range(FC.n)]
    return [equal(id, "sum over paths by loops", torch.tensor(sums, dtype=torch.float64), outputs)]


def _output_matrix(id: str) -> list[Check]:
    Phi = FC.features(SOFT).T
    return [equal(id, "Phi^T v, soft gates", Phi.T @ FC.values(), FC.run(SOFT).output[:, 0])]


CHECKS: dict[str, Checker] = {
    "A-Eq2": _activity,
    "A-Eq3": _feature,
    "A-Eq4": _value,
    "A-Hom": _homogeneous,
    "A-P2.1": _inner_product,
    "A-Eq5": _output_sum,
    "A-Eq6": _output_matrix,
    "B-D3.1": _path,
    "B-D3.2": partial(_activity, cases=CASES),
    "B-D3.5": partial(_value, cases=CASES),
    "B-D3.6": _bundled_feature,
    "B-P3.4": partial(_inner_product, cases=CASES),
    "C-D2.1": _definitions,
    "C-P2.1": _inner_product,
    "C-Eq3": _output_sum,
}
