"""One run in the kernel's hands."""

from __future__ import annotations

import ctypes

import numpy as np
import torch

from companion.networks.architectures import Conv, GlobalAveragePool
from companion.networks.forward import Params
from companion.networks.gates import OpenGate
from companion.notation import Int, Tensor, ValueInput
from companion.runs.examples import Examples
from companion.runs.regimes import RULES, value_input
from companion.runs.spec import RunSpec
from companion.training.backends.optimisers import ADAM_BETA1, ADAM_BETA2, EPSILON, MOMENTS, RMSPROP_DECAY
from companion.training.backends.planes.kernel import MOMENTUM, OPTIMISERS, Epoch, library, pack, unpack
from companion.training.fitting import refuse, refuse_order
from companion.training.schedule import learning_rate
from companion.training.state import EpochResult, TrainState

__all__ = ["FIXED_GATES", "Run"]

OWN_GATES, FIXED_GATES, LEARNT_GATES = range(3)
SPAN_BYTES = 2**19
"""What the activations of the examples that go forward and back together may take: half of a usual second cache."""
GROUP_BYTES = 2**15
"""What the planes may take between which a tile of a gradient is summed over examples: a usual first cache."""


class Run:
    """A run between two epochs: its parameters in the kernel's layout, and what the kernel is told.

    Args:
        spec: the run.
        state: where it stands.
        data: its training examples, images ``[N, C, H, W]`` in that order in memory.

    Raises:
        ValueError: parameters or images of another shape than the run's, or labels that are none of its classes.
    """

    def __init__(self, spec: RunSpec, state: TrainState, data: Examples) -> None:
        network, rule = spec.network, RULES[spec.regime]
        refuse(spec, state, data)
        built = library()
        assert built is not None
        self.spec, self.start, self.data, self.library = spec, state, data, built
        self.gating = OWN_GATES if rule.feature is None else LEARNT_GATES if rule.trains_feature else FIXED_GATES
        self.theta = self._pack(state.model.trainable(spec.regime))
        empty = torch.zeros_like(self.theta)
        self.m = self._pack(state.first) if state.first else empty.clone()
        self.v = self._pack(state.second) if state.second else empty
        feature = state.model.feature
        self.frozen = pack(network, feature) if self.gating == FIXED_GATES and feature is not None else None
        self.constant = None
        if spec.value_input is not ValueInput.IMAGE:
            self.constant = value_input(spec, data.inputs[:1]).contiguous()
        shapes = [layer.weight for layer in network.weight_shapes()]
        dense = [shape for shape in shapes if len(shape) == 2]
        channels, height, width = network.input_shape
        self.channels = torch.tensor(
            [channels, *(layer.channels for layer in network.layers if isinstance(layer, Conv))]
        )
        self.widths = torch.tensor([dense[0][0], *(out for _, out in dense)])
        self.source = torch.tensor(spec.routing.between.order(network.gated_layers))
        pooled = any(isinstance(layer, GlobalAveragePool) for layer in network.layers)
        span, group = _sizes(spec, self.gating == LEARNT_GATES, pooled, self.channels.tolist())
        self.struct = Epoch(
            convolutions=len(self.channels) - 1,
            channels=self.channels.data_ptr(),
            height=height,
            width=width,
            pooled=pooled,
            dense=len(dense),
            widths=self.widths.data_ptr(),
            gating=self.gating,
            source=self.source.data_ptr(),
            linear=isinstance(spec.inner_gate, OpenGate),
            optimiser=MOMENTUM if spec.momentum else OPTIMISERS[spec.optimiser],
            beta1=spec.momentum or ADAM_BETA1,
            beta2=RMSPROP_DECAY if spec.optimiser == "rmsprop" else ADAM_BETA2,
            epsilon=EPSILON,
            decay=spec.weight_decay,
            nesterov=spec.nesterov,
            gate_beta=spec.gate_beta,
            gate_scale=1 + spec.gate_eps,
            biased=int(spec.bias),
            batch=spec.batch_size,
            span=span,
            group=group,
            images=data.inputs.data_ptr(),
            constant=None if self.constant is None else self.constant.data_ptr(),
            labels=data.labels.data_ptr(),
            theta=self.theta.data_ptr(),
            m=self.m.data_ptr(),
            v=self.v.data_ptr(),
            frozen=None if self.frozen is None else self.frozen.data_ptr(),
            step=state.step,
        )
        self.bits: np.ndarray | None = None

    @property
    def gate_bytes(self) -> int:
        """What the gates of all examples take."""
        words = self.library.companion_planes_words(ctypes.byref(self.struct))
        return len(self.data) * words * self.library.companion_planes_word()

    def gates(self) -> np.ndarray:
        """The gates of all examples by the frozen feature network, in the kernel's own order: bytes ``[N, ...]``."""
        bits = np.empty((len(self.data), self.gate_bytes // max(1, len(self.data))), np.uint8)
        self._call(torch.arange(len(self.data)), bits)
        return bits

    def use(self, bits: np.ndarray) -> None:
        """From now on take the gates from there."""
        self.bits, self.struct.bits, self.struct.frozen = bits, bits.ctypes.data, None

    def epoch(self, order: Int[Tensor, "N"]) -> EpochResult:
        """Train once through the examples in the given order."""
        refuse_order(order, len(self.data))
        steps = range(self.struct.step, self.struct.step + -(-len(order) // self.spec.batch_size))
        rates = torch.tensor([learning_rate(self.spec, step, len(self.data)) for step in steps])
        self.struct.rates = rates.data_ptr()
        self._call(order.contiguous())
        return EpochResult(self.struct.loss, self.struct.correct, len(order))

    def _call(self, order: Int[Tensor, "N"], bits: np.ndarray | None = None) -> None:
        struct = self.struct
        scratch = torch.zeros(self.library.companion_planes_scratch(ctypes.byref(struct)))
        struct.order, struct.examples, struct.scratch = order.data_ptr(), len(order), scratch.data_ptr()
        if bits is None:
            self.library.companion_planes_epoch(ctypes.byref(struct))
        else:
            self.library.companion_planes_gates(ctypes.byref(struct), bits.ctypes.data)

    def state(self) -> TrainState:
        """Where the run stands."""
        model, step = self.start.model.updated(self._unpack(self.theta)), self.struct.step
        spec = self.spec
        remembers = step and (spec.optimiser != "sgd" or spec.momentum)
        known = {ours for ours, _ in MOMENTS[spec.optimiser]} if remembers else set()
        first, second = (
            self._unpack(flat) if name in known else {} for name, flat in (("first", self.m), ("second", self.v))
        )
        return TrainState(model, first, second, step)

    def _pack(self, tensors: Params) -> Tensor:
        return torch.cat([pack(self.spec.network, part) for _, part in _parts(tensors)])

    def _unpack(self, flat: Tensor) -> Params:
        found: Params = {}
        at = 0
        for name, part in _parts(self.start.model.trainable(self.spec.regime)):
            size = len(pack(self.spec.network, part))
            tensors = unpack(self.spec.network, flat[at : at + size], part)
            found |= {f"{name}/{key}": tensor for key, tensor in tensors.items()}
            at += size
        return found


def _parts(tensors: Params) -> list[tuple[str, Params]]:
    """Tensors of ``value/...`` and, where there are any, of ``feature/...``, by their names within."""
    parts = {
        part: {name.removeprefix(f"{part}/"): t for name, t in tensors.items() if name.startswith(f"{part}/")}
        for part in ("value", "feature")
    }
    return [(part, own) for part, own in parts.items() if own]


def _sizes(spec: RunSpec, learnt: bool, pooled: bool, channels: list[int]) -> tuple[int, int]:
    """How many examples go through the network together, and over how many a gradient is summed in registers.

    Without a pool the first dense layer is large: it is read once a batch, whatever becomes of the activations.
    """
    _, height, width = spec.network.input_shape
    plane = 4 * (height + 1) * (width + 2)
    group = max(1, GROUP_BYTES // (6 * plane))
    span = SPAN_BYTES // (plane * sum(channels) * (3 if learnt else 1)) if pooled else spec.batch_size
    return min(spec.batch_size, max(group, span)), min(spec.batch_size, group)
