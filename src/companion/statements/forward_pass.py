"""Gates, layers, pools, sub-networks: what one forward pass does, against the papers' formulas."""

from __future__ import annotations

from functools import reduce
from math import prod

import torch

from companion.kernels.neural_paths import pool_mask
from companion.networks.architectures import GlobalAveragePool, GlobalMaxPool
from companion.networks.families import fully_connected
from companion.networks.forward import forward, trace
from companion.networks.gates import HardGate, SoftGate
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, Form, count, equal
from companion.statements.oracles import longhand
from companion.statements.oracles.cases import CNN, CNN_MAX, D_BLK, FC, FC_SIZE, POST, PRE, RESNET, draw, examples

__all__ = ["CHECKS", "rotate", "soft_gate_slope"]


def soft_gate_slope(q: Float[Tensor, "..."], beta: float) -> Float[Tensor, "..."]:
    """``beta / ((1 + e^(beta q)) (1 + e^(-beta q)))``, the derivative of the soft gate (Paper A, Section 2.1)."""
    return beta / ((1 + torch.exp(beta * q)) * (1 + torch.exp(-beta * q)))


def _gates(id: str) -> list[Check]:
    q = torch.tensor([-2.0, -0.3, 0.0, 0.2, 1.7], dtype=torch.float64)
    hard, checks = HardGate(), []
    one_if_positive = torch.tensor([1.0 if value > 0 else 0.0 for value in q.tolist()], dtype=torch.float64)
    checks.append(equal(id, "hard gate, 0 at q = 0", hard(q), one_if_positive))
    checks.append(equal(id, "q times the hard gate is ReLU", q * hard(q), torch.relu(q)))
    for beta in (1.0, 4.0, 10.0):
        soft = SoftGate(beta, 0.0)
        checks.append(equal(id, f"soft gate, beta {beta:g}", soft(q), 1 / (1 + torch.exp(-beta * q))))
        moving = q.clone().requires_grad_()
        (slopes,) = torch.autograd.grad(soft(moving).sum(), moving)
        checks.append(equal(id, f"slope of the soft gate, beta {beta:g}", slopes, soft_gate_slope(q, beta)))
    return checks


def _fully_connected(id: str, form: Form = "stated") -> list[Check]:
    run = FC.run()
    theta = [FC.theta[f"weight.{l}"].tolist() for l in range(FC.architecture.depth)]
    slow = [longhand.fc_output(x, theta) for x in FC.x.tolist()]
    gates = torch.tensor([[G for layer in gates for G in layer] for gates, _ in slow], dtype=torch.float64)
    outputs = torch.tensor([[y] for _, y in slow], dtype=torch.float64)
    return [
        equal(id, "gates by loops", torch.cat(run.G, dim=1), gates, form=form),
        equal(id, "output by loops", run.output, outputs, form=form),
    ]


def _paper_a_table(id: str) -> list[Check]:
    (d_in,) = FC.architecture.input_shape
    width = FC.architecture.weight_shapes()[0].weight[1]
    return [
        *_fully_connected(id, "corrected"),
        count(id, "entries of a column of Theta(1), which meet those of x", width, d_in, form="printed"),
    ]


def _paper_c_table(id: str) -> list[Check]:
    d_in, w, d = FC_SIZE
    weights = sum(prod(shape) for shape in FC.architecture.parameter_shapes().values())
    run = FC.run()
    last, before = FC.theta[f"weight.{d - 1}"], FC.theta[f"weight.{d - 2}"]
    return [
        *_fully_connected(id, "corrected"),
        count(id, "number of weights", d_in * w + (d - 2) * w**2 + w, weights, form="corrected"),
        equal(id, "output by the weights of layer d", run.z[-1] @ last[:, 0], run.output[:, 0], form="corrected"),
        equal(id, "output by the weights of layer d-1", run.z[-1] @ before[:, 0], run.output[:, 0], form="printed"),
    ]


def rotate(x: Float[Tensor, "... D"], r: int) -> Float[Tensor, "... D"]:
    """``rot(x, r)(i) = x(i + r)``, around the circle (Paper B, Definition 2.1)."""
    return x.roll(-r, -1)


