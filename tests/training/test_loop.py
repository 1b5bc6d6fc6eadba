"""The training loop: what a record says, and what happens when a run is killed, damaged, lost or out of bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from companion.data import DATASETS, load
from companion.notation import Regime
from companion.records.weights import weights_digest
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training.backends import ReferenceBackend
from companion.training.loop import epoch_order
from support.laboratory import Laboratory, all_regimes, tiny


def by_hand(spec: RunSpec) -> dict[str, list[float]]:
    """The same ReLU run written as one writes it without this package."""
    digits = load("digits")
    x, y = digits.train_inputs[: spec.train_size].flatten(1), digits.train_labels[: spec.train_size]
    x_test, y_test = digits.test_inputs[: spec.test_size].flatten(1), digits.test_labels[: spec.test_size]
    sizes = [64, *[spec.width] * (spec.depth - 1), 10]
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    for i, layer in enumerate(layers):
        layer.weight.data = initial_model(spec).value[f"weight.{i}"].T.clone()
        nn.init.zeros_(layer.bias)
    network = nn.Sequential(*[m for layer in layers for m in (layer, nn.ReLU())][:-1])
    optimiser = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    curves: dict[str, list[float]] = {"train_loss": [], "train_accuracy": [], "test_accuracy": []}
    for epoch in range(1, spec.epochs + 1):
        loss_sum, hits = 0.0, 0
        for batch in torch.randperm(len(x), generator=stream(spec.seed, "order", epoch)).split(spec.batch_size):
            logits = network(x[batch])
            loss = nn.functional.cross_entropy(logits, y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss_sum += loss.item() * len(batch)
            hits += int((logits.argmax(1) == y[batch]).sum())
        curves["train_loss"].append(loss_sum / len(x))
        curves["train_accuracy"].append(100 * hits / len(x))
        curves["test_accuracy"].append(100 * (network(x_test).argmax(1) == y_test).float().mean().item())
    return curves


@pytest.mark.parametrize("backend", ["reference", "stacked", "auto"])
def test_a_record_says_what_training_by_hand_brings(lab, backend):
    spec = tiny(seed=3, epochs=6)
    lab.run(spec, backend=backend)
    curves = lab.record(spec).curves
    for name, values in by_hand(spec).items():
        assert curves[name] == pytest.approx(values, rel=1e-4, abs=1e-4), name


def test_what_a_record_holds(lab):
    spec = tiny(epochs=12, test_size=3, seed=1)
    lab.run(spec)
    content = lab.record(spec).content
    test = content["curves"]["test_accuracy"]
    assert set(content["curves"]) == {"train_loss", "train_accuracy", "test_accuracy"}
    assert {len(curve) for curve in content["curves"].values()} == {12}
    assert test.count(max(test)) > 1  # so that it matters that the first of the best epochs counts
    assert content["status"] == "finished"
    assert content["best_test"] == max(test)
    assert content["best_epoch"] == test.index(max(test)) + 1
    assert content["last_test"] == test[-1]
    assert content["selected_test"] is content["selected_epoch"] is content["teacher"] is None
    assert set(content["weights"]) == {"best_test", "last"}
    made = content["provenance"]
    assert made["backend"] == "reference"
    assert made["torch"] == torch.__version__
    assert made["threads"] == 1
    assert made["precision"] == "float32"
    assert made["seconds"] > 0
    assert made["dataset"] == DATASETS["digits"].digest
    assert made["time"].endswith("+00:00")
    assert len(made["sources"]) == 16
    assert {"revision", "dirty", "device", "python"} <= made.keys()


def test_the_weights_that_are_kept_are_those_of_their_epoch(lab):
    spec = tiny(epochs=8)
    lab.run(spec)
    record = lab.record(spec)
    for name, epoch in (("best_test", record.content["best_epoch"]), ("last", 8)):
        kept = lab.workspace.load_weights(spec.key, name)
        assert (kept.epoch, kept.take) == (epoch, 1)
        assert weights_digest(kept.params) == record.content["weights"][name]
        shorter = spec.replace(epochs=epoch)
        lab.run(shorter)
        assert lab.record(shorter).content["weights"]["last"] == record.content["weights"][name]


def test_a_holdout_selects_the_epoch_and_is_not_trained_on(lab):
    held, plain = tiny(holdout=20, epochs=6), tiny(train_size=50, epochs=6)
    lab.run(held, plain)
    content = lab.content(held)
    curve = content["curves"]["holdout_accuracy"]
    assert len(curve) == 6
    assert content["selected_epoch"] == curve.index(max(curve)) + 1
    assert content["selected_test"] == content["curves"]["test_accuracy"][content["selected_epoch"] - 1]
    assert set(content["weights"]) == {"best_test", "last", "selected"}
    for name, values in lab.record(plain).curves.items():
        assert content["curves"][name] == values  # the first fifty examples, in the same order


def test_the_size_of_evaluation_batches_changes_nothing(tmp_path, monkeypatch):
    specs = all_regimes(holdout=20)
    whole, pieces = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "pieces")
    whole.run(*specs)
    monkeypatch.setattr("companion.training.evaluation.EVALUATION_BATCH", 9)
    pieces.run(*specs)
    assert [pieces.content(s) for s in specs] == [whole.content(s) for s in specs]


def test_every_epoch_of_every_run_is_reported(lab):
    specs = all_regimes()
    assert lab.run(*specs) == 5
    told = [(p.spec.key, p.epoch) for p in lab.progress]
    assert sorted(told) == sorted((spec.key, epoch) for spec in specs for epoch in (1, 2, 3))
    assert all(p.backend == "reference" and p.seconds > 0 for p in lab.progress)


def test_all_regimes_of_a_seed_see_the_data_in_the_same_order(lab, monkeypatch):
    seen: dict[RunSpec, list[list[int]]] = {}
    start = ReferenceBackend.start

    def spy(self, specs, *arguments):
        engine = start(self, specs, *arguments)
        epoch = engine.epoch

        def watched(orders):
            for spec, order in zip(specs, orders, strict=True):
                seen.setdefault(spec, []).append(order.tolist())
            return epoch(orders)

        engine.epoch = watched
        return engine

    monkeypatch.setattr(ReferenceBackend, "start", spy)
    specs = [spec for seed in (0, 1) for spec in all_regimes(seed=seed)]
    lab.run(*specs)
    for spec in specs:
        assert seen[spec] == seen[tiny(seed=spec.seed)]
        assert all(sorted(order) == list(range(70)) for order in seen[spec])
    assert len({tuple(order) for seed in (0, 1) for order in seen[tiny(seed=seed)]}) == 6


def test_an_order_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    orders = {(s, e): epoch_order(tiny(seed=s), e, 70).tolist() for s in (0, 1) for e in (1, 2)}
    assert all(sorted(order) == list(range(70)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 4
    assert epoch_order(tiny("DL", width=9, learning_rate=1.0), 2, 70).tolist() == orders[0, 2]


# Other kinds of runs


def test_runs_with_noisy_labels_are_trained_on_their_own_noise(lab):
    specs = [tiny(label_noise=0.5, seed=seed, epochs=2) for seed in (0, 1)]
    lab.run(*specs)
    for spec in specs:
        alone = Laboratory(lab.store.folder.parent / f"alone {spec.seed}")
        alone.run(spec)
        assert alone.content(spec) == lab.content(spec)
    assert (
        lab.content(specs[0])["curves"] != lab.content(tiny(epochs=2))["curves"] if lab.run(tiny(epochs=2)) else False
    )


def test_two_classes_and_one_output(lab):
    spec = tiny(classes=[4, 7], loss="squared-error", optimiser="rmsprop", learning_rate=0.003, epochs=10, bias=False)
    lab.run(spec, backend="stacked")
    curves = lab.record(spec).curves
    assert curves["train_loss"][-1] < curves["train_loss"][0]
    assert lab.record(spec).statistic("best_test") > 80


def test_probes_are_recorded_every_so_many_epochs_from_the_beginning(lab):
    spec = tiny("DL", epochs=5, probe="kernel-norms", probe_every=2)
    lab.run(spec)
    probes = lab.record(spec).content["probes"]
    assert probes["epoch"] == [0, 2, 4]
    assert {len(values) for values in probes.values()} == {3}
    lab.run(tiny("DL"))
    assert "probes" not in lab.record(tiny("DL")).content


def test_convolutions_train_through_the_same_loop(lab):
    spec = tiny("FR-DI", architecture="C4GAP", width=2, depth=3, epochs=2, learning_rate=0.05)
    lab.run(spec, backend="auto")
    assert lab.record(spec).content["provenance"]["backend"] == "planes"
    other = Laboratory(lab.store.folder.parent / "reference")
    other.run(spec)
    assert lab.record(spec).curves["train_loss"] == pytest.approx(other.record(spec).curves["train_loss"], rel=1e-4)


@pytest.mark.parametrize("regime", Regime)
def test_two_repetitions_are_equal_to_the_last_bit(tmp_path, regime):
    first, second = Laboratory(tmp_path / "1"), Laboratory(tmp_path / "2")
    for lab in (first, second):
        lab.run(tiny(regime), backend="reference")
    assert first.content(tiny(regime)) == second.content(tiny(regime))
