"""The compiled kernel: what it takes, and what happens where it cannot be built."""

from __future__ import annotations

import logging

import pytest
import torch

from companion.notation import Regime
from companion.runs.spec import RunSpec
from companion.training.backends import FusedBackend, fused
from companion.training.backends.choose import choose_backend
from companion.training.backends.fused import padded
from support.backends import RUNS, advance, apart, begin, data, initial, order

FUSED = FusedBackend()


@pytest.fixture
def unbuilt(monkeypatch):
    """Forget the kernel for the time of a test."""
    fused._library.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    fused._library.cache_clear()


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false", "echo"])
def test_without_a_working_compiler_another_backend_is_used_after_one_line(unbuilt, caplog, tmp_path, compiler):
    unbuilt.setenv("CC", compiler)
    unbuilt.setenv("XDG_CACHE_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        chosen = [choose_backend(spec).name for spec in RUNS]
    assert set(chosen) == {"stacked"}
    assert len(caplog.records) == 1
    assert "cannot be built here" in caplog.text
    with pytest.raises(ValueError, match="valid here are stacked, reference"):
        choose_backend(RUNS[0], "fused")


def test_the_kernel_is_built_once_for_a_machine(unbuilt, tmp_path):
    unbuilt.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FUSED.refusal(RUNS[0]) is None
    (built,) = tmp_path.rglob("*.so")
    before = built.stat().st_mtime_ns
    fused._library.cache_clear()
    assert FUSED.refusal(RUNS[0]) is None
    assert built.stat().st_mtime_ns == before
    assert list(tmp_path.rglob("*.so")) == [built]


@pytest.mark.parametrize("length", [0, 4096, -1])
def test_a_library_that_was_cut_short_is_built_anew(unbuilt, tmp_path, length):
    """To load it could end the process: it is known by what is in it, not by its name."""
    unbuilt.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FUSED.refusal(RUNS[0]) is None
    (built,) = tmp_path.rglob("*.so")
    whole = built.read_bytes()
    built.unlink()  # this process has it in its memory
    built.write_bytes(whole[:length])
    fused._library.cache_clear()
    assert FUSED.refusal(RUNS[0]) is None
    assert any(path.read_bytes() != whole[:length] for path in tmp_path.rglob("*.so"))


def test_what_it_cannot_train_it_says():
    assert FUSED.refusal(RUNS[0]) is None
    assert FUSED.refusal(RUNS[0].replace(bias=False)) is None
    assert FUSED.refusal(RUNS[0].replace(precision="bfloat16"))
    assert FUSED.refusal(RUNS[0].replace(optimiser="rmsprop"))
    assert FUSED.refusal(RUNS[0].replace(classes=(4, 7), loss="squared-error"))
    assert FUSED.refusal(RUNS[0].replace(depth=64))
    assert FUSED.refusal(RUNS[0].replace(depth=63)) is None
    assert FUSED.refusal(RunSpec(dataset="digits", architecture="C4GAP", width=2))
    assert choose_backend(RUNS[0].replace(optimiser="rmsprop")).name == "stacked"
    assert choose_backend(RUNS[0]).name == "fused"


def test_its_structure_is_the_one_in_c():
    """Field by field, in order: a difference would be read as nonsense."""
    source = (fused.Path(fused.__file__).with_name("fused.c")).read_text()
    body = source[source.index("typedef struct {\n    int64_t layers;") : source.index("} Epoch;")]
    lines = [line.split("/*")[0] for line in body.splitlines()[1:]]
    names = [n for line in lines for n in line.replace("const ", "").replace("*", " ").strip(" ;").split(None, 1)[1:]]
    fields = [name.strip() for group in names for name in group.split(",")]
    assert fields == [name for name, _ in fused._Epoch._fields_]


@pytest.mark.parametrize("depth", [2, 40, 63])
def test_deep_networks_stay_within_their_memory(depth):
    spec = RunSpec(dataset="digits", regime=Regime.DL, width=17, depth=depth, batch_size=3, learning_rate=1e-3)
    (state,), _ = advance(FUSED, [spec], [initial(spec)], [order(spec, 2)])
    assert all(tensor.isfinite().all() for tensor in state.model.value.values())


@pytest.mark.parametrize(("n", "whole"), [(1, 16), (15, 16), (16, 16), (17, 32)])
def test_padding_is_to_whole_vectors(n, whole):
    assert padded(n) == whole


def test_padded_columns_do_not_leak_into_the_weights():
    for spec in RUNS:
        engine = begin(FUSED, [spec], [initial(spec)])
        engine.epoch([order(spec, 3)])
        (run,) = engine.runs
        block = run.theta[: (run.rows["value"][0] + 1) * padded(13)].view(-1, padded(13))
        assert not block[:, 13:].any()


def test_a_constant_input_moves_all_rows_of_the_first_layer_alike():
    spec = next(s for s in RUNS if s.value_input == "ones" and s.optimiser == "adam")
    start = initial(spec)
    (end,), _ = advance(FUSED, [spec], [start], [order(spec, 5)])
    moved = end.model.value["weight.0"] - start.model.value["weight.0"]
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), rtol=1e-3, atol=1e-7)
    assert moved.abs().max() > 1e-3


def test_threads_change_nothing():
    specs = [spec.replace(seed=seed) for spec in RUNS[:8] for seed in range(2)]
    orders = [order(spec, 4, seed=i) for i, spec in enumerate(specs)]
    outcomes = []
    for threads in (1, 3):
        engine = FUSED.start(specs, [initial(s) for s in specs], data(specs[0]), "cpu", threads)
        engine.epoch(orders)
        outcomes.append(engine.states())
    for a, b in zip(*outcomes, strict=True):
        assert apart(a.model.value, b.model.value) == 0


def test_denormal_flushing_ends_with_the_epoch():
    spec = RUNS[0]
    (run,) = begin(FUSED, [spec], [initial(spec)]).runs
    run.epoch(order(spec, 1))  # in this very thread: the setting is the thread's own
    assert (torch.tensor([1e-40]) * 0.5).item() > 0
