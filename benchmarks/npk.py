"""The neural path kernel of a fully connected network, depth 6, width 128, gates included."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

from benchmarks.networks import examples
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.kernels import npk, relu_network
from companion.networks.forward import Params, gate_stack
from companion.networks.gates import HardGate
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec

SIZES = (200, 1000, 10_000)


def whole(spec: RunSpec, params: Params, x: Tensor) -> Tensor:
    """The product of whole Gram matrices, one a layer, as the formula reads."""
    with torch.no_grad():
        stack = gate_stack(spec.network, params, x, HardGate())
    flat = x.flatten(1)
    return reduce(torch.mul, [G @ G.T for G in stack], flat @ flat.T)


def variants(options: Options) -> list[Variant]:
    """Both ways at every size."""
    sizes = (8, 16) if options.tiny else SIZES
    spec = RunSpec()
    params = initial_model(spec).value
    x = examples(spec.dataset, max(sizes)).inputs
    tiled = npk(relu_network(spec.network, params))

    def way(name: str, size: int, step: Step) -> Variant:
        return Variant(f"{name}, n = {size}", lambda: step, size**2 / 1e6)

    found = []
    for size in sizes:
        some = x[:size]
        found += [
            way("whole matrices", size, lambda some=some: whole(spec, params, some)),
            way("tiles and symmetry", size, lambda some=some: tiled(some)),
        ]
    return found


NPK = Benchmark(
    "npk", "The path kernel of a fully connected network (depth 6, width 128)", "million entries/s", variants
)
