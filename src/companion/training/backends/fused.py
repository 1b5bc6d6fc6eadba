"""The fused backend: one compiled kernel (``fused.c``) trains one model's epoch in the cache of one core.

For fully connected networks on the CPU.  Threads run over models.  Gates of a frozen feature network are computed once
for the whole training set and kept as bits.  The kernel is compiled at first use by the machine's own C compiler.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import subprocess
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from companion.networks.architectures import Dense, Flatten
from companion.networks.gates import OpenGate
from companion.notation import Int, Tensor, ValueInput
from companion.runs.examples import Examples
from companion.runs.regimes import RULES, gates, value_input
from companion.runs.spec import RunSpec
from companion.training.backends.base import AROUND, longest_first, strange
from companion.training.backends.native import compiled
from companion.training.backends.optimisers import ADAM_BETA1, ADAM_BETA2, EPSILON
from companion.training.fitting import refuse, refuse_order
from companion.training.state import EpochResult, TrainState

__all__ = ["FusedBackend"]

PAD = 16
MOST_LAYERS = 63
OPTIMISERS = ("sgd", "adam")
OWN_GATES, FIXED_GATES, LEARNT_GATES = range(3)

log = logging.getLogger(__name__)


class _Epoch(ctypes.Structure):
    """The C structure ``Epoch``, field by field."""

    _fields_ = (
        ("layers", ctypes.c_int64),
        ("widths", ctypes.c_void_p),
        ("gating", ctypes.c_int64),
        ("source", ctypes.c_void_p),
        ("linear", ctypes.c_int64),
        ("optimiser", ctypes.c_int64),
        *((name, ctypes.c_float) for name in ("rate", "beta1", "beta2", "epsilon")),
        *((name, ctypes.c_float) for name in ("gate_beta", "gate_scale", "first_rate")),
        ("biased", ctypes.c_int64),
        ("batch", ctypes.c_int64),
        ("examples", ctypes.c_int64),
        ("order", ctypes.c_void_p),
        ("x", ctypes.c_void_p),
        ("x_stride", ctypes.c_int64),
        ("images", ctypes.c_void_p),
        ("image_size", ctypes.c_int64),
        ("labels", ctypes.c_void_p),
        ("bits", ctypes.c_void_p),
        ("words", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("theta", "m", "v")),
        ("step", ctypes.c_int64),
        ("scratch", ctypes.c_void_p),
        ("loss", ctypes.c_double),
        ("correct", ctypes.c_int64),
    )


class FusedBackend:
    """Trains fully connected networks on the CPU, as fast as the processor multiplies.

    Example:
        >>> FusedBackend().refusal(RunSpec(architecture="GCONV"))
        'it is for dense layers alone, and GCONV has others'
    """

    name = "fused"
    KNOWS = AROUND | {
        "architecture",
        "width",
        "depth",
        "bias",
        "regime",
        "value_input",
        "gate_permutation",
        "gate_shifts",
        "gate_turns",
        "feature_width",
        "feature_activation",
        "gate_beta",
        "gate_eps",
        "optimiser",
        "learning_rate",
        "batch_size",
    }

    def refusal(self, spec: RunSpec) -> str | None:
        """Other layers than dense ones, other optimisers than two, and machines without a C compiler."""
        if (reason := strange(self.KNOWS, spec)) is not None:
            return reason
        if not all(isinstance(layer, (Dense, Flatten)) for layer in spec.network.layers):
            return f"it is for dense layers alone, and {spec.architecture} has others"
        if spec.network.depth > MOST_LAYERS:
            return f"it takes at most {MOST_LAYERS} layers, not {spec.network.depth}"
        if RULES[spec.regime].trains_feature and not spec.routing.within.identity:
            return "it moves whole layers of learnt gates alone, not gates within their layer"
        if spec.optimiser not in OPTIMISERS:
            return f"its optimisers are {' and '.join(OPTIMISERS)}, not {spec.optimiser}"
        return "no C compiler works here" if _library() is None else None

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs may go together: threads run over models."""
        return None

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> _Engine:
        """One engine; each of its ``threads`` trains one model at a time."""
        inputs = data.inputs.flatten(1).contiguous()
        runs = [_Run(spec, state, data, inputs) for spec, state in zip(specs, states, strict=True)]
        return _Engine(runs, threads)


