"""How many examples a second Papers B and C's C4GAP trains on: four convolutions of 128 filters, batches of 32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks import roofs
from benchmarks.networks import convolutional, engine, examples, optimiser, orders
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.costs.flops import training_flops
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, ChainsBackend, CudaBackend, LanesBackend

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
    if not torch.cuda.is_available():
        return ways
    return [*ways, *(way for b in (CudaBackend(), ChainsBackend()) for way in _ways(options, "cuda", b, 8, WIDE))]


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
        for name, step in steps.items():
            count = each * (STEPS if step is ours else 1)
            found.append(Variant(name, step, count, count * operations, roof))
        found.append(Variant(roof, most_step, most / operations, most, roof))
    return found


CONV_TRAIN = Benchmark(
    "conv-train",
    "Training C4GAP (four convolutions of 128 filters, global average pool) on 32 x 32 images with Adam, batch 32",
    "examples/s",
    variants,
)
