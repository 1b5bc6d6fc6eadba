"""How many examples a second convolutional networks train on, in batches of 32 with Adam.

First Papers B and C's C4GAP, four convolutions of 128 filters or of 16 on 32 x 32 images; then narrow networks on
16 x 16 images, the compiled kernel against PyTorch in each round; then how its speed grows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks import roofs
from benchmarks.networks import convolutional, engine, examples, optimiser, orders
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.costs.flops import training_flops
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, ChainsBackend, CudaBackend, LanesBackend, PlanesBackend

SIZE = 512
STEPS = 4
"""Batches that our engine trains in one call, as it does in an epoch."""
WIDE, NARROW = 128, 16
"""Filters of the papers' network, and of one for two cores."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def loop(spec: RunSpec, models: int, device: str) -> Step:
    """Model after model, channels last, in reduced precision by autocast."""
    last, kind = torch.channels_last, torch.device(device).type
    data = examples(spec.dataset, SIZE)
    inputs, labels = data.inputs.to(device).contiguous(memory_format=last), data.labels.to(device)
    networks = [convolutional(spec).to(device, memory_format=last) for _ in range(models)]
    optimisers = [optimiser(spec, list(network.parameters()), fused=True) for network in networks]
    order = orders(models, spec.batch_size, SIZE).to(device)

    def step() -> None:
        for network, steps_of, batch in zip(networks, optimisers, order, strict=True):
            with torch.autocast(kind, torch.bfloat16, enabled=spec.precision == "bfloat16"):
                logits = network(inputs[batch])
            loss = F.cross_entropy(logits.float(), labels[batch])
            steps_of.zero_grad()
            loss.backward()
            steps_of.step()
        roofs.wait(device)

    return step


def vmapped(spec: RunSpec, models: int, device: str) -> Step:
    """All models by ``torch.func``: the gradient of one, mapped over stacked parameters."""
    data = examples(spec.dataset, SIZE)
    inputs, labels = data.inputs.to(device), data.labels.to(device)
    network = convolutional(spec).to(device)
    params, _ = torch.func.stack_module_state([convolutional(spec).to(device) for _ in range(models)])
    steps_of = optimiser(spec, list(params.values()), fused=True)
    order = orders(models, spec.batch_size, SIZE).to(device)
    kind = torch.device(device).type

    def loss(one: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=spec.precision == "bfloat16"):
            logits = torch.func.functional_call(network, one, (x,))
        return F.cross_entropy(logits.float(), y)

    gradients = torch.func.vmap(torch.func.grad(loss))

    def step() -> None:
        found = gradients(params, inputs[order], labels[order])
        for name, parameter in params.items():
            parameter.grad = found[name]
        steps_of.step()
        roofs.wait(device)

    return step


def variants(options: Options) -> list[Variant]:
    """All ways on the CPU and, where there is one, on the GPU, in both precisions."""
    ways = [way for width in (WIDE, NARROW) for way in _ways(options, "cpu", LanesBackend(), 2, width)]
    ways += _narrow(options)
    if not torch.cuda.is_available():
        return ways
    return [*ways, *(way for b in (CudaBackend(), ChainsBackend()) for way in _ways(options, "cuda", b, 8, WIDE))]


NARROW_NETWORKS = (("GCONV", 8), ("GCONV", 16), ("GCONV", 32), ("C4GAP", 16), ("C4GAP", 32))
FILTERS, SIDES, MODELS = (4, 8, 16, 32, 64, 128), (8, 16, 32), (1, 2, 4, 8)
OPERATIONS = 1e10
"""Of one step and thread, about: a twentieth of a second at full speed."""


