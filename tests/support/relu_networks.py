"""Random ReLU networks as modules: graphs of convolutions, norms, gates, pools, sums and concatenations."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 8
"""Rows and columns of the examples, which have three channels."""

GATES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "in place": lambda: nn.ReLU(inplace=True),
    "relu6": nn.ReLU6,
    "leaky": lambda: nn.LeakyReLU(0.2),
    "leaky in place": lambda: nn.LeakyReLU(0.2, inplace=True),
    "prelu": nn.PReLU,
    "hardtanh": lambda: nn.Hardtanh(-0.5, 0.7),
}

METHODS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp of both": lambda x: torch.clamp(x, 0.0, 0.8),
    "relu6": F.relu6,
    "leaky": lambda x: F.leaky_relu(x, 0.3),
    "view then in place": lambda x: x.flatten(2).relu_().view_as(x),
    "in place and read again": lambda x: torch.relu_(x) + 0.5 * x,
    "max pool": lambda x: F.max_pool2d(x, 3, 1, padding=1),
    "shuffle": lambda x: x.view(x.size(0), 2, x.shape[1] // 2, x.shape[2], x.size(3)).transpose(1, 2).reshape(x.shape),
    "halves": lambda x: torch.cat(x.chunk(2, dim=1)[::-1], dim=1),
    "scaled": lambda x: 0.5 * x + 1,
    "doubled in place": lambda x: x.mul(2).add_(x),
    "dropout": lambda x: F.dropout(x, 0.3, training=False),
}

SATURATING = {"relu6", "hardtanh", "clamp of both"}

CONVOLUTIONS: dict[str, Callable[[int], nn.Module]] = {
    "3x3": lambda c: nn.Conv2d(c, c, 3, padding=1),
    "grouped": lambda c: nn.Conv2d(c, c, 3, padding=1, groups=2),
    "depthwise": lambda c: nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False),
    "dilated": lambda c: nn.Conv2d(c, c, 3, padding=2, dilation=2),
    "circular": lambda c: nn.Conv2d(c, c, 3, padding=1, padding_mode="circular"),
    "norm": nn.BatchNorm2d,
    "dropout": lambda c: nn.Dropout(0.3),
    "average": lambda c: nn.AvgPool2d(3, 1, padding=1),
    "largest": lambda c: nn.MaxPool2d(3, 1, padding=1),
}

NARROWING: dict[str, Callable[[int], nn.Module]] = {
    "strided": lambda c: nn.Conv2d(c, c, 3, stride=2, padding=1),
    "max pool": lambda c: nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
    "average pool": lambda c: nn.AvgPool2d(2),
}

Steps = list[tuple[str, str, int]]
"""Kind of a step, which one, and how many steps back the other operand stands."""


class RandomNetwork(nn.Module):
    """Steps one after the other; sums and concatenations reach back to earlier values of the same size."""

    def __init__(self, steps: Steps, channels: int, narrowing: str, head: str) -> None:
        super().__init__()
        self.steps, self.narrowing, self.head = steps, narrowing, head
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.once = nn.ReLU(inplace=True)
        table = {"module": CONVOLUTIONS, "gate": {name: lambda c, f=f: f() for name, f in GATES.items()}}
        made = [table[kind][name](channels) if kind in table else nn.Identity() for kind, name, _ in steps]
        self.layers = nn.ModuleList(made)
        self.join = nn.ModuleList([nn.Conv2d(2 * channels, channels, 1) for kind, _, _ in steps if kind == "cat"])
        self.narrow = NARROWING[narrowing](channels)
        self.largest = nn.AdaptiveMaxPool2d(2)
        self.linear = nn.Linear(channels * (4 if head == "largest" else 1), 3)
        self.unused = nn.Linear(2, 2)

    def __repr__(self) -> str:
        return f"RandomNetwork({self.steps}, 4, {self.narrowing!r}, {self.head!r})"

    @property
    def saturates(self) -> bool:
        """Whether some gate has a bend beyond which its output is constant, so that its derivative is no gate."""
        return any(name in SATURATING for _, name, _ in self.steps)

    def forward(self, x: Tensor) -> Tensor:
        values = [self.once(self.stem(x))]
        join = iter(self.join)
        for (kind, name, back), layer in zip(self.steps, self.layers, strict=True):
            z, other = values[-1], values[max(0, len(values) - 1 - back)]
            if kind == "function":
                z = METHODS[name](z)
            elif kind == "sum":
                z = z + other
            elif kind == "cat":
                z = next(join)(torch.cat([z, other], 1))
            elif kind == "again":
                z = self.once(z)
            else:
                z = layer(z)
            values.append(z)
        z = self.narrow(values[-1])
        z = self.largest(z).flatten(1) if self.head == "largest" else z.mean((2, 3))
        return self.linear(z)


@st.composite
def random_networks(draw: st.DrawFn) -> RandomNetwork:
    """A network with random weights and statistics, in evaluation mode, in float64."""
    step = st.one_of(
        st.tuples(st.just("module"), st.sampled_from(sorted(CONVOLUTIONS)), st.just(0)),
        st.tuples(st.just("gate"), st.sampled_from(sorted(GATES)), st.just(0)),
        st.tuples(st.just("function"), st.sampled_from(sorted(METHODS)), st.just(0)),
        st.tuples(st.sampled_from(["sum", "cat", "again"]), st.just(""), st.integers(0, 4)),
    )
    steps = draw(st.lists(step, max_size=10))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    network = RandomNetwork(
        steps, 4, draw(st.sampled_from(sorted(NARROWING))), draw(st.sampled_from(["mean", "largest"]))
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.bias)
    return network.double().eval()


def examples() -> Tensor:
    """Three examples for a random network."""
    return torch.randn(3, 3, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