def _circular(id: str) -> list[Check]:
    run, checks = CNN.run(), []
    inputs = [CNN.x, *run.z]
    for l in range(CNN.convolutions):
        weight = CNN.theta[f"weight.{l}"].tolist()
        slow = [longhand.circular_convolution(weight, z) for z in inputs[l].tolist()]
        checks.append(equal(id, f"convolution {l + 1} by loops", run.q[l], torch.tensor(slow, dtype=torch.float64)))
    x, r = CNN.x[0, 0], 2
    turned = torch.tensor([x.tolist()[(i + r) % len(x)] for i in range(len(x))], dtype=torch.float64)
    return [*checks, equal(id, "rotation by loops", rotate(x, r), turned)]


def _pooling(id: str) -> list[Check]:
    checks = []
    for case, pool in ((CNN, GlobalAveragePool()), (CNN_MAX, GlobalMaxPool())):
        run = case.run()
        z = run.z[case.convolutions - 1]
        mask = pool_mask(pool, z)
        pooled = run.inputs[case.convolutions]
        checks.append(equal(id, f"mask and sum, {case.name}", (z * mask).sum(-1), pooled))
        checks.append(equal(id, f"the mask adds up to 1, {case.name}", mask.sum(-1), torch.ones_like(pooled)))
    return checks


def _subnetworks(id: str) -> list[Check]:
    run, phi, v = RESNET.run(), RESNET.features(), RESNET.values()
    checks = []
    for J in longhand.subsets(2):
        blocks = [0, *(j + 1 for j in J), 3]
        kept = [block * D_BLK + i for block in blocks for i in range(D_BLK)]
        network = fully_connected((3,), 3, len(kept), bias=False)
        theta = {f"weight.{l}": RESNET.theta[f"weight.{source}"] for l, source in enumerate(kept)}
        gates = [run.G[l] for l in kept[:-1]]
        Gamma = prod(PRE[j] for j in J) * prod(POST)
        through = torch.stack([flag if j in J else ~flag for j, flag in enumerate(RESNET.paths.through)]).all(0)
        dense = Gamma * forward(network, theta, RESNET.x, gates)[:, 0]
        checks.append(equal(id, f"paths through the blocks {J}", phi[:, through] @ v[through], dense))
    return checks


def _equivariance(id: str) -> list[Check]:
    checks = []
    for case in (CNN, CNN_MAX):
        here = case.run()
        for r in (1, 3):
            there = trace(case.architecture, case.theta, rotate(case.x, r))
            for name in "qGz":
                turned = [rotate(getattr(here, name)[l], r) for l in range(case.convolutions)]
                measured = torch.stack(getattr(there, name)[: case.convolutions])
                checks.append(equal(id, f"{name} of rot(x, {r}), {case.name}", measured, torch.stack(turned)))
            checks.append(equal(id, f"output of rot(x, {r}), {case.name}", there.output, here.output))
    return checks


def _linear_features(id: str) -> list[Check]:
    network = fully_connected((6,), width=5, depth=5, bias=False)
    theta, x = draw(network, 21, 1.0), examples(network, 7, 22)
    open_gates = [torch.ones(len(x), *shape, dtype=x.dtype) for shape in network.gate_shapes()]
    q = trace(network, theta, x, gates=open_gates).q
    weights = [theta[f"weight.{l}"] for l in range(network.gated_layers)]
    one_matrix = [x @ reduce(torch.matmul, weights[: l + 1]) for l in range(len(weights))]
    hard = HardGate()
    G = torch.stack([hard(value) for value in q])
    scaled = torch.stack([hard(value) for value in trace(network, theta, 3.0 * x, gates=open_gates).q])
    turned = torch.stack([hard(value) for value in trace(network, theta, -x, gates=open_gates).q])
    return [
        equal(id, "each layer is one matrix", torch.stack(q), torch.stack(one_matrix)),
        equal(id, "G(cx) = G(x)", scaled, G),
        equal(id, "G(-x) = 1 - G(x)", turned, 1 - G),
    ]


CHECKS: dict[str, Checker] = {
    "A-gates": _gates,
    "A-T1": _paper_a_table,
    "B-T1": _fully_connected,
    "B-D2.1": _circular,
    "B-D2.2": _pooling,
    "B-D2.3": _subnetworks,
    "B-P3.3": _equivariance,
    "C-T1": _paper_c_table,
    "C-S5": _linear_features,
}
