"""How many examples a second a fully connected network trains on: depth 6, width 128, batches of 32 images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from benchmarks import roofs
from benchmarks.networks import engine, examples, optimiser, orders, perceptron
from benchmarks.outside import Outside
from companion.costs.bench import Benchmark, Options, Step, Variant
from companion.costs.flops import training_flops
from companion.runs.spec import RunSpec
from companion.training.backends import Backend, FusedBackend, StackedBackend

MODELS = 48
SIZE = 8192
"""Examples in memory: 26 MB, more than a core's own cache."""


class Images(MNIST):
    """Images as torchvision hands out MNIST: one by one, through an image of PIL."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        self.data, self.targets, self.transform, self.target_transform = pixels, labels, ToTensor(), None


def loader(spec: RunSpec, steps: int, tensors: bool) -> Step:
    """What most people write: a loader, a module, and a loss that is read every step.

    Args:
        spec: the run.
        steps: batches.
        tensors: a data set of tensors in place of torchvision's.
    """
    data = examples(spec.dataset, steps * spec.batch_size)
    images = Images((255 * data.inputs[:, 0]).byte(), data.labels)
    chosen = TensorDataset(data.inputs, data.labels) if tensors else images
    batches = DataLoader(chosen, batch_size=spec.batch_size, shuffle=True)
    network = perceptron(spec)
    steps_of = optimiser(spec, list(network.parameters()))

    def step() -> None:
        total, correct = 0.0, 0
        for x, y in batches:
            steps_of.zero_grad()
            logits = network(x)
            loss = F.cross_entropy(logits, y)
            loss.backward()
            steps_of.step()
            total += loss.item()
            correct += int((logits.argmax(1) == y).sum())

    return step


def resident(spec: RunSpec, steps: int) -> Step:
    """The same without a loader: the data are two tensors, the optimiser is fused, the loss is read at the end."""
    data, network = examples(spec.dataset, SIZE), perceptron(spec)
    steps_of = optimiser(spec, list(network.parameters()), fused=True)
    (order,) = orders(1, steps * spec.batch_size, SIZE)

    def step() -> None:
        total = torch.zeros(())
        for batch in order.split(spec.batch_size):
            loss = F.cross_entropy(network(data.inputs[batch]), data.labels[batch])
            steps_of.zero_grad()
            loss.backward()
            steps_of.step()
            total += loss.detach()

    return step


def vmapped(spec: RunSpec, models: int, steps: int) -> Step:
    """Many models by ``torch.func``: the gradient of one, mapped over stacked parameters."""
    data, network = examples(spec.dataset, SIZE), perceptron(spec)
    params, _ = torch.func.stack_module_state([perceptron(spec) for _ in range(models)])
    steps_of = optimiser(spec, list(params.values()), fused=True)
    order = orders(models, steps * spec.batch_size, SIZE)

    def loss(one: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(torch.func.functional_call(network, one, (x,)), y)

    gradients = torch.func.vmap(torch.func.grad_and_value(loss))

    def step() -> None:
        total = torch.zeros(models)
        for batch in order.split(spec.batch_size, dim=1):
            found, losses = gradients(params, data.inputs[batch], data.labels[batch])
            for name, parameter in params.items():
                parameter.grad = found[name]
            steps_of.step()
            total += losses

    return step


def variants(options: Options, kind: str) -> list[Variant]:
    """All ways, for one optimiser."""
    tiny, threads = options.tiny, options.threads
    models = 2 if tiny else MODELS
    spec = RunSpec(optimiser=kind, learning_rate=1e-3)
    peak, peak_step = roofs.multiply_add(options)
    roof = "multiply-add peak"

    def ours(backend: Backend, **changes: str) -> Callable[[int], Step]:
        run, data = spec.replace(**changes), examples(spec.dataset, SIZE)
        return lambda steps: engine(backend, run, models, data, steps, threads)

    def way(name: str, prepare: Callable[[int], Step], trained: int, steps: int, operations: int) -> Variant:
        """``trained`` models make ``steps`` steps; ``operations`` are those of one example."""
        steps = 1 if tiny else steps
        each = trained * steps * spec.batch_size
        return Variant(name, lambda: prepare(steps), each / 1000, float(each * operations), roof)

    relu, learnt = training_flops(spec), training_flops(spec.replace(regime="DL"))
    ones = relu - 4 * spec.network.weight_shapes()[0].macs  # the first layer shrinks to one row
    keras = Outside(options.keras_python, "keras_fit", "--keras-python", threads)
    fitted = (64 if tiny else 200) * spec.batch_size

    def fit(name: str, tuned: bool) -> Variant:
        request = {"optimiser": kind, "width": 128, "depth": 6, "batch": spec.batch_size, "examples": fitted}
        return Variant(name, keras.timed(**request, tuned=tuned), fitted / 1000, float(fitted * relu), roof)

    fused, stacked = FusedBackend(), StackedBackend()
    return [
        way("DataLoader, eager", lambda n: loader(spec, n, tensors=False), 1, 100, relu),
        way("DataLoader of tensors, eager", lambda n: loader(spec, n, tensors=True), 1, 100, relu),
        way("resident tensors, eager", lambda n: resident(spec, n), 1, 200, relu),
        way(f"torch.func.vmap, {models} models", lambda n: vmapped(spec, models, n), models, 8, relu),
        way(f"stacked, {models} models", ours(stacked), models, 16, relu),
        way(f"fused, {models} models", ours(fused), models, 64, relu),
        way(f"fused, {models} models, FR-II", ours(fused, regime="FR-II"), models, 64, relu),
        way(f"fused, {models} models, FR-II, ones", ours(fused, regime="FR-II", value_input="ones"), models, 128, ones),
        way(f"fused, {models} models, DL", ours(fused, regime="DL"), models, 32, learnt),
        fit("Keras fit", tuned=False),
        fit("Keras fit, XLA, 50 steps a call", tuned=True),
        Variant(roof, peak_step, peak / relu / 1000, peak, roof),
    ]


UNIT = "thousand examples/s"
TITLE = "Training a fully connected network (depth 6, width 128, batch 32) with "
FC_TRAIN = Benchmark("fc-train", TITLE + "Adam", UNIT, lambda options: variants(options, "adam"), rounds=11)
FC_TRAIN_SGD = Benchmark("fc-train-sgd", TITLE + "SGD", UNIT, lambda options: variants(options, "sgd"), rounds=11)
