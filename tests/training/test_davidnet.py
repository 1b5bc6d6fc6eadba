"""DavidNet's protocol: step for step what ``torch.optim`` and torchvision make of it, and what its runs may rely on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms.v2 import functional as tv

from companion.data import DATASETS, load
from companion.networks.forward import Params
from companion.notation import Regime, Tensor
from companion.runs.examples import Examples, split
from companion.runs.regimes import Model, gates
from companion.runs.spec import RunSpec
from companion.training.augmentation import Augmenter, draw
from companion.training.backends import Backend, LanesBackend, ReferenceBackend, StackedBackend, stacked
from companion.training.gate_cache import GateCache
from companion.training.loop import epoch_order
from companion.training.state import TrainState
from support.backends import difference, initial
from support.davidnet import by_hand
from support.laboratory import Laboratory
from training.test_resuming import killed

EXAMPLES = 70
FIELDS = {
    "dataset": "digits",
    "architecture": "DAVIDNET",
    "width": 2,
    "initialisation": "fan-in",
    "learning_rate": 0.5,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "schedule": "triangle",
    "augmentation": "crop-flip-cutout",
    "standardise": True,
    "batch_size": 16,
    "epochs": 3,
    "train_size": EXAMPLES,
    "test_size": 60,
}
SPEC = RunSpec.from_dict(FIELDS)
BACKENDS = [ReferenceBackend(), StackedBackend(), LanesBackend()]
each_backend = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)


def doubled(state: TrainState) -> TrainState:
    """A state before the first step, in double precision."""
    feature = state.model.feature
    own = None if feature is None else {name: tensor.double() for name, tensor in feature.items()}
    return TrainState(Model({name: tensor.double() for name, tensor in state.model.value.items()}, own))


def examples(spec: RunSpec) -> Examples:
    """What a run trains on, in double precision."""
    digits = load("digits")
    return split(spec, replace(digits, train_inputs=digits.train_inputs.double())).train


def trained(backend: Backend, spec: RunSpec, state: TrainState, data: Examples) -> tuple[TrainState, float]:
    """The whole run; its last state and the loss of its last epoch."""
    engine = backend.start([spec], [state], data, "cpu", 1)
    for epoch in range(1, spec.epochs + 1):
        (result,) = engine.epoch([epoch_order(spec, epoch, len(data))])
    return engine.states()[0], result.loss / result.examples


def altered(image: Tensor, drawn: list[int]) -> Tensor:
    """One digit by torchvision: a border of 1, cropped, mirrored or not, a square of 2 x 2 erased."""
    top, left, mirrored, cut_top, cut_left = drawn
    image = tv.crop(tv.pad(image, [1] * 4, padding_mode="reflect"), top, left, 8, 8)
    return tv.erase(tv.horizontal_flip(image) if mirrored else image, cut_top, cut_left, 2, 2, torch.zeros(1))


def plainly(spec: RunSpec, params: Params, data: Examples) -> tuple[nn.Module, float]:
    """The same run as one writes it with PyTorch and torchvision, from the raw images on."""
    info = DATASETS["digits"]
    raw = load("digits").train_inputs[:EXAMPLES].double() * info.peak
    images = tv.normalize(raw, list(info.mean), list(info.deviation))
    model = by_hand(params, last_pool=1).double().train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = -(-EXAMPLES // spec.batch_size)
    knots = [0, spec.epochs * 5 / 24, spec.epochs]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: np.interp((step + 1) / steps, knots, [0, 1, 0])
    )
    for epoch in range(1, spec.epochs + 1):
        drawn, losses = draw(spec, epoch, EXAMPLES).tolist(), []
        for batch in epoch_order(spec, epoch, EXAMPLES).split(spec.batch_size):
            x = torch.stack([altered(images[i], drawn[i]) for i in batch.tolist()])
            loss = nn.functional.cross_entropy(0.125 * model(x), data.labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item() * len(batch))
    return model, sum(losses) / EXAMPLES


@each_backend
def test_the_ordinary_network_goes_step_for_step_where_pytorch_and_torchvision_go(backend):
    data, start = examples(SPEC), doubled(initial(SPEC))
    end, loss = trained(backend, SPEC, start, data)
    model, expected = plainly(SPEC, start.model.value, data)
    found = end.model.value
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    pairs = [(found["weight.8"].T, model[-1].weight)]
    pairs += [(found[f"weight.{i}"], m.weight) for i, m in enumerate(convolutions)]
    for i, m in enumerate(norms):
        own = ("scale", "shift", "mean", "variance")
        pairs += [
            (found[f"{name}.{i}"], theirs)
            for name, theirs in zip(own, (m.weight, m.bias, m.running_mean, m.running_var), strict=True)
        ]
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs.detach(), rtol=1e-9, atol=1e-9)
    assert len(pairs) == len(found) == 9 + 4 * 8
    assert loss == pytest.approx(expected, rel=1e-7 if backend.name == "reference" else 1e-5)  # sums in float32
    moved = (found["weight.3"] - start.model.value["weight.3"]).norm() / start.model.value["weight.3"].norm()
    assert moved > 0.1


PARTS = {
    "standardise": False,
    "augmentation": None,
    "nesterov": False,
    "weight_decay": 0.0,
    "schedule": "constant",
    "initialisation": "glorot",
}


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_protocol_counts(name):
    """The comparison above could not see what changes nothing."""
    other = SPEC.replace(**{name: PARTS[name]})
    ends = [trained(ReferenceBackend(), spec, doubled(initial(spec)), examples(spec))[0] for spec in (SPEC, other)]
    assert difference(*ends) > 1e-3


GATED = [SPEC.replace(regime=regime, value_input=value) for regime in list(Regime)[1:] for value in ("image", "ones")]


@pytest.mark.parametrize("backend", BACKENDS[1:], ids=lambda backend: backend.name)
@pytest.mark.parametrize("regime", Regime)
def test_models_side_by_side_are_what_each_is_alone(backend, regime):
    """In double precision: seeds and value inputs share an engine, and each has its own draws, order and statistics."""
    specs = [SPEC.replace(regime=regime, seed=seed) for seed in (0, 1)]
    if regime is not Regime.RELU:
        specs.append(specs[1].replace(value_input="ones"))
    assert len({backend.group(spec) for spec in specs}) == 1
    data, states = examples(SPEC), [doubled(initial(spec)) for spec in specs]
    engine = backend.start(specs, states, data, "cpu", 1)
    for epoch in range(1, 4):
        engine.epoch([epoch_order(spec, epoch, EXAMPLES) for spec in specs])
    for spec, start, end in zip(specs, states, engine.states(), strict=True):
        alone, _ = trained(ReferenceBackend(), spec, start, data)
        assert difference(end, alone) < 1e-8
        moved = {n for n, t in end.model.value.items() if not torch.equal(t, start.model.value[n])}
        assert moved == set(end.model.value)


@each_backend
@pytest.mark.parametrize("spec", GATED, ids=lambda spec: f"{spec.regime} {spec.value_input}")
def test_half_a_run_twice_is_the_run(backend, spec):
    """Velocities, running statistics and the clock of schedule and draws are in the state, or follow from it."""
    data, start = split(spec, load("digits")).train, initial(spec)
    straight, _ = trained(backend, spec, start, data)
    state = start
    for epoch in range(1, spec.epochs + 1):
        engine = backend.start([spec], [state], data, "cpu", 1)
        engine.epoch([epoch_order(spec, epoch, EXAMPLES)])
        (state,) = engine.states()
    assert difference(state, straight) == 0
    assert state.first.keys() == start.model.trainable(spec.regime).keys()
    assert not state.second


def test_fixed_gates_are_those_of_the_altered_images_and_are_not_kept(monkeypatch):
    """A cache of gates would hand out those of images that the value network never sees."""
    made: list[int] = []
    kept = GateCache.__init__

    def counted(self, specs, features, inputs):
        made.append(len(inputs))
        kept(self, specs, features, inputs)

    monkeypatch.setattr(GateCache, "__init__", counted)
    seen: list[Tensor] = []
    monkeypatch.setattr(stacked, "gates", lambda spec, feature, x, **more: seen.append(x) or gates(spec, feature, x))
    spec = SPEC.replace(regime="FR-II", value_input="ones", epochs=1)
    data = split(spec, load("digits")).train
    order = epoch_order(spec, 1, EXAMPLES)
    StackedBackend().start([spec], [initial(spec)], data, "cpu", 1).epoch([order])
    assert not made
    augmenter = Augmenter(spec, EXAMPLES, "cpu")
    expected = [augmenter(data.inputs[batch], batch, step) for step, batch in enumerate(order.split(spec.batch_size))]
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))
    plain = spec.replace(augmentation=None)
    StackedBackend().start([plain], [initial(plain)], data, "cpu", 1).epoch([order])
    assert made == [EXAMPLES]


def test_bfloat16_trains_all_regimes_and_fixed_gates_stay_those_of_float32():
    for spec in (SPEC, *GATED):
        reduced = spec.replace(precision="bfloat16")
        end, loss = trained(LanesBackend(), reduced, initial(reduced), split(spec, load("digits")).train)
        exact, expected = trained(LanesBackend(), spec, initial(spec), split(spec, load("digits")).train)
        assert {tensor.dtype for tensor in end.model.value.values()} == {torch.float32}
        assert loss == pytest.approx(expected, rel=0.2)
        if spec.regime.frozen:
            assert all(torch.equal(t, exact.model.feature[n]) for n, t in end.model.feature.items())


# Through the loop


def specs_of(epochs: int) -> list[RunSpec]:
    return [SPEC.replace(regime=regime, epochs=epochs) for regime in Regime]


def test_a_run_that_was_killed_ends_as_if_nothing_had_been(tmp_path):
    specs = specs_of(4)
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    killed(broken, specs, "reference", after=4 * 2 + 1)
    assert broken.store.files() == []
    broken.run(*specs)
    assert [p.epoch for p in broken.progress if p.spec == specs[0]] == [3, 4]
    assert [broken.content(spec) for spec in specs] == [whole.content(spec) for spec in specs]


def test_runs_of_other_lengths_are_not_cut_from_one(tmp_path):
    """Under a schedule the shorter run is no beginning of the longer one."""
    short, long = SPEC.replace(epochs=2), SPEC.replace(epochs=3)
    together, alone = Laboratory(tmp_path / "together"), Laboratory(tmp_path / "alone")
    together.run(short, long)
    alone.run(short)
    assert together.content(short) == alone.content(short)
    assert together.record(short).curves["train_loss"] != together.record(long).curves["train_loss"][:2]


def test_what_is_tested_is_not_altered_and_uses_running_statistics(tmp_path):
    """The recorded accuracy is that of the plain module in evaluation mode on standardised test images."""
    lab = Laboratory(tmp_path)
    lab.run(SPEC)
    params = lab.workspace.load_weights(SPEC.key, "last").params
    info = DATASETS["digits"]
    whole = load("digits")
    x = tv.normalize(whole.test_inputs[:60] * info.peak, list(info.mean), list(info.deviation))
    with torch.no_grad():
        right = (by_hand(params, last_pool=1).eval()(x).argmax(1) == whole.test_labels[:60]).double().mean().item()
    assert lab.record(SPEC).content["last_test"] == pytest.approx(100 * right, abs=1e-3)


def test_a_student_has_the_teacher_of_its_own_protocol():
    teacher = SPEC.replace(regime="FL", value_input="ones").teacher
    assert teacher == SPEC
    assert SPEC.replace(regime="FL", gates_from={"augmentation": None}).teacher == SPEC.replace(augmentation=None)
