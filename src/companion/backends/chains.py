"""The chains backend: networks that are one chain of layers, trained on a GPU with a backward pass written by hand.

A chain is convolutions, one global average pool or flattening, dense layers.  Each model takes its step on a stream of
its own, products go to the GPU's libraries, everything between two products is one kernel (:mod:`.epilogues`), and the
step of all models is one CUDA graph.  A short last batch is a full one in which the missing examples weigh nothing, so
that the graph serves it too.  In ``bfloat16``, products and what is stored between layers are of that type; weights,
gradients of weights, moments and the loss are float32, and gates of frozen feature networks are those of float32.

Without a GPU the same code runs, slowly, without streams and graphs: that is how it is tested everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from companion.architectures import Architecture, Conv, Dense, Flatten, GlobalAveragePool
from companion.backends import epilogues, optimisers
from companion.backends.base import EpochResult, TrainState
from companion.backends.epilogues import Bits
from companion.examples import Examples
from companion.gate_cache import GateCache
from companion.gates import SoftGate
from companion.networks import Params
from companion.notation import Float, Int, Tensor, ValueInput
from companion.products import single_precision
from companion.regimes import RULES, gates, value_input
from companion.spec import RunSpec

__all__ = ["ChainsBackend", "ChainsEngine", "is_chain", "kept", "logits"]

STREAMS = 8
"""Models whose kernels may overlap."""
WARM_UP = 3
"""Steps outside the graph before it is captured: libraries choose their algorithms in them."""
CHANNELS = 8
"""Images get zero channels up to a multiple of this, which the GPU's convolutions ask for in bfloat16."""

Gates = Sequence[Bits | Tensor | None]
Forward = Callable[[Tensor, Tensor | None, Bits | Tensor | None], Tensor]
Backward = Callable[[Tensor, Tensor, Bits | Tensor | None], tuple[Tensor, Tensor]]


class ChainsBackend:
    """Trains chains of layers, whatever their regimes, many at once on a GPU."""

    name = "chains"

    def supports(self, spec: RunSpec) -> bool:
        """Chains of layers with a convolution, where there is a GPU."""
        return torch.cuda.is_available() and is_chain(spec.network) and spec.loss == "cross-entropy"

    def group(self, spec: RunSpec) -> Hashable:
        """Any runs with like optimisers and precision may go together."""
        return spec.optimiser, spec.learning_rate, spec.batch_size, spec.precision

    def start(
        self, specs: Sequence[RunSpec], states: Sequence[TrainState], data: Examples, device: str, threads: int
    ) -> ChainsEngine:
        """One engine for all runs."""
        return ChainsEngine(specs, states, data, device)


def is_chain(network: Architecture) -> bool:
    """Whether a network is convolutions, one global average pool or flattening, and dense layers, in this order."""
    kinds = [type(layer) for layer in network.layers]
    convs = kinds.count(Conv)
    pool = next((kind for kind in kinds if kind in (GlobalAveragePool, Flatten)), None)
    expected = [Conv] * convs + [pool] + [Dense] * (len(kinds) - convs - 1)
    return convs > 0 and kinds == expected and not network.normalised and network.output_scale == 1


