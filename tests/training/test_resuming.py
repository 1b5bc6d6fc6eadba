"""A run that is killed goes on, and ends as if nothing had been."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal

import pytest

from companion.records.weights import weights_digest
from companion.runs.spec import RunSpec
from companion.training import loop, pace
from companion.training.backends.choose import choose_backend
from support.laboratory import Laboratory, all_regimes, tiny
from support.records import alter
from support.trajectories import trajectory

# Killed runs


def kill_oneself(lab: Laboratory, specs: list[RunSpec], backend: str, after: int) -> None:
    """Train, with a checkpoint after every epoch, and die in the middle, without a chance to tidy up."""
    loop.CHECKPOINT_SECONDS, pace.SHARE = -1, math.inf
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
        assert broken.workspace.load_checkpoint(spec) is None


def test_fl_goes_on_too(tmp_path):
    specs = all_regimes(epochs=4)
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    killed(broken, specs, "reference", after=4 * 4 + 3)  # four runs of four epochs, then FL
    assert len(broken.store.files()) == 4
    assert broken.run(*specs) == 1
    assert [p.epoch for p in broken.progress] == [3, 4]
    assert [broken.content(s) for s in specs] == [whole.content(s) for s in specs]


@pytest.mark.parametrize(("backend", "network"), [("fused", {}), ("planes", {"architecture": "C4GAP", "depth": 3})])
def test_compiled_backends_go_on_too(tmp_path, backend, network):
    specs = all_regimes(epochs=4, optimiser="adam", learning_rate=0.01, **network)
    if choose_backend(specs[0]).name != backend:
        pytest.skip("no C compiler")
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs, backend=backend)
    killed(broken, specs, backend, after=9)
    broken.run(*specs, backend=backend)
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
    for lab in (whole, broken):
        lab.run(spec.teacher)
    killed(broken, [spec], "reference", after=3)
    kept = broken.workspace.load_weights(spec.teacher.key, "best_test")
    other = {name: tensor + 0.01 for name, tensor in kept.params.items()}
    for lab in (whole, broken):
        lab.workspace.save_weights(spec.teacher.key, 1, {"best_test": (kept.epoch, other)})
        named = {"best_test": weights_digest(other)}
        alter(lab.store.path(spec.teacher.key), lambda content, named=named: content.update(weights=named))
        assert lab.run(spec) == 1
    assert [p.epoch for p in broken.progress if p.spec == spec] == [1, 2, 3, 4]
    assert broken.content(spec) == whole.content(spec)


def test_lengths_of_one_run_survive_a_kill(tmp_path):
    specs = trajectory()
    whole, broken = Laboratory(tmp_path / "whole"), Laboratory(tmp_path / "broken")
    whole.run(*specs)
    killed(broken, specs, "reference", after=4 * 2 + 3 + 2)  # in the fourth epoch: two lengths are recorded
    assert {spec.epochs for spec in specs[:4] if spec in broken.store} == {2, 3}
    broken.run(*specs)
    assert [p.epoch for p in broken.progress if p.spec == specs[0]] == [4, 5, 6]
    assert [broken.content(spec) for spec in specs] == [whole.content(spec) for spec in specs]
