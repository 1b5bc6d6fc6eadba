"""Value networks trained from scratch under gates of several origins, beside the model trained by the same protocol.

Every row of a seed starts from the same random weights, sees the examples in the same order and is trained equally long
by the same optimiser; only the origin of the gates, and what enters the value network, differ.
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from companion.decoupling.examples import Split, require_halves
from companion.decoupling.fresh import devices, drawn, numbers, reset, settle
from companion.decoupling.kept import Kept, data_digest, model_digest
from companion.decoupling.network import DecoupledNetwork, decouple
from companion.decoupling.plan import plan_of
from companion.decoupling.rows import ROWS, Epoch, Row, Score, rows_of
from companion.networks.precision import single_precision
from companion.notation import Float, Int, Regime, Tensor, ValueInput

__all__ = ["ROWS", "Epoch", "Row", "Score", "Split", "accuracy", "reset", "train_rows"]

Optimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

FITTED = 99.9
"""Percent of the training examples from which on a network counts as fitted, as in the papers' early stop."""

SAVE_EVERY = 60.0
"""Seconds of training after which a network that is under way is kept, at the end of an epoch."""

MOMENTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"}
"""What the usual optimisers keep of each weight, in its shape."""


@dataclass(frozen=True)
class Protocol:
    """How each network is trained; the arguments of :func:`train_rows` of the same names."""

    epochs: int
    batch: int
    early_stop: int
    optimiser: Optimiser

    def settings(self, device: torch.device) -> dict[str, str | int]:
        """In words and numbers, so that two protocols can be compared."""
        step = self.optimiser([nn.Parameter(torch.zeros(1))])
        options = ", ".join(f"{name}={value}" for name, value in sorted(step.defaults.items()))
        return {
            "protocol": 2,
            "epochs": self.epochs,
            "batch": self.batch,
            "early_stop": self.early_stop,
            "optimiser": f"{type(step).__name__}({options})",
            "device": device.type,
        }


def train_rows(
    model: nn.Module,
    train: Split,
    test: Split,
    *,
    regimes: Iterable[Row | str] = ROWS,
    seeds: Iterable[int] = range(5),
    epochs: int = 20,
    batch: int = 128,
    early_stop: int = 0,
    device: str | torch.device = "cpu",
    optimiser: Optimiser = torch.optim.Adam,
    initialise: Callable[[nn.Module], None] = reset,
    keep: Path | None = None,
    tell: Callable[[Epoch], None] = lambda epoch: None,
) -> Iterator[Score]:
    """Train each row for each seed, and give its score as soon as it is there.

    Gates are frozen and those of evaluation mode.  Random feature networks with batch norm get the statistics of the
    training examples first, as a trained one has them.  Dropout is the value network's own.  The loss is cross-entropy.
    Weights are drawn on the CPU.  Float32 is float32 on a GPU too.

    Args:
        model: trained; its gates are asked for in ``FL``.  It is not touched.
        train: examples to train on; they are moved to the device as a whole.
        test: examples to score.
        regimes: what to compare: rows, or their names as in :func:`~companion.decoupling.rows.rows_of`.
        seeds: of weights and orders; the random feature network of ``FR-II`` has a seed of its own.
        epochs: passes over the training examples.
        batch: examples of a step.
        early_stop: a network is done once it got at least 99.9% of the training examples right, as they were trained
            on, for so many epochs in a row; 0 is never.
        device: to train on.
        optimiser: from parameters to an optimiser, for instance ``partial(torch.optim.SGD, lr=0.1)``.
        initialise: draws the weights of a model anew, in place.
        keep: a folder to keep trained networks' scores in; those that it has are not trained again, and a network that
            was stopped goes on from its last checkpoint, at most an epoch or a minute old.  More seeds and more regimes
            may be asked of the same folder.
        tell: is called when a network begins, after each epoch, and when it is done.

    Raises:
        ValueError: no examples, or some that are not finite; not as many classes, whole numbers from 0, as examples;
            examples to score unlike those to train on; no epoch; a model that does not take the examples or tell their
            classes apart.
        TypeError: examples or classes that are no tensors of the types that :data:`Split` has.
        KeptError: the folder holds networks of another model, of other data or of other settings, or is damaged.
        NotDecouplableError: a model that cannot be decoupled.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
        >>> data = torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1])
        >>> [(str(score.row), score.epochs) for score in train_rows(model, data, data, seeds=[0], epochs=1)]
        [('ReLU', 1), ('FL', 1), ('FR-II', 1), ('FR-DI', 1), ('FL-ones', 1)]
    """
    rows, seeds, device = rows_of(regimes), list(seeds), torch.device(device)
    train, test = require_halves(train, test)
    if epochs < 1 or batch < 1 or early_stop < 0:
        raise ValueError("epochs and batch must be at least 1, and early_stop at least 0")
    model = copy.deepcopy(model).cpu().eval()
    _refuse_unfit(model, train, int(max(train[1].max(), test[1].max())))
    protocol = Protocol(epochs, batch, early_stop, optimiser)
    kept = None
    if keep is not None:
        identity = {"model": model_digest(model, drawn(model, 0, initialise)), "data": data_digest(*train, *test)}
        kept = Kept(keep, identity | {"settings": protocol.settings(device)})
    if device.type == "cuda":
        single_precision(tensor_cores=False)
    train, test = ((x.to(device), y.to(device)) for x, y in (train, test))
    networks = list(itertools.product(seeds, rows))
    for place, (seed, row) in enumerate(networks):
        score = kept.score(row, seed) if kept else None
        here = Epoch(row, seed, 0, epochs, place, len(networks), math.nan)
        if score is None:
            tell(here)
            network = _start(model, row, seed, train[0], initialise, device)
            last, diverged = _train(network, row, train, seed, protocol, kept, here, tell)
            halves = [math.nan if diverged else accuracy(network, split, batch, row) for split in (train, test)]
            score = Score(row, seed, halves[0], halves[1], last)
            if kept:
                kept.keep(score)
        tell(replace(here, epoch=score.epochs or epochs, score=score))
        yield score


