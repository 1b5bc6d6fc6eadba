"""The chains backend: networks that are one chain of layers, trained on a GPU with a backward pass written by hand.

A chain is convolutions, one global average pool or flattening, dense layers.  Each model takes its step on a stream of
its own, products go to the GPU's libraries, everything between two products is one kernel (:mod:`.epilogues`), and the
step of all models is one CUDA graph.  A short last batch is a full one in which the missing examples weigh nothing, so
that the graph serves it too.  In ``bfloat16``, products and what is stored between layers are of that type; weights,
gradients of weights, moments and the loss are float32, and gates of frozen feature networks are those of float32.

Without a GPU the same code runs, slowly, without streams and graphs: that is how it is tested everywhere.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch.nn import functional as F

from companion.networks.forward import Params
from companion.networks.gates import OpenGate, SoftGate
from companion.networks.precision import single_precision
from companion.notation import Int, Tensor, ValueInput
from companion.runs.aspects import without
from companion.runs.examples import Examples
from companion.runs.regimes import RULES, gates, value_input
from companion.runs.spec import RunSpec
from companion.training.backends import optimisers
from companion.training.backends.base import AROUND, strange
from companion.training.backends.chains.chain import Chain, bias_gradient, is_chain
from companion.training.backends.chains.epilogues import Bits
from companion.training.backends.chains.network import Network, arithmetic, channels_of, kept, widened
from companion.training.fitting import refuse
from companion.training.gate_cache import GateCache
from companion.training.state import EpochResult, TrainState

__all__ = ["ChainsBackend", "ChainsEngine"]

STREAMS = 8
"""Models whose kernels may overlap."""
WARM_UP = 3
"""Steps outside the graph before it is captured: libraries choose their algorithms in them."""

Gates = Sequence[Bits | Tensor | None]


class ChainsBackend:
    """Trains chains of layers, whatever their regimes, many at once on a GPU.

    >>> ChainsBackend().refusal(RunSpec(architecture="FC"))
    'it is for chains of layers that begin with convolutions, and FC is none'
    """

    name = "chains"
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
        "precision",
    }

    def refusal(self, spec: RunSpec) -> str | None:
        """Networks that are no chain with a convolution, and machines without a GPU."""
        if (reason := strange(self.KNOWS, spec)) is not None:
            return reason
        if RULES[spec.regime].trains_feature and not spec.routing.within.identity:
            return "it moves whole layers of learnt gates alone, not gates within their layer"
        if not is_chain(spec.network):
            return f"it is for chains of layers that begin with convolutions, and {spec.architecture} is none"
        return None if torch.cuda.is_available() else "there is no GPU here"

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs that move their weights in the same way may go together."""
        return without(spec.optimisation, source=True)

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> ChainsEngine:
        """One engine for all runs."""
        return ChainsEngine(specs, states, data, device)