def _narrow(options: Options) -> list[Variant]:
    """Narrow networks on small images: the kernel beside lanes, its regimes, threads and growth; one model a thread."""
    peak, peak_step = roofs.multiply_add(options)
    roof, planes, cores = "multiply-add peak", PlanesBackend(), options.threads

    def way(
        name: str, backend: Backend = planes, architecture: str = "C4GAP", width: int = NARROW, side: int = 16,
        regime: str = "ReLU", models: int = cores, threads: int = cores, against: str | None = None,
    ) -> Variant:  # fmt: skip
        spec = RunSpec(
            dataset="cifar10", downscale=32 // side, architecture=architecture, width=2 if options.tiny else width,
            regime=regime, optimiser="adam", learning_rate=1e-3,
        )  # fmt: skip
        spec = spec.replace(batch_size=2) if options.tiny else spec
        each = float(training_flops(spec)) * spec.batch_size * models
        batches = 1 if options.tiny else max(1, min(SIZE // spec.batch_size, round(OPERATIONS * threads / each)))
        data = examples("cifar10", SIZE, spec.downscale)
        count = batches * spec.batch_size * models

        def prepare() -> Step:
            return engine(backend, spec, models, data, batches, threads)

        return Variant(name, prepare, count, batches * each, roof if threads == cores else None, against=against)

    found = []
    for architecture, width in NARROW_NETWORKS:
        which = f"{architecture}, {width} filters, 16 x 16"
        other = way(f"lanes, {which}", LanesBackend(), architecture, width)
        found += [other, way(f"planes, {which}", planes, architecture, width, against=other.name)]
    for architecture in ("GCONV", "C4GAP"):
        plain = f"planes, {architecture}, 16 filters, 16 x 16"
        found += [
            way(f"{plain}, {regime}", architecture=architecture, regime=regime, against=plain)
            for regime in ("FR-II", "DL")
        ]
        one = way(f"{plain}, 1 thread", architecture=architecture, models=1, threads=1)
        found += (
            [one, way(f"{plain}, {cores} threads", architecture=architecture, against=one.name)] if cores > 1 else []
        )
    found += [way(f"planes, C4GAP, 16 x 16, filters {width}", width=width) for width in FILTERS]
    found += [way(f"planes, C4GAP, 16 filters, side {side}", side=side) for side in SIDES]
    found += [way(f"planes, C4GAP, 16 filters, 16 x 16, models {count}", models=count) for count in MODELS]
    like = RunSpec(dataset="cifar10", downscale=2, architecture="C4GAP", width=NARROW)
    return [*found, Variant(roof, peak_step, peak / training_flops(like), peak, roof)]


def _ways(options: Options, device: str, backend: Backend, models: int, width: int) -> list[Variant]:
    narrow = "" if width == WIDE else f", {width} filters"
    width = 4 if options.tiny else width
    found = []
    for precision, dtype in DTYPES.items():
        spec = RunSpec(
            dataset="cifar10", architecture="C4GAP", optimiser="adam", learning_rate=1e-3, width=width,
            precision=precision,
        )  # fmt: skip
        spec = spec.replace(batch_size=2) if options.tiny else spec
        operations = float(training_flops(spec))
        each = models * spec.batch_size

        def ours(spec: RunSpec = spec) -> Step:
            return engine(backend, spec, models, examples("cifar10", SIZE), STEPS, options.threads, device)

        def kernel(spec: RunSpec = spec) -> Step:
            return engine(PlanesBackend(), spec, models, examples("cifar10", SIZE), STEPS, options.threads)

        if device == "cpu":
            roof = f"convolution peak, {precision}{narrow}"
            most, most_step = roofs.convolution(width, spec.batch_size, 32, dtype)
        else:
            roof = f"matrix product peak, {precision}, GPU"
            most, most_step = roofs.matrix_product(256 if options.tiny else 8192, dtype, device)
        label = f"{models} models, {precision}{narrow}" + (", GPU" if device == "cuda" else "")
        steps: dict[str, Callable[[], Step]] = {
            f"eager, one after the other, {label}": lambda spec=spec: loop(spec, models, device),
            f"torch.func.vmap, {label}": lambda spec=spec: vmapped(spec, models, device),
            f"{backend.name}, {label}": ours,
        }
        if device == "cpu" and precision == "float32":
            steps[f"planes, {label}"] = kernel
        for name, step in steps.items():
            count = each * (STEPS if step in (ours, kernel) else 1)
            against = f"{backend.name}, {label}" if step is kernel else None
            found.append(Variant(name, step, count, count * operations, roof, against=against))
        found.append(Variant(roof, most_step, most / operations, most, roof))
    return found


CONV_TRAIN = Benchmark(
    "conv-train",
    "Training C4GAP (four convolutions, global average pool) and GCONV on 32 x 32 and 16 x 16 images, Adam, batch 32",
    "examples/s",
    variants,
    rounds=7,
)