def _refuse_unfit(model: nn.Module, train: Split, last: int) -> None:
    """Refuse a model that does not give, in both modes, one number for each class, or that cannot be decoupled."""
    if not any(True for _ in model.parameters()):
        raise ValueError("the model has no weights that could be trained")
    trial, x = copy.deepcopy(model), numbers(train[0][:4])
    for training in (False, True):
        mode = "in training mode" if training else "in evaluation mode"
        try:
            with torch.no_grad(), torch.random.fork_rng([]):
                output = trial.train(training)(x)
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"the model does not take examples shaped {list(x.shape[1:])} {mode}: {reason}") from error
        if not isinstance(output, torch.Tensor) or output.dim() != 2 or len(output) != len(x):
            found = f"a tensor {list(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(f"the model must give one tensor [N, C], a number a class, not {found} {mode}")
        if output.shape[1] <= last:
            raise ValueError(f"the model tells {output.shape[1]} classes apart, and the labels go up to {last}")
        plan_of(trial)
    decouple(model, x)


def _start(
    model: nn.Module,
    row: Row,
    seed: int,
    x: Tensor,
    initialise: Callable[[nn.Module], None],
    device: torch.device,
) -> nn.Module:
    """The network of a row before it trains: an ordinary one for ReLU, else a decoupled one."""
    fresh = drawn(model, 2 * seed, initialise).to(device)
    if row.regime == Regime.RELU:
        return fresh
    if row.regime == Regime.FL:
        feature = copy.deepcopy(model).to(device)
    else:
        random = fresh if row.regime == Regime.FR_DI else drawn(model, 2 * seed + 1, initialise)
        feature = copy.deepcopy(random).to(device)
        settle(feature, x)
    return DecoupledNetwork(feature.eval().requires_grad_(False), fresh)


def _output(network: nn.Module, row: Row | None, x: Tensor) -> Float[Tensor, "N C"]:
    x = numbers(x)
    if not isinstance(network, DecoupledNetwork):
        return network(x)
    ones = row is not None and row.value_input == ValueInput.ONES
    return network.value(torch.ones_like(x) if ones else x, network.gates(x))


def _trained(network: nn.Module) -> nn.Module:
    """The part that trains: gates are those of evaluation."""
    return network.value_network if isinstance(network, DecoupledNetwork) else network


