"""Value networks trained from scratch under gates of several origins, beside the model trained by the same protocol.

Every row of a seed starts from the same random weights, sees the examples in the same order and is trained equally long
by the same optimiser; only the origin of the gates, and what enters the value network, differ.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from companion.decoupling.network import DecoupledNetwork
from companion.notation import Float, Int, Regime, Tensor, ValueInput

__all__ = ["ROWS", "Row", "Score", "Split", "reset", "train_rows"]

Split = tuple[Tensor, Tensor]
"""Examples ``[N, ...]`` and their classes ``[N]``, whole numbers."""


@dataclass(frozen=True)
class Row:
    """Where gates come from, and what enters the value network.

    Args:
        regime: ``ReLU``: no decoupling, the model itself; ``FL``: the gates of the model as it was given; ``FR-II``:
            those of another random network; ``FR-DI``: those of the value network's own random weights.
        value_input: ``image`` or ``ones``.

    Raises:
        ValueError: another regime or input; ``ReLU`` with ones.
    """

    regime: Regime
    value_input: ValueInput = ValueInput.IMAGE

    def __post_init__(self) -> None:
        if self.regime not in (Regime.RELU, Regime.FL, Regime.FR_II, Regime.FR_DI):
            raise ValueError(f"rows have one of the regimes ReLU, FL, FR-II, FR-DI, not {self.regime}")
        if self.value_input not in (ValueInput.IMAGE, ValueInput.ONES):
            raise ValueError(f"the value input of a row is image or ones, not {self.value_input}")
        if self.regime == Regime.RELU and self.value_input != ValueInput.IMAGE:
            raise ValueError("a ReLU network gates itself: its input is the image")


ROWS = (
    Row(Regime.RELU),
    Row(Regime.FL),
    Row(Regime.FR_II),
    Row(Regime.FR_DI),
    Row(Regime.FL, ValueInput.ONES),
)


@dataclass(frozen=True)
class Score:
    """One trained network: accuracy in percent after the last epoch, on the training and on the test examples."""

    row: Row
    seed: int
    train: float
    test: float


def reset(module: nn.Module) -> None:
    """Draw all weights anew, each module by its own ``reset_parameters``.

    Raises:
        ValueError: some parameter belongs to a module without one.
    """
    for name, part in module.named_modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        elif own := [parameter for parameter, _ in part.named_parameters(recurse=False)]:
            place = f"{name}.{own[0]}" if name else own[0]
            raise ValueError(
                f"the parameter {place} belongs to a module without reset_parameters: pass initialise, a function that "
                "draws the weights of a whole model anew"
            )


def train_rows(
    model: nn.Module,
    train: Split,
    test: Split,
    *,
    rows: Sequence[Row] = ROWS,
    seeds: Iterable[int] = range(5),
    epochs: int = 20,
    batch: int = 128,
    device: str | torch.device = "cpu",
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer] = torch.optim.Adam,
    initialise: Callable[[nn.Module], None] = reset,
) -> Iterator[Score]:
    """Train each row for each seed, and give its score as soon as it is there.

    Gates are frozen and those of evaluation mode.  Random feature networks with batch norm get the statistics of the
    training examples first, as a trained one has them.  Dropout is the value network's own.  The loss is cross-entropy.

    Args:
        model: trained; its gates are asked for in ``FL``.  It is not touched.
        train: examples to train on; they are moved to the device as a whole.
        test: examples to score.
        rows: what to compare.
        seeds: of weights and orders; the random feature network of ``FR-II`` has a seed of its own.
        epochs: passes over the training examples.
        batch: examples of a step.
        device: to train on.
        optimiser: from parameters to an optimiser, for instance ``partial(torch.optim.SGD, lr=0.1)``.
        initialise: draws the weights of a model anew, in place.

    Raises:
        ValueError: no examples; not as many classes as examples; no epoch.
        NotDecouplableError: a model that cannot be decoupled.
    """
    for name, (x, y) in {"train": train, "test": test}.items():
        if len(x) == 0 or y.shape != (len(x),):
            raise ValueError(f"{name} must be examples [N, ...] and as many classes [N], at least one")
    if epochs < 1 or batch < 1:
        raise ValueError("epochs and batch must be at least 1")
    train, test = ((x.to(device), y.to(device)) for x, y in (train, test))
    model = copy.deepcopy(model).to(device)
    for seed, row in itertools.product(seeds, rows):
        network = _start(model, row, seed, train[0], batch, initialise)
        _train(network, row, train, seed, epochs, batch, optimiser)
        yield Score(row, seed, _accuracy(network, row, train, batch), _accuracy(network, row, test, batch))


def _start(
    model: nn.Module, row: Row, seed: int, x: Tensor, batch: int, initialise: Callable[[nn.Module], None]
) -> nn.Module:
    """The network of a row before it trains: an ordinary one for ReLU, else a decoupled one."""
    fresh = _drawn(model, 2 * seed, initialise)
    if row.regime == Regime.RELU:
        return fresh
    if row.regime == Regime.FL:
        feature = copy.deepcopy(model)
    else:
        feature = copy.deepcopy(fresh) if row.regime == Regime.FR_DI else _drawn(model, 2 * seed + 1, initialise)
        _settle(feature, x, batch)
    return DecoupledNetwork(feature.eval().requires_grad_(False), fresh)


def _drawn(model: nn.Module, seed: int, initialise: Callable[[nn.Module], None]) -> nn.Module:
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(_devices(model)):
        torch.manual_seed(seed)
        initialise(fresh)
    return fresh.requires_grad_(True)


def _devices(model: nn.Module) -> list[torch.device]:
    return list({p.device for p in model.parameters() if p.device.type == "cuda"})


def _settle(network: nn.Module, x: Tensor, batch: int) -> None:
    """Give batch norms the statistics of the examples, averaged over one pass."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        return
    network.eval()
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for part in x.split(batch):
            if len(part) > 1 or len(x) == 1:
                network(part)
    for m, momentum in zip(norms, momenta, strict=True):
        m.momentum = momentum


