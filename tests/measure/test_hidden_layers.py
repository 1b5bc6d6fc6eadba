"""What hidden layers show of an image: against numpy one by one, on layers that are known to show all or nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.data import load
from companion.measure import ON_TEST, measure, pictures
from companion.measure.hidden_layers import FILTERS, PICTURED, hidden_layers, like_images, like_maps
from companion.networks.forward import forward, gate_stack
from companion.networks.gates import HardGate
from companion.runs.examples import Split, split
from companion.runs.fields import SpecError
from companion.runs.regimes import Model, initial_model, value_input
from companion.runs.spec import RunSpec
from companion.training.state import TrainState
from companion.training.workspace import Checkpoint
from support.laboratory import Laboratory

BLIND = {"gate_permutation": (3, 2, 1, 0), "value_input": "noise", "probe": "hidden-layers", "probe_every": 2}
CONV = RunSpec(dataset="digits", architecture="C4GAP", width=5, regime="FR-II", epochs=2, **BLIND)
NONE: dict[str, list[float]] = {"train_loss": [], "train_accuracy": [], "test_accuracy": []}
"""Curves of a run that has not begun."""
DENSE = RunSpec(dataset="digits", depth=5, width=6, regime="FR-II", epochs=2, **BLIND)


def seen(spec: RunSpec) -> tuple[Model, Split]:
    return initial_model(spec), split(spec, load("digits"))


def layers_of(spec: RunSpec, model: Model, x: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Every hidden layer written out: ``z = G * (weights z)``, the value network's gates in reverse."""
    found: dict[str, list[torch.Tensor]] = {}
    feature = model.feature
    assert feature is not None
    G = gate_stack(spec.network, feature, x, HardGate())
    for name, params, z, stack in (
        ("feature", feature, x, G),
        ("value", model.value, value_input(spec, x), G[::-1]),
    ):
        z = z if spec.architecture == "C4GAP" else z.flatten(1)
        for l, gate in enumerate(stack):
            weight, bias = params[f"weight.{l}"], params[f"bias.{l}"]
            q = torch.conv2d(z, weight, bias, padding=1) if weight.dim() == 4 else z @ weight + bias
            z = q * gate
            found.setdefault(name, []).append(z)
    return found


def test_maps_are_compared_one_by_one_with_the_image_and_with_the_next() -> None:
    model, data = seen(CONV)
    x = data.test.inputs  # 360 images, so that batches have unlike sizes
    found = hidden_layers(CONV, model, x, data.test.labels)
    assert set(found) == {f"{n}_{w}_{l}" for n in ("feature", "value") for w in ("own", "other") for l in range(1, 5)}
    for name, layers in layers_of(CONV, model, x).items():
        for l, z in enumerate(layers, start=1):
            for which, images in (("own", x), ("other", torch.cat([x[-1:], x[:-1]]))):
                scores = []
                for maps, image in zip(z.flatten(2).double().numpy(), images.flatten(1).double().numpy(), strict=True):
                    scores += [0.0 if m.std() == 0 else abs(np.corrcoef(m, image)[0, 1]) for m in maps]
                assert found[f"{name}_{which}_{l}"] == pytest.approx(np.mean(scores), abs=1e-5)


def test_dense_layers_are_compared_by_which_images_are_alike() -> None:
    model, data = seen(DENSE)
    x = data.test.inputs[:40]
    found = hidden_layers(DENSE, model, x, data.test.labels[:40])
    upper = np.triu_indices(40, 1)
    for name, layers in layers_of(DENSE, model, x).items():
        for l, z in enumerate(layers, start=1):
            for which, images in (("own", x), ("other", torch.cat([x[-1:], x[:-1]]))):
                rows = (one.flatten(1).double().numpy() for one in (z, images))
                a, b = ((m - m.mean(0)) @ (m - m.mean(0)).T for m in rows)
                expected = np.corrcoef(a[upper], b[upper])[0, 1]
                assert found[f"{name}_{which}_{l}"] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(-5, 5).filter(lambda c: abs(c) > 0.01), shift=st.floats(-5, 5), seed=st.integers(0, 99))
