"""The neural path kernel of fully connected networks, and what follows from its being a product."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import torch

from companion.kernels import (
    DeepGatedNetwork,
    gram,
    label_alignment,
    layer_kernels,
    npk,
    npk_from_gates,
    overlap,
    relu_network,
)
from companion.kernels.neural_paths import activity, bundle_features
from companion.networks.families import circular_cnn, fully_connected
from companion.networks.forward import trace
from companion.networks.gates import HardGate
from companion.networks.routing import permute
from companion.notation import Float, Tensor
from companion.statements.check import Check, Checker, Form, count, differ, equal
from companion.statements.oracles.cases import CASES, CNN, FC, RESNET, SOFT, Case, draw, examples

__all__ = ["CHECKS", "paths_active_for_both", "weighted_inner_product"]


def weighted_inner_product(
    u: Float[Tensor, "N D"], v: Float[Tensor, "M D"], weights: Float[Tensor, "N M D"]
) -> Float[Tensor, "N M"]:
    """``<u, v>_D = sum_i D(i) u(i) v(i)`` for all pairs, each with weights of its own (Paper C, Definition 2.3)."""
    return torch.einsum("ni,mi,nmi->nm", u, v, weights)


def paths_active_for_both(case: Case, gates: list[Tensor] | tuple[Tensor, ...] | None = None) -> Float[Tensor, "N N D"]:
    """``Lambda(i, s, s')``: paths from node ``i`` active for both, counted one by one (Paper B, Definition 4.2)."""
    A = activity(case.paths, case.run().G if gates is None else gates)
    both = A[:, None] * A[None, :]
    per_node = torch.zeros(*both.shape[:2], case.x[0].numel(), dtype=both.dtype)
    return per_node.index_add(2, case.paths.source, both)


def _path_kernel(case: Case, phi: Float[Tensor, "N P"]) -> Float[Tensor, "N N"]:
    summed = bundle_features(phi, case.paths.bundles())
    return summed @ summed.T


def _definition(id: str, cases: tuple[Case, ...] = (FC,)) -> list[Check]:
    checks = []
    for case in cases:
        for name, gate in (("hard", HardGate()), ("soft", SOFT)):
            kernel = npk(relu_network(case.architecture, case.theta, gate), pool_factor=True)
            slow = _path_kernel(case, case.features(gate))
            checks.append(equal(id, f"{case.name}, {name} gates", kernel(case.x), slow))
    return checks


def _overlap(id: str) -> list[Check]:
    Lambda, run = paths_active_for_both(FC), FC.run()
    width = run.G[0].shape[1]
    tau = [torch.stack([(G[s] * G).sum(1) for s in range(FC.n)]) for G in run.G]
    A = activity(FC.paths, run.G)
    total, s = A.sum(1), int(A.sum(1).argmax())
    per_node = overlap(run.G)
    checks = [equal(id, f"tau of layer {l + 1}", layer_kernels(run.G)[l], t) for l, t in enumerate(tau)]
    checks.append(equal(id, "fraction of layer 1", layer_kernels(run.G, normalise=True)[0], tau[0] / width))
    checks += [equal(id, f"paths from input node {i}", per_node, Lambda[..., i]) for i in range(Lambda.shape[2])]
    d_in = Lambda.shape[2]
    return [
        *checks,
        count(id, "all active paths are d_in Lambda", int(total[s]), d_in * int(per_node[s, s]), form="corrected"),
        count(id, "all active paths are Lambda", int(total[s]), int(per_node[s, s]), form="printed"),
    ]


def _layer_kernels(id: str) -> list[Check]:
    checks = []
    for case in (FC, RESNET):
        run = case.run()
        for l, G in enumerate(run.G):
            both = torch.tensor(
                [[sum(a * b for a, b in zip(s, t, strict=True)) for t in G.tolist()] for s in G.tolist()]
            )
            checks.append(equal(id, f"{case.name}, layer {l + 1}", layer_kernels(run.G)[l], both.double()))
    return checks


def _product(id: str) -> list[Check]:
    checks = []
    for name, gate in (("hard", HardGate()), ("soft", SOFT)):
        H = _path_kernel(FC, FC.features(gate))
        checks.append(equal(id, f"Gram times overlap, {name} gates", gram(FC.x) * overlap(FC.run(gate).G), H))
    return checks


def _weighted(id: str) -> list[Check]:
    H = _path_kernel(FC, FC.features())
    return [
        equal(
            id,
            "inner product weighted by path counts",
            weighted_inner_product(FC.x, FC.x, paths_active_for_both(FC)),
            H,
        ),
        equal(id, "fast kernel", npk(relu_network(FC.architecture, FC.theta))(FC.x), H),
    ]


def _product_and_weighted(id: str) -> list[Check]:
    return [*_product(id), *_weighted(id)]


def _input_node(id: str) -> list[Check]:
    checks = []
    for case in (FC, CNN, RESNET) if id.startswith("B") else (FC,):
        A = activity(case.paths, case.run().G)
        columns = [A[:, case.paths.source == i] for i in range(case.x[0].numel())]
        slow = torch.stack([((a[:, None] > 0) & (a[None] > 0)).sum(-1) for a in columns], dim=-1).double()
        checks.append(equal(id, f"sum over paths, {case.name}", paths_active_for_both(case), slow))
    return checks


def _weights(id: str) -> list[Check]:
    Lambda = paths_active_for_both(FC)
    x = FC.x.tolist()
    slow = [
        [sum(D * a * b for D, a, b in zip(Lambda[s, t].tolist(), x[s], x[t], strict=True)) for t in range(FC.n)]
        for s in range(FC.n)
    ]
    ones = torch.ones_like(Lambda)
    return [
        equal(id, "by loops", weighted_inner_product(FC.x, FC.x, Lambda), torch.tensor(slow, dtype=torch.float64)),
        equal(id, "weights of 1 give the plain product", weighted_inner_product(FC.x, FC.x, ones), gram(FC.x)),
        count(id, "negative weights", int((Lambda < 0).sum()), 0),
    ]


def _constant_input(id: str) -> list[Check]:
    network = DeepGatedNetwork(FC.architecture, FC.theta, FC.theta, value_input=torch.ones_like)
    (d_in,) = FC.architecture.input_shape
    gates = FC.run().G
    both = torch.stack([torch.stack([(G[s] * G).sum(1) for s in range(FC.n)]) for G in gates]).prod(0)
    return [equal(id, "d_in times the gate product", npk(network)(FC.x), d_in * both)]


def _permutation(id: str) -> list[Check]:
    fc = fully_connected((6,), width=8, depth=5, bias=False)
    x = examples(fc, 6, 41)
    gates = trace(fc, draw(fc, 42, 1.0), x).G
    H = npk_from_gates(fc, x, gates)
    permuted = torch.stack([npk_from_gates(fc, x, permute(gates, order)) for order in permutations(range(4))])
    units = [G[:, torch.randperm(8, generator=torch.Generator().manual_seed(l))] for l, G in enumerate(gates)]
    cnn = circular_cnn(d_in=7, w_cv=3, w=6, d_cv=4, d_fc=1)
    images = examples(cnn, 6, 43)
    masks = trace(cnn, draw(cnn, 44, 1.0), images).G
    H_cnn = npk_from_gates(cnn, images, masks)
    mixed = torch.stack([npk_from_gates(cnn, images, permute(masks, order)) for order in permutations(range(4))])
    filters = [G[:, torch.randperm(6, generator=torch.Generator().manual_seed(l))] for l, G in enumerate(masks)]
    corrected: Form = "corrected"
    return [
        equal(id, "fully connected, all orders of 4 layers", permuted, H.expand_as(permuted), form=corrected),
        equal(id, "fully connected, units of a layer", npk_from_gates(fc, x, units), H, form=corrected),
        equal(id, "convolutional, filters of a layer", npk_from_gates(cnn, images, filters), H_cnn, form=corrected),
        equal(id, "convolutional, all orders of 4 layers", mixed, H_cnn.expand_as(mixed), form="printed"),
    ]


def _label_alignment(id: str) -> list[Check]:
    n = 12
    features = torch.randn(n, 40, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    y = torch.tensor([1.0, -1.0] * (n // 2), dtype=torch.float64)
    H = features @ features.T
    rho, u = torch.linalg.eigh(H / H.trace())
    nu = label_alignment(H, y)
    aligned = torch.outer(y, y) / n + 1e-9 * torch.eye(n, dtype=torch.float64)
    return [
        equal(id, "sum over eigenvectors", _number(nu), ((u.T @ y) ** 2 / rho).sum()),
        equal(id, "eigenvalues add up to 1", rho.sum(), _number(1)),
        equal(id, "n'^2 for the identity", _number(label_alignment(torch.eye(n).double(), y)), _number(n**2)),
        differ(id, "more than n' in general", _number(nu), _number(n)),
        equal(id, "n' for H = y y^T", _number(label_alignment(aligned, y)), _number(n), tolerance=1e-6),
    ]


def _number(value: float) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


CHECKS: dict[str, Checker] = {
    "A-D4.1": _definition,
    "A-D4.2": _overlap,
    "A-L4.1": _product,
    "A-nu": _label_alignment,
    "B-D4.1": partial(_definition, cases=CASES),
    "B-D4.2": _input_node,
    "B-D4.3": _layer_kernels,
    "B-L4.1": _product_and_weighted,
    "C-D2.2": _input_node,
    "C-D2.3": _weights,
    "C-L2.1": _weighted,
    "C-Perm": _permutation,
    "C-Const": _constant_input,
}