def _train(
    network: nn.Module,
    row: Row,
    train: Split,
    seed: int,
    protocol: Protocol,
    kept: Kept | None,
    here: Epoch,
    tell: Callable[[Epoch], None],
) -> tuple[int, bool]:
    """Train a network in place; how many epochs it took, and whether its loss stopped being a number."""
    x, y = train
    learner = _trained(network)
    step = protocol.optimiser([p for p in learner.parameters() if p.requires_grad])
    order = torch.Generator().manual_seed(seed)
    learner.train()
    first, in_a_row, saved = 1, 0, time.monotonic()
    with torch.random.fork_rng(devices(network)):
        torch.manual_seed(seed)  # for dropout
        if kept and (state := kept.checkpoint(row, seed)) is not None:
            try:
                first, in_a_row = _resume(state, learner, step, order, protocol.epochs, x)
            except Exception as error:  # whatever a file that somebody made provokes
                raise kept.damaged(row, seed) from error
        for epoch in range(first, protocol.epochs + 1):
            hits, total = torch.zeros((), device=x.device), torch.zeros((), device=x.device)
            for chosen in _batches(torch.randperm(len(x), generator=order), protocol.batch):
                chosen = chosen.to(x.device)
                output = _output(network, row, x[chosen])
                loss = F.cross_entropy(output, y[chosen])
                step.zero_grad(set_to_none=True)
                loss.backward()
                step.step()
                hits += (output.detach().argmax(1) == y[chosen]).sum()
                total += loss.detach()
            fitted = 100 * float(hits) / len(x)
            diverged = not math.isfinite(float(total))
            in_a_row = in_a_row + 1 if fitted >= FITTED else 0
            tell(replace(here, epoch=epoch, fitted=fitted))
            if diverged or 0 < protocol.early_stop <= in_a_row:
                break
            if kept and epoch < protocol.epochs and time.monotonic() - saved >= SAVE_EVERY:
                state = {"network": learner.state_dict(), "optimiser": step.state_dict(), "order": order.get_state()}
                state |= {"random": torch.get_rng_state(), "epoch": epoch, "in_a_row": in_a_row}
                state["cuda"] = torch.cuda.get_rng_state(x.device) if x.is_cuda else None
                kept.save(row, seed, state)
                saved = time.monotonic()
    learner.eval()
    return epoch, diverged


def _resume(
    state: Mapping[str, Any],
    learner: nn.Module,
    step: torch.optim.Optimizer,
    order: torch.Generator,
    epochs: int,
    x: Tensor,
) -> tuple[int, int]:
    """Set a network, its optimiser and the random numbers as they were; the next epoch, and how many fitted before."""
    settings = repr(step.state_dict()["param_groups"])
    learner.load_state_dict(state["network"])
    step.load_state_dict(state["optimiser"])
    for p, moments in step.state.items():
        if any(moments[name] is not None and moments[name].shape != p.shape for name in MOMENTS & moments.keys()):
            raise ValueError("moments of other shapes than the weights'")
    done, in_a_row = state["epoch"], state["in_a_row"]
    if repr(step.state_dict()["param_groups"]) != settings or type(done) is not int or not 1 <= done < epochs:
        raise ValueError("other settings, or more epochs")
    if type(in_a_row) is not int or not 0 <= in_a_row <= done:
        raise ValueError("more epochs in a row than there were")
    _try(learner, step)
    order.set_state(state["order"])
    torch.set_rng_state(state["random"])
    if x.is_cuda:
        torch.cuda.set_rng_state(state["cuda"], x.device)
    return done + 1, in_a_row


def _try(learner: nn.Module, step: torch.optim.Optimizer) -> None:
    """Let a copy of both take a step, which raises whatever an optimiser makes of moments that it cannot have left."""
    _, trial = copy.deepcopy((learner, step))
    for p in (p for group in trial.param_groups for p in group["params"]):
        p.grad = torch.zeros_like(p)
    trial.step()


def _batches(order: Int[Tensor, "N"], batch: int) -> list[Tensor]:
    """The parts of an order; a last one of a single example goes with the one before, for the sake of batch norm."""
    parts = list(order.split(batch))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def accuracy(network: nn.Module, split: Split, batch: int = 128, row: Row | None = None) -> float:
    """Percent of the examples of which a network gets the class right, in its present mode.

    Args:
        network: where the examples are.
        split: examples and classes.
        batch: examples at a time.
        row: says what enters the value network of a decoupled network; by default the image.

    Example:
        >>> accuracy(nn.Identity(), (torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0])))
        50.0
    """
    x, y = split
    with torch.no_grad():
        hits = sum(
            int((_output(network, row, a).argmax(1) == b).sum())
            for a, b in zip(x.split(batch), y.split(batch), strict=True)
        )
    return 100 * hits / len(x)