@dataclass(frozen=True)
class Chain:
    """Forward and backward passes through one chain, for weights in the type of its products."""

    network: Architecture
    fast: bool

    @property
    def epilogues(self) -> tuple[Forward, Backward]:
        """What follows a product, and its way back."""
        if self.fast:
            return epilogues.fast_forward, epilogues.fast_backward
        return epilogues.forward, epilogues.backward

    @property
    def averages(self) -> bool:
        """Whether the pool is an average, not a flattening."""
        return GlobalAveragePool() in self.network.layers

    @property
    def convolutions(self) -> int:
        """Convolutional layers, which come first."""
        return sum(isinstance(layer, Conv) for layer in self.network.layers)

    def forward(
        self, weights: Sequence[Tensor], x: Tensor, layers: int, activate: Callable[[int, Tensor], Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What enters the weight layers, and what the gated ones give; after all of those the products of the output.

        Args:
            weights: one a weight layer; dense ones ``[in, out]``.
            x: images in the weights' type.
            layers: gated layers ``L``; the output layer follows where there is a weight for it.
            activate: from a layer's number and products to what it gives: bias and gate.
        """
        inputs, outputs = [], []
        for l, weight in enumerate(weights):
            if l == self.convolutions:
                x = self._pool(x)
            inputs.append(x)
            q = F.conv2d(x, weight, padding=weight.shape[-1] // 2) if l < self.convolutions else x @ weight
            x = activate(l, q) if l < layers else q
            outputs.append(x)
        return inputs, outputs

    def backward(
        self,
        weights: Sequence[Tensor],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        dz: Tensor | None,
        deactivate: Callable[[int, Tensor | None], tuple[Tensor, Tensor]],
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Layer, gradient of its weight and of its bias, from the last to the first.

        Args:
            weights: as in :meth:`forward`.
            inputs: what entered the weight layers.
            outputs: what they gave.
            dz: gradient of the last layer's output; ``None`` where nothing follows it.
            deactivate: from a layer's number and the gradient of what it gave to those of its products and its bias.
        """
        for l in range(len(weights) - 1, -1, -1):
            dq, dbias = deactivate(l, dz)
            dz, dweight = self._product_back(l, dq, inputs[l], weights[l])
            yield l, dweight, dbias
            if l == self.convolutions and dz is not None:
                dz = self._pool_back(dz, outputs[l - 1])

    def _product_back(self, l: int, dq: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor | None, Tensor]:
        """Gradients of what entered layer ``l`` (of the images none) and of its weight."""
        if l >= self.convolutions:
            return dq @ weight.mT, x.mT @ dq
        pad = weight.shape[-1] // 2
        dx, dweight, _ = torch.ops.aten.convolution_backward(
            dq, x, weight, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, [l > 0, True, False]
        )
        return dx, dweight

    def _pool(self, z: Tensor) -> Tensor:
        if not self.averages:
            return z.flatten(1)
        return (z.flatten(2).sum(-1, dtype=torch.float32) / z[0, 0].numel()).to(z.dtype)

    def _pool_back(self, dz: Tensor, z: Tensor) -> Tensor:
        """The gradient of what entered the pool."""
        if self.averages:
            return (dz / z[0, 0].numel())[..., None, None].expand_as(z)
        return dz.view(z.shape).contiguous(memory_format=torch.channels_last)


def kept(spec: RunSpec, cache: GateCache, place: int, batch: Int[Tensor, "n"]) -> list[Bits]:
    """The gates of a batch in the value network's order, packed as they lie in a cache, where they are at ``place``."""
    order = spec.gate_permutation or tuple(range(spec.network.gated_layers))
    return [Bits(cache.packed[cache.place[place]], batch, cache.starts[source]) for source in order]


@torch.no_grad()
def logits(
    spec: RunSpec, params: Params, x: Float[Tensor, "n ..."], stack: Sequence[Bits] | None
) -> Float[Tensor, "n C"]:
    """Outputs of a trained chain for some images, by the same arithmetic as its training.

    Args:
        spec: the run, in any regime but DL.
        params: its value network.
        x: images; what enters the value network in their place is made here.
        stack: packed gates; ``None`` where layers gate themselves.
    """
    dtype, layers = _arithmetic(spec), spec.network.gated_layers
    chain, channels = Chain(spec.network, fast=x.is_cuda), _channels(x, dtype)
    network = Network(params, layers + 1, dtype, channels, str(x.device))
    network.refresh()
    forward, _ = chain.epilogues
    entering = _widened(value_input(spec, x), channels, dtype)
    _, z = chain.forward(
        network.low,
        entering,
        layers,
        lambda l, q: forward(q, network.biases[l], None if stack is None else stack[l]),
    )
    return network.biased(layers, z[-1]).float()


def _arithmetic(spec: RunSpec) -> torch.dtype:
    """The type of products and of what is stored between layers."""
    return torch.bfloat16 if spec.precision == "bfloat16" else torch.float32


def _channels(images: Tensor, dtype: torch.dtype) -> int:
    """How many channels images get."""
    own = images.shape[1]
    return -(-own // CHANNELS) * CHANNELS if images.is_cuda and dtype is torch.bfloat16 else own


def _widened(images: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Images in the type of the products, with zero channels behind their own."""
    wide = F.pad(images, (0, 0, 0, 0, 0, channels - images.shape[1]))
    return wide.to(dtype).contiguous(memory_format=torch.channels_last)


class Network:
    """One network in training: float32 leaves, their gradients, and copies in the type of the products."""

    def __init__(self, params: Params, depth: int, dtype: torch.dtype, channels: int, device: str) -> None:
        def own(name: str) -> Tensor | None:
            tensor = params.get(name)
            if tensor is None:
                return None
            layout = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
            return tensor.detach().to(device).clone(memory_format=layout)

        self.weights = [w for l in range(depth) if (w := own(f"weight.{l}")) is not None]
        self.biases = [own(f"bias.{l}") for l in range(len(self.weights))]
        self.leaves = {f"weight.{l}": w for l, w in enumerate(self.weights)}
        self.leaves |= {f"bias.{l}": b for l, b in enumerate(self.biases) if b is not None}
        for leaf in self.leaves.values():
            leaf.grad = torch.zeros_like(leaf)
        self.low, self.targets = list(self.weights), list(self.weights)
        first = self.weights[0]
        wide = torch.zeros(first.shape[0], channels, *first.shape[2:], dtype=dtype, device=device)
        if dtype is not torch.float32:
            self.low = [torch.empty_like(w, dtype=dtype) for w in self.weights]
        if channels > first.shape[1]:
            self.low[0] = wide.contiguous(memory_format=torch.channels_last)
        self.targets = [self.low[0][:, : first.shape[1]], *self.low[1:]]
        self.copied = [l for l, w in enumerate(self.weights) if self.low[l] is not w]

    def refresh(self) -> None:
        """Bring the copies up to date."""
        if self.copied:
            torch._foreach_copy_([self.targets[l] for l in self.copied], [self.weights[l] for l in self.copied])

    def biased(self, l: int, q: Tensor) -> Tensor:
        """Pre-activations of a layer from its products."""
        bias = self.biases[l]
        return q if bias is None else q + bias.to(q.dtype).view(-1, *(1,) * (q.dim() - 2))

    def take(self, l: int, dweight: Tensor, dbias: Tensor) -> None:
        """Keep the gradients of one layer."""
        weight, bias = self.weights[l], self.biases[l]
        assert weight.grad is not None
        weight.grad.copy_(dweight[:, : weight.shape[1]] if weight.dim() == 4 else dweight)
        if bias is not None:
            assert bias.grad is not None
            bias.grad.copy_(dbias)


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
        self.specs, self.initial, self.device = list(specs), list(states), device
        self.spec, self.steps = specs[0], [state.step for state in states]
        self.cuda = device.startswith("cuda")
        if self.cuda:
            single_precision(tensor_cores=self.spec.precision == "tf32")
            torch.backends.cudnn.benchmark = True
        self.dtype = _arithmetic(self.spec)
        self.chain = Chain(self.spec.network, fast=self.cuda)
        images = data.inputs.to(device)
        self.channels = _channels(images, self.dtype)
        self.labels = data.labels.to(device)
        self.inputs = _widened(images, self.channels, self.dtype)
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
        one = _widened(value_input(spec, images[:1]), self.channels, self.dtype)
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
        """The leaves of one run by the names of :meth:`companion.regimes.Model.trainable`."""
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
                moments = {
                    moment: tensor.to(self.device).clone(memory_format=layout)
                    for moment, tensor in known.items()
                    if tensor is not None
                }
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
                return (dz, _sum(dz)) if l == layers else backward(dz, z[l], stack[l])

            for l, dweight, dbias in chain.backward(value.low, inputs, z, dlogits, deactivate):
                value.take(l, dweight, dbias)
        else:
            self._both(m, value, feature, (x, entering, y))

    def _both(self, m: int, value: Network, feature: Network, examples: tuple[Tensor, Tensor, Tensor]) -> None:
        """The same where the feature network learns too: soft gates, and a gradient that comes down through them."""
        x, entering, y = examples
        chain, gate, layers = self.chain, self.specs[m].gate, self.spec.network.gated_layers
        order = self.specs[m].gate_permutation or tuple(range(layers))
        assert isinstance(gate, SoftGate)
        feature.refresh()
        lower: list[Tensor] = []  # pre-activations of the feature network
        upper: list[Tensor] = []  # and of the value network

        def rectify(l: int, q: Tensor) -> Tensor:
            lower.append(feature.biased(l, q))
            return torch.relu(lower[l])

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
                return dz, _sum(dz)
            dG[order[l]] = dz * upper[l]
            dq = dz * G[order[l]]
            return dq, _sum(dq)

        for l, dweight, dbias in chain.backward(value.low, inputs, z, dlogits, deactivate):
            value.take(l, dweight, dbias)

        def from_gates(l: int, dz: Tensor | None) -> tuple[Tensor, Tensor]:
            dq = dG[l] * (gate.beta * G[l] * (1 - G[l] / (1 + gate.eps)))
            dq = dq if dz is None else dq + dz * (beneath[l] > 0)
            return dq, _sum(dq)

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


def _sum(dq: Float[Tensor, "n C ..."]) -> Float[Tensor, "C"]:
    """The gradient of biases."""
    return dq.sum((0, *range(2, dq.dim())), dtype=torch.float32)