class _Engine:
    def __init__(self, runs: list[_Run], threads: int) -> None:
        self.runs, self.pool = runs, ThreadPoolExecutor(threads)

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        first = longest_first([run.spec for run in self.runs])
        results = self.pool.map(_Run.epoch, [self.runs[i] for i in first], [orders[i] for i in first])
        by_run = dict(zip(first, results, strict=True))
        return [by_run[i] for i in range(len(self.runs))]

    def states(self) -> list[TrainState]:
        return [run.state() for run in self.runs]


class _Run:
    """One run in the kernel's layout: weights ``[in, out padded]`` and a bias row, layer after layer.

    A network without biases has the row all the same; it is zero and stays so.
    """

    def __init__(self, spec: RunSpec, state: TrainState, data: Examples, inputs: Tensor) -> None:
        refuse(spec, state, data)
        self.spec, self.start = spec, state
        rule = RULES[spec.regime]
        # A constant input of ones gives all rows of the first weight matrix one common gradient.  They are then kept as
        # their sum, one row, that moves ``d_in`` times as fast: the same mathematics, a d_in-th of the work.
        self.ones = spec.value_input is ValueInput.ONES
        shapes = [layer.weight for layer in spec.network.weight_shapes()]
        self.d_in = shapes[0][0]
        self.widths = torch.tensor([1 if self.ones else self.d_in] + [out for _, out in shapes])
        self.images = inputs
        self.rows = {"value": self.widths[:-1].tolist(), "feature": [self.d_in, *self.widths[1:-2].tolist()]}
        if self.ones:
            self.x = torch.ones(1)
        elif spec.value_input is ValueInput.IMAGE:
            self.x = inputs
        else:
            self.x = value_input(spec, data.inputs[:1]).flatten().contiguous()
        self.labels = data.labels.contiguous()
        self.trainable = state.model.trainable(spec.regime)
        self.theta = self._pack(self.trainable, summed=True)
        adam = spec.optimiser == "adam"
        empty = torch.zeros_like(self.theta)
        self.m = self._pack(state.first) if adam and state.step else empty.clone()
        self.v = self._pack(state.second) if adam and state.step else empty
        self.initial = self.theta.clone() if self.ones else None
        self.bits, self.words = None, 0
        gating = OWN_GATES
        if rule.feature is not None:
            gating = LEARNT_GATES if rule.trains_feature else FIXED_GATES
        if gating == FIXED_GATES:
            assert state.model.feature is not None
            self.bits = _gate_bits(spec, state.model.feature, data.inputs)
            self.words = self.bits.shape[1]
        layers = len(shapes)
        self.source = torch.tensor(spec.routing.between.order(layers - 1))
        library = _library()
        assert library is not None
        self.kernel = library
        self.scratch = torch.zeros(
            library.companion_scratch(layers, self.widths.data_ptr(), self.d_in, spec.batch_size)
        )
        self.struct = _Epoch(
            layers=layers,
            widths=self.widths.data_ptr(),
            gating=gating,
            source=self.source.data_ptr(),
            linear=int(isinstance(spec.inner_gate, OpenGate)),
            optimiser=int(adam),
            rate=spec.learning_rate,
            beta1=ADAM_BETA1,
            beta2=ADAM_BETA2,
            epsilon=EPSILON,
            gate_beta=spec.gate_beta,
            gate_scale=1 + spec.gate_eps,
            first_rate=self.d_in if self.ones else 1,
            biased=int(spec.bias),
            batch=spec.batch_size,
            x=self.x.data_ptr(),
            x_stride=self.x.shape[1] if self.x.dim() == 2 else 0,
            images=self.images.data_ptr(),
            image_size=self.d_in,
            labels=self.labels.data_ptr(),
            bits=self.bits.ctypes.data if self.bits is not None else None,
            words=self.words,
            theta=self.theta.data_ptr(),
            m=self.m.data_ptr(),
            v=self.v.data_ptr(),
            step=state.step,
            scratch=self.scratch.data_ptr(),
        )

    def epoch(self, order: Int[Tensor, "N"]) -> EpochResult:
        refuse_order(order, len(self.labels))
        order = order.contiguous()
        self.struct.order, self.struct.examples = order.data_ptr(), len(order)
        self.kernel.companion_epoch(ctypes.byref(self.struct))
        return EpochResult(self.struct.loss, self.struct.correct, len(order))

    def state(self) -> TrainState:
        trainable = self._unpack(self.theta)
        if self.initial is not None:
            moved = (self.theta - self.initial)[: int(self.widths[1])] / self.d_in
            trainable["value/weight.0"] = self.trainable["value/weight.0"] + moved
        model = self.start.model.updated(trainable)
        if self.spec.optimiser == "sgd" or not self.struct.step:
            return TrainState(model, step=self.struct.step)
        return TrainState(model, self._unpack(self.m), self._unpack(self.v), self.struct.step)

    def _pack(self, tensors: dict[str, Tensor], summed: bool = False) -> Tensor:
        pieces = []
        for part in ("value", "feature"):
            for l, rows in enumerate(self.rows[part]):
                weight = tensors.get(f"{part}/weight.{l}")
                if weight is None:
                    continue
                bias = tensors.get(f"{part}/bias.{l}", weight.new_zeros(weight.shape[1]))
                if rows < len(weight):
                    weight = weight.sum(0, keepdim=True) if summed else weight[:1]
                block = torch.cat([weight, bias[None]])
                pieces.append(torch.nn.functional.pad(block, (0, padded(block.shape[1]) - block.shape[1])).flatten())
        return torch.cat(pieces)

    def _unpack(self, flat: Tensor) -> dict[str, Tensor]:
        tensors, at = {}, 0
        for part in ("value", "feature"):
            for l, rows in enumerate(self.rows[part]):
                name = f"{part}/weight.{l}"
                if name not in self.trainable:
                    continue
                shape = self.trainable[name].shape
                block = flat[at : at + (rows + 1) * padded(shape[1])].view(rows + 1, -1)[:, : shape[1]].clone()
                tensors[name] = block[:-1].expand(shape).clone()
                if self.spec.bias:
                    tensors[f"{part}/bias.{l}"] = block[-1].clone()
                at += (rows + 1) * padded(shape[1])
        return tensors


def padded(n: int) -> int:
    """``n`` rounded up to a whole number of vectors."""
    return -(-n // PAD) * PAD


def _gate_bits(spec: RunSpec, feature: dict[str, Tensor], inputs: Tensor) -> np.ndarray:
    """Gates of all examples, one bit each, a layer's row padded to whole words: uint16 ``[N, words]``."""
    blocks = []
    for x in inputs.split(4096):
        layers = [
            np.pad(g.bool().numpy(), ((0, 0), (0, padded(g.shape[1]) - g.shape[1]))) for g in gates(spec, feature, x)
        ]
        blocks.append(np.packbits(np.concatenate(layers, axis=1), axis=1, bitorder="little").view("<u2"))
    return np.ascontiguousarray(np.concatenate(blocks))


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The compiled kernel; ``None``, and one line in the log, where it cannot be built."""
    try:
        library = compiled(Path(__file__).with_name("fused.c"))
    except (OSError, subprocess.CalledProcessError) as error:
        log.warning("the fused backend cannot be built here (%s): the stacked backend is used instead", error)
        return None
    library.companion_scratch.argtypes = (ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    library.companion_scratch.restype = library.companion_epoch.restype = ctypes.c_int64
    return library
