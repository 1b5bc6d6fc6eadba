"""The training loop: what a record says, and what happens when a run is killed, damaged, lost or out of bounds."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from itertools import pairwise

import pytest
import torch
from torch import nn

from companion.data import DATASETS, load
from companion.notation import Regime
from companion.runs.regimes import initial_model
from companion.runs.spec import RunSpec
from companion.runs.streams import stream
from companion.training import loop
from companion.training.backends import ReferenceBackend
from companion.training.backends.choose import choose_backend
from companion.training.jobs import TeacherMissingError
from companion.training.loop import Progress, epoch_order, train
from companion.training.workspace import weights_digest
from laboratory import Laboratory, all_regimes, timeless, tiny


@pytest.fixture
def lab(tmp_path):
    return Laboratory(tmp_path)


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


# Killed runs


def kill_oneself(lab: Laboratory, specs: list[RunSpec], backend: str, after: int) -> None:
    """Train, with a checkpoint after every epoch, and die in the middle, without a chance to tidy up."""
    loop.CHECKPOINT_SECONDS = -1
    lab.progress = Reaper(after)
    lab.run(*specs, backend=backend)


class Reaper(list):
    def __init__(self, after: int) -> None:
        self.left = after

    def append(self, _) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(lab: Laboratory, specs: list[RunSpec], backend: str, after: int) -> None:
    process = multiprocessing.get_context("fork").Process(target=kill_oneself, args=(lab, specs, backend, after))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


RESUMABLE = {
    "sgd": all_regimes(epochs=4),
    "adam": all_regimes(epochs=4, optimiser="adam", learning_rate=0.01, holdout=10),
    "rmsprop": [tiny(r, epochs=4, optimiser="rmsprop", learning_rate=0.003, bias=False) for r in ("ReLU", "DL")],
    "probes": [tiny("DL", epochs=4, probe="kernel-norms", probe_every=2)],
}


@pytest.mark.parametrize("kind", RESUMABLE)
def test_a_run_that_was_killed_goes_on_and_ends_as_if_nothing_had_been(tmp_path, kind):
    specs = RESUMABLE[kind]
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    stage = sum(spec.teacher is None for spec in specs)  # the runs that train first, side by side
    killed(broken, specs, "reference", after=2 * stage + 1)
    assert broken.store.files() == []
    broken.run(*specs)
    assert [p.epoch for p in broken.progress if p.spec == specs[0]] == [3, 4]
    for spec in specs:
        assert broken.content(spec) == whole.content(spec)
        assert broken.workspace.load_checkpoint(spec.key) is None


def test_fl_goes_on_too(tmp_path):
    specs = all_regimes(epochs=4)
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    killed(broken, specs, "reference", after=4 * 4 + 3)  # four runs of four epochs, then FL
    assert len(broken.store.files()) == 4
    assert broken.run(*specs) == 1
    assert [p.epoch for p in broken.progress] == [3, 4]
    assert [broken.content(s) for s in specs] == [whole.content(s) for s in specs]


def test_the_fused_backend_goes_on_too(tmp_path):
    specs = all_regimes(epochs=4, optimiser="adam", learning_rate=0.01)
    if choose_backend(specs[0]).name != "fused":
        pytest.skip("no C compiler")
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs, backend="fused")
    killed(broken, specs, "fused", after=9)
    broken.run(*specs, backend="fused")
    assert min(p.epoch for p in broken.progress if p.spec == specs[0]) == 3
    assert [broken.content(s) for s in specs] == [whole.content(s) for s in specs]


def test_a_damaged_checkpoint_is_ignored(tmp_path):
    spec = tiny(epochs=4)
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(spec)
    killed(broken, [spec], "reference", after=3)
    (path,) = (broken.workspace.folder / "checkpoints").glob("*.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    broken.run(spec)
    assert [p.epoch for p in broken.progress] == [1, 2, 3, 4]
    assert broken.content(spec) == whole.content(spec)


def test_the_checkpoint_of_a_student_of_other_weights_is_not_used(tmp_path):
    """An FL run goes on only with the very teacher with which it began."""
    spec = tiny("FL", epochs=4)
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    broken.run(spec.teacher)
    killed(broken, [spec], "reference", after=3)
    kept = broken.workspace.load_weights(spec.teacher.key, "best_test")
    other = {name: tensor + 0.01 for name, tensor in kept.params.items()}
    for lab in (whole, broken):
        lab.workspace.save_weights(spec.teacher.key, 1, {"best_test": (kept.epoch, other)})
        lab.run(spec)
    assert [p.epoch for p in broken.progress if p.spec == spec] == [1, 2, 3, 4]
    assert broken.content(spec) == whole.content(spec)


# Runs that are one run with several ends


def trajectory() -> list[RunSpec]:
    """Four lengths of one ReLU run, and students of two of them."""
    relu = [tiny(epochs=epochs, optimiser="adam", learning_rate=0.01) for epochs in (6, 2, 5, 3)]
    student = relu[0].replace(regime="FL", epochs=3)
    return [*relu, student.replace(teacher_epochs=2), student.replace(teacher_epochs=5, teacher_checkpoint="last")]


def test_runs_that_differ_in_their_length_are_trained_once(tmp_path):
    specs = trajectory()
    lab = Laboratory(tmp_path / "together")
    assert lab.run(*specs) == 6
    for spec in specs[:4]:
        assert [p.epoch for p in lab.progress if p.spec == spec] == list(range(1, spec.epochs + 1))
        assert [p.seconds > 0 for p in lab.progress if p.spec == spec] == [spec is specs[0]] * spec.epochs
    for spec in specs[:4]:
        alone = Laboratory(tmp_path / f"alone {spec.epochs}")
        alone.run(spec)
        assert lab.content(spec) == alone.content(spec)
    short, long = (lab.content(spec)["teacher"] for spec in specs[4:])
    assert (short["key"], long["key"]) == (specs[1].key, specs[2].key)
    assert (short["epoch"] <= 2, long["epoch"]) == (True, 5)
    assert long["weights"] == lab.content(specs[2])["weights"]["last"]


def test_lengths_of_one_run_survive_a_kill(tmp_path):
    specs = trajectory()
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    killed(broken, specs, "reference", after=4 * 2 + 3 + 2)  # in the fourth epoch: two lengths are recorded
    assert {spec.epochs for spec in specs[:4] if spec in broken.store} == {2, 3}
    broken.run(*specs)
    assert [p.epoch for p in broken.progress if p.spec == specs[0]] == [4, 5, 6]
    assert [broken.content(spec) for spec in specs] == [whole.content(spec) for spec in specs]


def test_a_run_that_diverges_ends_all_its_lengths(lab):
    specs = [tiny(learning_rate=1e30, epochs=epochs) for epochs in (4, 9)]
    assert lab.run(*specs) == 2
    assert [lab.content(spec)["status"] for spec in specs] == ["diverged"] * 2


def test_a_fitted_run_stops_when_its_spec_says_so(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    full, stopped = tiny(epochs=30), tiny(epochs=30, early_stop=3)
    assert lab.run(full, stopped) == 2
    fitted = [accuracy >= 60.0 for accuracy in lab.content(full)["curves"]["train_accuracy"]]
    end = next(epoch for epoch in range(3, 30) if all(fitted[epoch - 3 : epoch]))
    curves = lab.content(stopped)["curves"]
    assert 3 < end < 30
    assert curves == {name: values[:end] for name, values in lab.content(full)["curves"].items()}
    assert lab.content(stopped)["status"] == "finished"
    assert lab.workspace.load_weights(stopped.key, "last").epoch == end


def test_a_shorter_curve_is_a_record_only_of_a_run_that_was_fitted(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    spec = tiny(epochs=30, early_stop=3)
    lab.run(spec)
    assert lab.store.verify() == [(lab.store.path(spec.key), None)]
    monkeypatch.setattr("companion.runs.spec.FITTED", 99.0)
    ((_, reason),) = lab.store.verify()
    assert "one value for each of 30 epochs" in reason


def test_a_run_that_ends_is_recorded_while_others_go_on(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 60.0)
    specs = [tiny(epochs=30, early_stop=3), tiny(epochs=30, seed=1)]
    told = []

    def note(event):
        told.append((event.spec, event.epoch) if isinstance(event, Progress) else event.spec)

    train(specs, lab.workspace, note, backend="reference", on_progress=note)
    assert told.index(specs[0]) < told.index((specs[1], 30)) < told.index(specs[1])
    assert told.count(specs[0]) == told.count(specs[1]) == 1
    assert not any(lab.workspace.load_checkpoint(spec.key) for spec in specs)


def test_a_fitted_run_ends_all_its_lengths(lab, monkeypatch):
    monkeypatch.setattr("companion.runs.spec.FITTED", 0.0)
    specs = [tiny(epochs=epochs, early_stop=3) for epochs in (20, 10, 4)]
    assert lab.run(*specs) == 3
    assert {len(lab.content(spec)["curves"]["train_accuracy"]) for spec in specs} == {3}


def test_a_teacher_may_train_longer_than_its_student(lab):
    spec = tiny("FL", epochs=2, teacher_epochs=7, teacher_checkpoint="last")
    assert spec.teacher == tiny(epochs=7)
    assert lab.run(spec) == 2
    assert lab.content(spec)["teacher"]["epoch"] == 7
    assert tiny("FL", epochs=2, teacher_epochs=2) == tiny("FL", epochs=2)


# Diverged runs


def test_a_diverged_run_is_a_record_and_does_not_stop_the_others(lab):
    wild, tame = tiny(learning_rate=1e30, epochs=4), tiny(seed=1, epochs=4)
    assert lab.run(wild, tame) == 2
    record = lab.record(wild)
    assert record.content["status"] == "diverged"
    assert record.statistic("best_test") is None
    lengths = {len(curve) for curve in record.curves.values()}
    assert lengths <= {0, 1, 2, 3}
    assert len(lengths) == 1
    assert all(math.isfinite(v) for curve in record.curves.values() for v in curve)
    alone = Laboratory(lab.store.folder.parent / "alone")
    alone.run(tame)
    assert lab.content(tame) == alone.content(tame)
    assert lab.run(wild, tame) == 0


@pytest.mark.parametrize("backend", ["stacked", "auto"])
def test_one_of_a_stack_may_diverge(lab, backend):
    """Runs of one engine that differ in their seed: the rate is such that it is luck who survives."""
    specs = [tiny("DL", seed=seed, learning_rate=11.0, epochs=6) for seed in range(8)]
    assert lab.run(*specs, backend=backend) == 8
    statuses = {spec: lab.record(spec).content["status"] for spec in specs}
    assert set(statuses.values()) == {"finished", "diverged"}
    assert lab.store.verify() == [(path, None) for path in lab.store.files()]


def test_a_run_whose_last_step_overflows_has_diverged(lab, monkeypatch):
    """The loss of an epoch is taken before its last step, so it may be finite when the weights no longer are."""
    spec = tiny(epochs=1)
    start = ReferenceBackend.start

    def overflowing(self, specs, *arguments):
        engine = start(self, specs, *arguments)
        states = engine.states

        def last():
            (state,) = states()
            state.model.value["weight.1"][0, 0] = math.inf
            return [state]

        engine.states = last
        return engine

    monkeypatch.setattr(ReferenceBackend, "start", overflowing)
    lab.run(spec)
    assert lab.record(spec).content["status"] == "diverged"
    assert lab.workspace.load_weights(spec.key, "last") is None


# Teachers


@pytest.mark.parametrize("checkpoint", ["best_test", "last", "selected"])
def test_fl_names_its_teacher(lab, checkpoint):
    spec = tiny("FL", teacher_checkpoint=checkpoint, holdout=10, epochs=5)
    assert lab.run(spec) == 2
    teacher = lab.record(spec.teacher).content
    epochs = {"best_test": teacher["best_epoch"], "last": 5, "selected": teacher["selected_epoch"]}
    assert lab.record(spec).content["teacher"] == {
        "key": spec.teacher.key,
        "take": 1,
        "checkpoint": checkpoint,
        "epoch": epochs[checkpoint],
        "weights": teacher["weights"][checkpoint],
    }


@pytest.mark.parametrize("loss", ["deleted", "damaged"])
def test_a_lost_teacher_is_trained_again_as_a_further_take(lab, loss):
    spec = tiny("FL")
    lab.run(spec.teacher)
    first = lab.record(spec.teacher)
    path = lab.workspace.folder / "weights" / f"{spec.teacher.key}.pt"
    if loss == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-100])
    assert lab.run(spec) == 2
    assert lab.store.takes(spec.teacher) == 2
    assert lab.record(spec.teacher).content == first.content
    second = lab.store.read(lab.store.path(spec.teacher.key, 2))
    assert timeless(second) == timeless(first)
    assert lab.record(spec).content["teacher"]["take"] == 2


def test_a_teacher_whose_weights_are_there_is_not_trained_again(lab):
    lab.run(tiny("FL"))
    assert lab.run(tiny("FL", value_input="ones")) == 1
    assert lab.store.takes(tiny()) == 1


def test_a_teacher_that_diverged_has_no_students_and_is_not_tried_again(lab):
    spec = tiny("FL", learning_rate=1e30)
    assert lab.run(spec) == 1
    assert not lab.record(spec.teacher).finished
    assert spec not in lab.store
    assert lab.run(spec) == 0
    assert lab.store.takes(spec.teacher) == 1


def test_training_without_the_teacher_names_it(lab):
    spec = tiny("FL")
    with pytest.raises(TeacherMissingError, match=spec.teacher.key):
        train([spec], lab.workspace, lambda record: None)


# Backends


def test_the_first_backend_that_can_is_chosen():
    assert choose_backend(tiny(optimiser="rmsprop")).name == "stacked"
    assert choose_backend(tiny(architecture="C4GAP", depth=2)).name == "lanes"
    assert choose_backend(tiny(precision="bfloat16")).name == "stacked"
    assert choose_backend(tiny(), "reference").name == "reference"
    assert choose_backend(tiny(), device="cuda:0").name in ("cuda", "stacked")


@pytest.mark.parametrize(
    ("spec", "name", "device", "words"),
    [
        (tiny(), "jax", "cpu", ("unknown backend 'jax'", "auto, fused")),
        (tiny(precision="bfloat16"), "reference", "cpu", ("bfloat16", "valid here are stacked")),
        (tiny(bias=False, optimiser="rmsprop"), "fused", "cpu", ("without biases", "stacked, reference")),
        (tiny(), "lanes", "cpu", ("lanes cannot train", "fused, stacked, reference")),
        (tiny(), "fused", "cuda", ("fused cannot train", "on cuda")),
        (tiny(), "cuda", "cpu", ("cuda cannot train", "on cpu")),
        (tiny(precision="tf32"), "auto", "cpu", ("in tf32 on cpu", "valid here are none")),
        (tiny(architecture="C4GAP", depth=2, precision="tf32"), "lanes", "cpu", ("lanes cannot", "in tf32 on cpu")),
    ],
)
def test_a_backend_that_cannot_says_which_can(spec, name, device, words):
    with pytest.raises(ValueError, match="valid") as caught:
        choose_backend(spec, name, device)
    assert all(word in str(caught.value) for word in words)


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
    assert lab.record(spec).content["provenance"]["backend"] == "lanes"
    other = Laboratory(lab.store.folder.parent / "reference")
    other.run(spec)
    assert lab.record(spec).curves["train_loss"] == pytest.approx(other.record(spec).curves["train_loss"], rel=1e-4)


@pytest.mark.parametrize("regime", Regime)
def test_two_repetitions_are_equal_to_the_last_bit(tmp_path, regime):
    first, second = Laboratory(tmp_path / "1"), Laboratory(tmp_path / "2")
    for lab in (first, second):
        lab.run(tiny(regime), backend="reference")
    assert first.content(tiny(regime)) == second.content(tiny(regime))
