"""A network's weights as chains want them, and its outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from companion.networks.forward import Params
from companion.notation import Float, Int, Tensor
from companion.runs.regimes import value_input
from companion.runs.spec import RunSpec
from companion.training.backends.chains.chain import Chain
from companion.training.backends.chains.epilogues import Bits
from companion.training.gate_cache import GateCache

__all__ = ["Network", "arithmetic", "channels_of", "kept", "logits", "widened"]

CHANNELS = 8
"""Images get zero channels up to a multiple of this, which the GPU's convolutions ask for in bfloat16."""


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


def arithmetic(spec: RunSpec) -> torch.dtype:
    """The type of products and of what is stored between layers."""
    return torch.bfloat16 if spec.precision == "bfloat16" else torch.float32


def channels_of(images: Tensor, dtype: torch.dtype) -> int:
    """How many channels images get."""
    own = images.shape[1]
    return -(-own // CHANNELS) * CHANNELS if images.is_cuda and dtype is torch.bfloat16 else own


def widened(images: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Images in the type of the products, with zero channels behind their own."""
    wide = F.pad(images, (0, 0, 0, 0, 0, channels - images.shape[1]))
    return wide.to(dtype).contiguous(memory_format=torch.channels_last)


def kept(spec: RunSpec, cache: GateCache, place: int, batch: Int[Tensor, "n"]) -> list[Bits]:
    """The gates of a batch in the value network's order, packed as they lie in a cache, where they are at ``place``."""
    order = spec.routing.between.order(spec.network.gated_layers)
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
    dtype, layers = arithmetic(spec), spec.network.gated_layers
    chain, channels = Chain(spec.network, fast=x.is_cuda), channels_of(x, dtype)
    network = Network(params, layers + 1, dtype, channels, str(x.device))
    network.refresh()
    forward, _ = chain.epilogues
    entering = widened(value_input(spec, x), channels, dtype)
    _, z = chain.forward(
        network.low,
        entering,
        layers,
        lambda l, q: forward(q, network.biases[l], None if stack is None else stack[l]),
    )
    return network.biased(layers, z[-1]).float()