def _output(network: nn.Module, row: Row, x: Tensor) -> Float[Tensor, "N C"]:
    if not isinstance(network, DecoupledNetwork):
        return network(x)
    entering = torch.ones_like(x) if row.value_input == ValueInput.ONES else x
    return network.value(entering, network.gates(x))


def _mode(network: nn.Module, training: bool) -> None:
    """Only the value network trains: gates are those of evaluation."""
    (network.value_network if isinstance(network, DecoupledNetwork) else network).train(training)


def _train(
    network: nn.Module,
    row: Row,
    train: Split,
    seed: int,
    epochs: int,
    batch: int,
    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer],
) -> None:
    x, y = train
    step = optimiser([p for p in network.parameters() if p.requires_grad])
    order = torch.Generator().manual_seed(seed)
    _mode(network, True)
    with torch.random.fork_rng(_devices(network)):
        torch.manual_seed(seed)  # for dropout
        for _ in range(epochs):
            for chosen in _batches(torch.randperm(len(x), generator=order), batch):
                chosen = chosen.to(x.device)
                loss = F.cross_entropy(_output(network, row, x[chosen]), y[chosen])
                step.zero_grad(set_to_none=True)
                loss.backward()
                step.step()
    _mode(network, False)


def _batches(order: Int[Tensor, "N"], batch: int) -> list[Tensor]:
    """The parts of an order; a last one of a single example goes with the one before, for the sake of batch norm."""
    parts = list(order.split(batch))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _accuracy(network: nn.Module, row: Row, split: Split, batch: int) -> float:
    x, y = split
    with torch.no_grad():
        hits = sum(
            int((_output(network, row, a).argmax(1) == b).sum())
            for a, b in zip(x.split(batch), y.split(batch), strict=True)
        )
    return 100 * hits / len(x)
