"""The kernel for convolutional networks where C and Python meet, and who trains what."""

from __future__ import annotations

import ctypes
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from companion.notation import Regime
from companion.runs.examples import Examples
from companion.runs.spec import RunSpec
from companion.training.backends import LanesBackend
from companion.training.backends.choose import choose_backend
from companion.training.backends.planes import kernel
from companion.training.backends.planes.run import Run
from support.backends import advance, difference, initial, order
from support.laboratory import tiny
from support.planes import PLANES, SMALL, begun, images, run

pytestmark = pytest.mark.skipif(PLANES.refusal(SMALL) is not None, reason="no C compiler")


# At the boundary of C

LIBRARY = kernel.library()


def steps(kind: int, steps: int = 5, **constants: float) -> Sequence[torch.Tensor]:
    """Parameters after each of some steps along random gradients."""
    generator = torch.Generator().manual_seed(0)
    w, m, v = torch.randn(48, generator=generator), torch.zeros(48), torch.zeros(48)
    told = kernel.Step(kind=kind, **constants)
    passed = []
    for count in range(1, steps + 1):
        g = torch.randn(48, generator=generator)
        places = (t.data_ptr() for t in (g, w, m, v))
        LIBRARY.companion_planes_step(ctypes.byref(told), count, 48, *places)
        passed.append(w.clone())
    return passed


def by_pytorch(make, count: int = 5) -> Sequence[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(48, generator=generator).double().requires_grad_()
    optimiser, passed = make([w]), []
    for _ in range(count):
        w.grad = torch.randn(48, generator=generator).double()
        optimiser.step()
        passed.append(w.detach().clone())
    return passed


SGD, ADAM, RMSPROP, MOMENTUM = range(4)
OPTIM = torch.optim


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize(
    ("kind", "constants", "make"),
    [
        (SGD, {}, lambda decay: lambda w: OPTIM.SGD(w, 0.1, weight_decay=decay)),
        (MOMENTUM, {"beta1": 0.9}, lambda decay: lambda w: OPTIM.SGD(w, 0.1, 0.9, weight_decay=decay)),
        (
            MOMENTUM,
            {"beta1": 0.9, "nesterov": 1},
            lambda decay: lambda w: OPTIM.SGD(w, 0.1, 0.9, weight_decay=decay, nesterov=True),
        ),
        (
            ADAM,
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
            lambda decay: lambda w: OPTIM.Adam(w, 0.1, (0.9, 0.999), 1e-7, decay),
        ),
        (
            RMSPROP,
            {"beta2": 0.9, "epsilon": 1e-7},
            lambda decay: lambda w: OPTIM.RMSprop(w, 0.1, 0.9, 1e-7, decay),
        ),
    ],
    ids=["sgd", "heavy ball", "nesterov", "adam", "rmsprop"],
)
def test_steps_are_those_of_pytorch(kind, constants, make, decay):
    found, expected = steps(kind, rate=0.1, decay=decay, **constants), by_pytorch(make(decay))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("file", "structure"), [("network.h", kernel.Epoch), ("../optimiser.h", kernel.Step)])
def test_structures_are_those_in_c(file, structure):
    """Field by field, in order: a difference would be read as nonsense."""
    source = (Path(kernel.__file__).parent / file).read_text()
    (body,) = re.findall(r"typedef struct \{\n([^}]*)\} " + structure.__name__ + ";", source)
    lines = [re.sub(r"const |\*|;", "", line.split("/*")[0]).split(None, 1) for line in body.splitlines()]
    fields = [name.strip() for line in lines if len(line) > 1 and line[0].strip() for name in line[1].split(",")]
    assert fields == [name for name, _ in structure._fields_]


def test_what_does_not_fit_is_refused_before_c_sees_it():
    data, state = images(run((1, 8, 8)), 20), initial(SMALL)
    engine = PLANES.start([SMALL], [state], data, "cpu", 1)
    for wrong in ([0, 20], [-1]):
        with pytest.raises(ValueError, match="numbers of the 20 examples"):
            engine.epoch([torch.tensor(wrong)])
    with pytest.raises(ValueError, match="from 0 to 9"):
        PLANES.start([SMALL], [state], Examples(data.inputs, data.labels + 10), "cpu", 1)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\)"):
        PLANES.start([SMALL], [state], Examples(data.inputs[..., :7], data.labels), "cpu", 1)


def test_images_may_lie_in_memory_in_any_order():
    spec = run((3, 8, 8), architecture="C4GAP", width=4, batch_size=5, learning_rate=0.1)
    data = images(spec, 20)
    last = Examples(data.inputs.contiguous(memory_format=torch.channels_last), data.labels)
    engines = [PLANES.start([spec], [begun(spec)], own, "cpu", 1) for own in (data, last)]
    first, second = (engine.epoch([torch.arange(20)]) for engine in engines)
    assert first == second
    assert difference(engines[0].states()[0], engines[1].states()[0]) == 0


