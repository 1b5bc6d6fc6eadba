"""The neural tangent kernel of a ReLU network, depth 6, width 128, summed over its ten outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.networks import examples
from benchmarks.outside import Outside
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.kernels import ntk, relu_network
from companion.networks.forward import Params, forward
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec

SMALL, LARGE = 200, (800, 3200)


def per_sample(spec: RunSpec, params: Params, x: Tensor) -> Tensor:
    """Example by example and output by output, a backward pass each; one output's gradients are held at a time."""
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    K = torch.zeros(len(x), len(x))
    for c in range(spec.network.classes):
        rows = []
        for one in x:
            out = forward(spec.network, leaves, one[None])[0, c]
            rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(out, list(leaves.values()))]))
        J = torch.stack(rows)
        K += J @ J.T
    return K


def by_transforms(spec: RunSpec, params: Params, x: Tensor) -> Tensor:
    """``torch.func``: the Jacobian of one example mapped over all, then one product a parameter."""

    def output(theta: Params, one: Tensor) -> Tensor:
        return forward(spec.network, theta, one[None])[0]

    jacobians = torch.func.vmap(torch.func.jacrev(output), (None, 0))(params, x)
    return sum((J.flatten(1) @ J.flatten(1).T for J in jacobians.values()), torch.zeros(len(x), len(x)))


def variants(options: Options) -> list[Variant]:
    """All ways at the small size; ours also at larger ones."""
    spec = RunSpec(width=16, depth=3) if options.tiny else RunSpec()
    small, large = (8, (16,)) if options.tiny else (SMALL, LARGE)
    params = initial_model(spec).value
    x = examples(spec.dataset, max(large)).inputs
    kernel = ntk(relu_network(spec.network, params))
    expected = float(kernel(x[:small]).sum())

    def check(total: float) -> None:
        """A way is measured only if its kernel is the one that the others give."""
        if not abs(total - expected) < 1e-3 * abs(expected):
            raise ArithmeticError(f"two ways to one kernel differ: its entries sum to {total}, not to {expected}")

    def torch_way(name: str, function: Callable[[RunSpec, Params, Tensor], Tensor]) -> Variant:
        def prepare() -> Step:
            check(float(function(spec, params, x[:small]).sum()))
            return lambda: function(spec, params, x[:small])

        return Variant(f"{name}, n = {small}", prepare, small**2 / 1e6)

    def ours(size: int) -> Variant:
        return Variant(f"layer by layer, n = {size}", lambda: lambda: kernel(x[:size]), size**2 / 1e6)

    outside = Outside(options.neural_tangents_python, "tangents", "--neural-tangents-python", options.threads)

    def foreign(name: str, implementation: str) -> Variant:
        def prepare() -> Step:
            folder = Path(tempfile.mkdtemp())
            arrays = {name: value.numpy() for name, value in params.items()}
            np.savez(folder / "network.npz", x=x[:small].flatten(1).numpy(), **arrays)
            request = {"file": str(folder / "network.npz"), "implementation": implementation}
            check(outside.ask(**request)["sum"])
            return outside.timed(**request)()

        return Variant(f"neural-tangents, {name}, n = {small}", prepare, small**2 / 1e6)

    return [
        torch_way("loop over examples", per_sample),
        torch_way("torch.func", by_transforms),
        foreign("default", "AUTO"),
        foreign("structured derivatives", "STRUCTURED_DERIVATIVES"),
        ours(small),
        *map(ours, large),
    ]


NTK = Benchmark(
    "ntk", "The tangent kernel of a ReLU network (depth 6, width 128, 10 outputs)", "million entries/s", variants
)