class ChainsEngine:
    """Some runs of like chains in the middle of their training."""

    def __init__(
        self,
        specs: Sequence[RunSpec],
        states: Sequence[TrainState],
        data: Examples,
        device: str,
        share: float = 1.0,
    ) -> None:
        for spec, state in zip(specs, states, strict=True):
            refuse(spec, state, data)
        self.specs, self.initial, self.device = list(specs), list(states), device
        self.spec, self.steps = specs[0], [state.step for state in states]
        self.cuda = device.startswith("cuda")
        if self.cuda:
            single_precision(tensor_cores=self.spec.precision == "tf32")
            torch.backends.cudnn.benchmark = True
        self.dtype = arithmetic(self.spec)
        self.chain = Chain(self.spec.network, fast=self.cuda)
        images = data.inputs.to(device)
        self.channels = channels_of(images, self.dtype)
        self.labels = data.labels.to(device)
        self.inputs = widened(images, self.channels, self.dtype)
        self.size = min(self.spec.batch_size, len(self.inputs))
        self.entering = [self._entering(spec, images) for spec in specs]
        depth = self.spec.network.depth
        self.values = [self._network(s.model.value, depth) for s in states]
        learnt = [
            s.model.feature if RULES[spec.regime].trains_feature else None
            for spec, s in zip(specs, states, strict=True)
        ]
        self.features = [None if f is None else self._network(f, depth - 1) for f in learnt]
        self.optimiser = self._optimiser()
        self.caches = self._caches(images, share)
        self.fixed = [  # feature networks whose gates are too many to keep
            {n: t.to(device) for n, t in state.model.feature.items()}
            if state.model.feature is not None and m not in self.caches and self.features[m] is None
            else None
            for m, state in enumerate(states)
        ]
        self.images = images if any(self.fixed) else None
        self.batch = torch.zeros(len(specs), self.size, dtype=torch.int64, device=device)
        self.weight = torch.zeros(self.size, device=device)
        self.sums = torch.zeros(2, len(specs), device=device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = 0
        count = min(STREAMS, len(specs)) if self.cuda else 0
        self.streams = [torch.cuda.Stream(device) for _ in range(count)]
        self.side = torch.cuda.Stream(device) if self.cuda else None

    def _images(self, batch: Int[Tensor, "n"]) -> Tensor:
        """The images of a batch, channels-last."""
        rows = self.inputs.movedim(1, -1)  # as they lie in memory: to index them otherwise would reorder them
        return rows[batch].movedim(-1, 1)

    def _entering(self, spec: RunSpec, images: Tensor) -> Tensor | None:
        """What enters the value network in place of images, for a batch; ``None`` where images do."""
        if spec.value_input is ValueInput.IMAGE:
            return None
        one = widened(value_input(spec, images[:1]), self.channels, self.dtype)
        return one.expand(self.size, -1, -1, -1).contiguous(memory_format=torch.channels_last)

    def _network(self, params: Params, depth: int) -> Network:
        return Network(params, depth, self.dtype, self.channels, self.device)

    def _caches(self, images: Tensor, share: float) -> dict[int, tuple[GateCache, int]]:
        """The packed gates of the frozen runs: number of the run to cache and place in it."""
        frozen = [m for m, spec in enumerate(self.specs) if spec.regime.frozen]
        if not frozen:
            return {}
        features: list[Params] = []
        for m in frozen:
            feature = self.initial[m].model.feature
            assert feature is not None
            features.append({n: t.to(self.device) for n, t in feature.items()})
        cache = GateCache.within(share, [self.specs[m] for m in frozen], features, images)
        return {} if cache is None else {m: (cache, place) for place, m in enumerate(frozen)}

    def _parts(self, m: int) -> dict[str, Tensor]:
        """The leaves of one run by the names of :meth:`companion.runs.regimes.Model.trainable`."""
        parts = {f"value/{name}": leaf for name, leaf in self.values[m].leaves.items()}
        feature = self.features[m]
        return parts | ({} if feature is None else {f"feature/{name}": leaf for name, leaf in feature.leaves.items()})

    def _optimiser(self) -> torch.optim.Optimizer:
        leaves = [leaf for m in range(len(self.specs)) for leaf in self._parts(m).values()]
        optimiser = optimisers.make(self.spec, leaves, fused=True, capturable=self.cuda)
        for m, state in enumerate(self.initial):
            for name, leaf in self._parts(m).items():
                known = {"first": state.first.get(name), "second": state.second.get(name)}
                layout = torch.channels_last if leaf.dim() == 4 else torch.contiguous_format
                moments = {n: t.to(self.device).clone(memory_format=layout) for n, t in known.items() if t is not None}
                optimisers.resume(optimiser, self.spec, leaf, state.step, moments)
        return optimiser

    def epoch(self, orders: Sequence[Int[Tensor, "N"]]) -> list[EpochResult]:
        """Train every run once through its examples in the given order."""
        index = torch.stack(list(orders)).to(self.device)  # [M, N]
        self.sums.zero_()
        examples = index.shape[1]
        for start in range(0, examples, self.size):
            count = min(self.size, examples - start)
            self.batch[:, :count] = index[:, start : start + count]
            self.weight.fill_(1 / count)
            self.weight[count:] = 0  # what stands there from the batch before has no part in this one
            self._advance()
        self.steps = [step + -(-examples // self.size) for step in self.steps]
        losses, correct = self.sums.tolist()
        return [EpochResult(a, round(c), examples) for a, c in zip(losses, correct, strict=True)]

    def _advance(self) -> None:
        """One step of every model, by the graph once it is there."""
        if self.graph is not None:
            self.graph.replay()
        elif not self.cuda:
            self._step()
        elif self.warm < WARM_UP:
            main = torch.cuda.current_stream(self.device)
            assert self.side is not None
            self.side.wait_stream(main)
            with torch.cuda.stream(self.side):
                self._step()
            main.wait_stream(self.side)
            self.warm += 1
        else:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.side):  # records the step and computes nothing
                self._step()
            self.graph.replay()

    @torch.no_grad()
    def _step(self) -> None:
        if not self.cuda:
            for m in range(len(self.specs)):
                self._model(m)
        else:
            main = torch.cuda.current_stream(self.device)
            for stream in self.streams:
                stream.wait_stream(main)
            for m in range(len(self.specs)):
                with torch.cuda.stream(self.streams[m % len(self.streams)]):
                    self._model(m)
            for stream in self.streams:
                main.wait_stream(stream)
        self.optimiser.step()

    def _model(self, m: int) -> None:
        """Gradients and sums of one model for its batch."""
        batch, value, feature = self.batch[m], self.values[m], self.features[m]
        constant, chain = self.entering[m], self.chain
        x, y = self._images(batch), self.labels[batch]
        entering = x if constant is None else constant
        layers = self.spec.network.gated_layers
        value.refresh()
        if feature is None:
            stack = self._gates(m, batch)
            forward, backward = chain.epilogues
            inputs, z = chain.forward(value.low, entering, layers, lambda l, q: forward(q, value.biases[l], stack[l]))
            dlogits = self._loss(m, value.biased(layers, z[-1]), y)

            def deactivate(l: int, dz: Tensor | None) -> tuple[Tensor, Tensor]:
                assert dz is not None
                return (dz, bias_gradient(dz)) if l == layers else backward(dz, z[l], stack[l])

            for l, dweight, dbias in chain.backward(value.low, inputs, z, dlogits, deactivate):
                value.take(l, dweight, dbias)
        else:
            self._both(m, value, feature, (x, entering, y))

    def _both(self, m: int, value: Network, feature: Network, examples: tuple[Tensor, Tensor, Tensor]) -> None:
        """The same where the feature network learns too: soft gates, and a gradient that comes down through them."""
        x, entering, y = examples
        chain, gate, layers = self.chain, self.specs[m].gate, self.spec.network.gated_layers
        order = self.specs[m].routing.order(layers)
        assert isinstance(gate, SoftGate)
        feature.refresh()
        lower: list[Tensor] = []  # pre-activations of the feature network
        upper: list[Tensor] = []  # and of the value network

        linear = isinstance(self.specs[m].inner_gate, OpenGate)

        def rectify(l: int, q: Tensor) -> Tensor:
            lower.append(feature.biased(l, q))
            return lower[l] if linear else torch.relu(lower[l])

        below, beneath = chain.forward(feature.low, x, layers, rectify)
        G = [gate(q) for q in lower]

        def gated(l: int, q: Tensor) -> Tensor:
            upper.append(value.biased(l, q))
            return upper[l] * G[order[l]]

        inputs, z = chain.forward(value.low, entering, layers, gated)
        dlogits = self._loss(m, value.biased(layers, z[-1]), y)
        dG: dict[int, Tensor] = {}

        def deactivate(l: int, dz: Tensor | None) -> tuple[Tensor, Tensor]:
            assert dz is not None
            if l == layers:
                return dz, bias_gradient(dz)
            dG[order[l]] = dz * upper[l]
            dq = dz * G[order[l]]
            return dq, bias_gradient(dq)

        for l, dweight, dbias in chain.backward(value.low, inputs, z, dlogits, deactivate):
            value.take(l, dweight, dbias)

        def from_gates(l: int, dz: Tensor | None) -> tuple[Tensor, Tensor]:
            dq = dG[l] * (gate.beta * G[l] * (1 - G[l] / (1 + gate.eps)))
            if dz is not None:
                dq = dq + (dz if linear else dz * (beneath[l] > 0))
            return dq, bias_gradient(dq)

        for l, dweight, dbias in chain.backward(feature.low, below, beneath, None, from_gates):
            feature.take(l, dweight, dbias)

    def _loss(self, m: int, logits: Tensor, y: Int[Tensor, "n"]) -> Tensor:
        """Note loss and hits of a batch; the gradient of its mean loss with respect to the logits."""
        logits, present = logits.float(), self.weight > 0
        self.sums[0, m] += (F.cross_entropy(logits, y, reduction="none") * present).sum()
        self.sums[1, m] += ((logits.argmax(-1) == y) & present).sum()
        excess = logits.softmax(-1) - torch.zeros_like(logits).scatter_(1, y[:, None], 1.0)
        return (excess * self.weight[:, None]).to(self.dtype)

    def _gates(self, m: int, batch: Int[Tensor, "n"]) -> Gates:
        """Gates of a run whose feature network does not train; ``None`` for each layer that gates itself."""
        spec = self.specs[m]
        layers = range(spec.network.gated_layers)
        if RULES[spec.regime].feature is None:
            return [None for _ in layers]
        if m not in self.caches:
            feature = self.fixed[m]
            assert feature is not None
            assert self.images is not None
            return [G.to(self.dtype) for G in gates(spec, feature, self.images[batch])]
        return kept(spec, *self.caches[m], batch)

    def states(self) -> list[TrainState]:
        """Where every run stands, on the CPU."""

        def out(tensor: Tensor) -> Tensor:
            return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)

        found = []
        for m, start in enumerate(self.initial):
            parts = self._parts(m)
            known = {name: optimisers.moments(self.optimiser, self.spec, leaf) for name, leaf in parts.items()}
            first, second = (
                {name: out(moments[which]) for name, moments in known.items() if which in moments}
                for which in ("first", "second")
            )
            model = start.model.updated({name: out(leaf) for name, leaf in parts.items()})
            found.append(TrainState(model, first, second, self.steps[m]))
        return found