@pytest.mark.parametrize("call", ["gates", "epoch"])
def test_denormal_flushing_ends_with_every_call(call):
    """In this very thread: the setting is the thread's own."""
    spec = SMALL.replace(regime="FR-II")
    one = Run(spec, initial(spec), images(run((1, 8, 8)), 20))
    one.gates() if call == "gates" else one.epoch(torch.arange(20))
    try:
        assert (torch.tensor([1e-40]) * 0.5).item() > 0
    finally:
        torch.set_flush_denormal(False)


def test_results_come_back_in_the_order_of_the_runs():
    """The longest is trained first: here the second."""
    specs = [SMALL.replace(regime=regime) for regime in (Regime.RELU, Regime.DL, Regime.FR_II)]
    states, data, own = [initial(s) for s in specs], images(run((1, 8, 8)), 20), torch.arange(20)
    together = PLANES.start(specs, states, data, "cpu", 2).epoch([own] * 3)
    alone = [PLANES.start([s], [state], data, "cpu", 1).epoch([own])[0] for s, state in zip(specs, states, strict=True)]
    assert together == alone
    assert len({result.loss for result in alone}) == 3


# Who trains what


def test_it_is_chosen_for_what_it_can_and_says_what_it_cannot():
    assert choose_backend(SMALL).name == "planes"
    assert choose_backend(SMALL.replace(optimiser="rmsprop", bias=False)).name == "planes"
    assert choose_backend(SMALL.replace(precision="bfloat16")).name == "lanes"
    assert choose_backend(RunSpec(dataset="cifar10", architecture="DAVIDNET", width=4)).name == "lanes"
    assert "dense layers" in PLANES.refusal(RunSpec(dataset="digits", width=3, depth=2))
    assert "others" in PLANES.refusal(RunSpec(dataset="cifar10", architecture="DAVIDNET", width=4))
    assert "at most 63" in PLANES.refusal(RunSpec(dataset="digits", architecture="C4GAP", width=2, depth=64))
    assert PLANES.refusal(RunSpec(dataset="digits", architecture="C4GAP", width=2, depth=63)) is None
    narrow = {"regime": "FR-II", "architecture": "C4GAP", "width": 4, "feature_width": 2}
    assert "feature_width 2" in PLANES.refusal(RunSpec(dataset="digits", **narrow))
    assert "loss" in PLANES.refusal(SMALL.replace(classes=(4, 7), loss="squared-error"))


@pytest.mark.parametrize(("variable", "value"), [("CC", "no-such-compiler"), ("CC", "false"), (kernel.WANTED, "sse9")])
def test_where_it_cannot_be_built_another_is_used_after_one_line(monkeypatch, caplog, tmp_path, variable, value):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(variable, value)
    kernel._library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            chosen = {choose_backend(SMALL.replace(seed=seed)).name for seed in range(3)}
        assert chosen == {"lanes"}
        assert len([r for r in caplog.records if "planes" in r.message]) == 1
    finally:
        monkeypatch.undo()
        kernel._library.cache_clear()


def test_a_run_that_diverges_is_a_record_and_does_not_stop_the_others(lab):
    wild, calm = (tiny(architecture="C4GAP", learning_rate=rate) for rate in (1e30, 0.05))
    assert lab.run(wild, calm, backend="planes") == 2
    assert [lab.content(spec)["status"] for spec in (wild, calm)] == ["diverged", "finished"]
    assert lab.record(calm).content["provenance"]["backend"] == "planes"


def test_deep_networks_stay_within_their_memory():
    spec = RunSpec(
        dataset="digits", regime="DL", architecture="C4GAP", width=5, depth=63, batch_size=3, learning_rate=1e-3
    )
    (state,), _ = advance(PLANES, [spec], [initial(spec)], [order(spec, 2)])
    assert all(tensor.isfinite().all() for tensor in state.model.value.values())


def test_a_run_can_go_on_with_another_backend():
    for regime in (Regime.DL, Regime.FR_DI):
        spec = SMALL.replace(regime=regime, optimiser="adam", learning_rate=1e-3)
        first, second = order(spec, 3, seed=1), order(spec, 3, seed=2)
        ends = []
        for one, other in ((PLANES, LanesBackend()), (LanesBackend(), PLANES), (LanesBackend(), LanesBackend())):
            (middle,), _ = advance(one, [spec], [initial(spec)], [first])
            ends.append(advance(other, [spec], [middle], [second])[0][0])
        assert max(difference(end, ends[2]) for end in ends) < 5e-5  # Adam's first steps