def test_a_map_that_is_the_image_or_its_negative_is_wholly_like_it(scale: float, shift: float, seed: int) -> None:
    images = torch.rand(3, 1, 6, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    maps = (scale * images + shift).expand(-1, 4, -1, -1)
    assert like_maps(maps, images) == pytest.approx(torch.ones(3).numpy())
    units = scale * images.flatten(1) + shift
    assert like_images(units, images) == pytest.approx(1.0)


def test_what_has_no_contrast_is_like_nothing() -> None:
    images = torch.rand(4, 3, 6, 6)
    assert like_maps(torch.full((4, 2, 6, 6), 0.3), images).tolist() == [0.0] * 4
    assert like_maps(images, torch.full((4, 3, 6, 6), 0.3)).tolist() == [0.0] * 4
    assert like_images(torch.ones(4, 7), images) == 0.0
    rounding = 0.7 + 1e-9 * torch.rand(4, 2, 6, 6, dtype=torch.float64)
    assert like_maps(rounding, images).tolist() == [0.0] * 4
    half = torch.cat([images.mean(1, keepdim=True), torch.zeros(4, 1, 6, 6)], dim=1)
    assert like_maps(half, images) == pytest.approx(torch.full((4,), 0.5).numpy(), abs=1e-6)


def test_a_smaller_map_is_compared_with_the_image_in_windows() -> None:
    images = torch.rand(2, 1, 8, 8)
    small = images.unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5))
    assert like_maps(small, images) == pytest.approx(torch.ones(2).numpy(), abs=1e-6)


@pytest.mark.parametrize("spec", [CONV, DENSE])
def test_pictures_are_the_layers_scaled(spec: RunSpec) -> None:
    model, data = seen(spec)
    found = pictures(spec, model, data.test.inputs)
    x = data.test.inputs[:PICTURED]
    assert torch.equal(found["image"], x)
    assert torch.equal(found["input"], value_input(spec, x))
    assert torch.equal(found["input"][0], found["input"][1])
    for name, layers in layers_of(spec, model, x).items():
        for l, z in enumerate(layers, start=1):
            picture = found[f"{name}.{l}"]
            shown = z if z.dim() == 2 else z[:, :FILTERS]
            assert picture.shape == shown.shape
            flat, true = picture.flatten(z.dim() // 2), shown.flatten(z.dim() // 2)
            largest = true.abs().amax(-1, keepdim=True)
            assert torch.allclose(flat * largest, true, atol=float(largest.max()) / 250)
            assert set(flat.abs().amax(-1).flatten().tolist()) <= {0.0, 1.0}
    assert pictures(spec.replace(probe=None, probe_every=1), model, data.test.inputs) == {}


def test_test_images_are_measured_and_the_weights_do_not_move() -> None:
    model, data = seen(CONV)
    x, labels = data.test.inputs, data.test.labels
    assert "hidden-layers" in ON_TEST
    before = forward(CONV.network, model.value, x[:2])
    assert measure(CONV, model, data) == hidden_layers(CONV, model, x, labels)
    assert torch.equal(before, forward(CONV.network, model.value, x[:2]))


def test_it_needs_two_networks() -> None:
    with pytest.raises(SpecError, match="which ReLU is not"):
        RunSpec(dataset="digits", probe="hidden-layers")


def test_a_run_leaves_its_pictures_and_its_record_vouches_for_them(lab: Laboratory) -> None:
    spec = DENSE.replace(regime="FL", train_size=60, epochs=3)
    lab.run(spec)
    content = lab.record(spec).content
    assert content["probes"]["epoch"] == [0, 2]
    found = lab.store.pictures(spec.key)
    assert found is not None
    weights = lab.workspace.load_weights(spec.teacher.key, "best_test")
    x = load("digits").test_inputs[:PICTURED]
    feature = gate_stack(spec.network, weights.params, x, HardGate())
    for l, gate in enumerate(feature, start=1):
        assert torch.equal(found[f"feature.{l}"] != 0, (found[f"feature.{l}"] != 0) & (gate > 0))
        assert torch.equal(found[f"value.{5 - l}"] != 0, (found[f"value.{5 - l}"] != 0) & (gate > 0))
    assert [reason for _, reason in lab.store.verify()] == [None] * 3
    assert lab.store.pictures(spec.teacher.key) is None


def test_pictures_outlive_a_kill_between_the_last_epoch_and_the_record(lab: Laboratory) -> None:
    model, data = seen(DENSE)
    before = Checkpoint(TrainState(model), NONE, pictures=pictures(DENSE, model, data.test.inputs))
    lab.workspace.save_checkpoint(DENSE, before)
    after = lab.workspace.load_checkpoint(DENSE)
    assert after is not None
    assert before.pictures.keys() == after.pictures.keys()
    assert all(torch.equal(after.pictures[name], array) for name, array in before.pictures.items())


@pytest.fixture
def lab(tmp_path) -> Laboratory:
    return Laboratory(tmp_path)
