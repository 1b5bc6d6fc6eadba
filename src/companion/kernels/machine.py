"""Kernel machines: ridge regression on one-hot labels, with any kernel of two batches.

Where the sentence "what a network has learnt is in its gates" is meant literally, the path kernel of its gates must
classify by itself, without a single weight.  A kernel machine is how that is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from companion.files.quoting import brief
from companion.kernels.checks import require_labels, require_sides
from companion.notation import Float, Int, Tensor

__all__ = [
    "CHOSEN_ON",
    "RIDGES",
    "KernelFunction",
    "KernelMachine",
    "choose_machine",
    "gaussian_kernel",
    "median_distance",
]

KernelFunction = Callable[[Tensor, Tensor | None], Tensor]
"""``(x1 [N, ...], x2 [M, ...])`` to ``[N, M]``; ``x2=None`` means ``x1``."""

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""What is chosen from, in units of the mean of the kernel's diagonal."""
CHOSEN_ON = 5000
"""Examples from the first on among which a ridge is chosen: a factorisation costs the cube of their number."""
BLOCK = 2500
"""Examples that are classified at a time."""


@dataclass(frozen=True)
class KernelMachine:
    """Outputs ``f(x) = 1/C + sum_i k(x, x_i) a_i``, and the class is where they are largest.

    Args:
        kernel: ``k``.
        x: the examples ``x_i`` that it was fitted to, ``[n, ...]``.
        coefficients: ``a``, ``[n, C]``.
        ridge: the penalty that they were found with, in units of the mean of the kernel's diagonal.
    """

    kernel: KernelFunction
    x: Float[Tensor, "n ..."]
    coefficients: Float[Tensor, "n C"]
    ridge: float

    @classmethod
    def fit(
        cls, kernel: KernelFunction, x: Float[Tensor, "n ..."], labels: Int[Tensor, "n"], *, ridge: float, classes: int
    ) -> KernelMachine:
        """The machine with ``(K + ridge mean(diag K) I) a = onehot(labels) - 1/C``, by Cholesky's factorisation.

        It takes ``4 n^2`` bytes twice in single precision, once for the kernel and once for its factor.

        Args:
            kernel: symmetric, and positive definite with its ridge.
            x: examples; the kernel decides about precision and shapes.
            labels: classes, from 0.
            ridge: positive, in units of the mean of the kernel's diagonal.
            classes: ``C``.

        Raises:
            ValueError: not one label below ``classes`` for each example; a ridge that is not a positive number; a
                kernel that is not positive definite with it, or zero for every example.

        Example:
            >>> x, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
            >>> machine = KernelMachine.fit(lambda a, b: a @ (a if b is None else b).T, x, labels, ridge=0.1, classes=2)
            >>> machine.classify(torch.tensor([[3.0, 1.0], [1.0, 2.0]]))
            tensor([0, 1])
        """
        check_labels(labels, len(x), classes)
        if not (isinstance(ridge, int | float) and 0 < ridge < math.inf):
            raise ValueError(f"ridge must be a positive number, not {brief(ridge)}")
        a = solve(kernel(x, None), _targets(labels, classes), ridge)
        if a is None:
            raise ValueError(f"the kernel is not positive definite with ridge {ridge:g}: a larger one may do")
        return cls(kernel, x, a, ridge)

    def outputs(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        """Of new examples, some at a time.

        Raises:
            TypeError: examples of another type than those it was fitted to.
            ValueError: no example, or examples of another shape.
        """
        require_sides((x,), (self.x,))
        values = [self.kernel(part, self.x) @ self.coefficients for part in x.split(BLOCK)]
        return torch.cat(values) + 1 / self.coefficients.shape[1]

    def classify(self, x: Float[Tensor, "N ..."]) -> Int[Tensor, "N"]:
        """The class of the largest output; raises what :meth:`outputs` raises."""
        return self.outputs(x).argmax(1)

    def accuracy(self, x: Float[Tensor, "N ..."], labels: Int[Tensor, "N"]) -> float:
        """Of its classes against labels, in percent; raises what :meth:`outputs` raises.

        Raises:
            ValueError: not one label for each example.
        """
        require_labels("labels", labels, len(x))
        return 100 * float((self.classify(x) == labels).double().mean())


def choose_machine(
    kernels: Sequence[KernelFunction],
    x: Float[Tensor, "n ..."],
    labels: Int[Tensor, "n"],
    held_out: Float[Tensor, "m ..."],
    held_out_labels: Int[Tensor, "m"],
    *,
    classes: int,
    ridges: Sequence[float] = RIDGES,
) -> KernelMachine:
    """The machine, among some kernels and ridges, that classifies examples that were held out best.

    Chosen is with the first :data:`CHOSEN_ON` examples; of machines that are equally good the larger ridge, then the
    first kernel, is taken.  Combinations that are not positive definite in the examples' precision are left out.

    Args:
        kernels: one or more.
        x: examples to fit to, ``n`` of them.
        labels: their classes, from 0.
        held_out: examples to choose by, which must be no others' neighbours in disguise: take none of ``x``.
        held_out_labels: their classes.
        classes: how many there are.
        ridges: positive, in units of the mean of a kernel's diagonal.

    Raises:
        ValueError: no kernel or ridge; labels that do not fit; no combination that is positive definite.

    Example:
        >>> x, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
        >>> kernels = [gaussian_kernel(width) for width in (1.0, 2.0)]
        >>> machine = choose_machine(kernels, x, labels, torch.tensor([[3.0, 1.0]]), torch.tensor([0]), classes=2)
        >>> machine.ridge, machine.classify(torch.tensor([[0.0, 2.0]]))
        (1.0, tensor([1]))
    """
    if not kernels or not ridges:
        raise ValueError("there must be at least one kernel and one ridge to choose from")
    check_labels(labels, len(x), classes)
    require_labels("held_out_labels", held_out_labels, len(held_out))
    few, targets = x[:CHOSEN_ON], _targets(labels, classes)
    best: tuple[float, KernelMachine] | None = None
    for kernel in kernels:
        K, across = kernel(few, None), kernel(held_out, few)
        for ridge in sorted(ridges, reverse=True):
            a = solve(K.clone(), targets[: len(few)], ridge)
            if a is None:
                continue
            right = float(((across @ a).argmax(1) == held_out_labels).double().mean())
            if best is None or right > best[0]:
                best = right, KernelMachine(kernel, few, a, ridge)
        del K, across
    if best is None:
        raise ValueError(f"no kernel is positive definite with a ridge of {', '.join(f'{r:g}' for r in ridges)}")
    machine = best[1]
    if len(few) == len(x):
        return machine
    return KernelMachine.fit(machine.kernel, x, labels, ridge=machine.ridge, classes=classes)


def solve(K: Float[Tensor, "n n"], targets: Float[Tensor, "n C"], ridge: float) -> Float[Tensor, "n C"] | None:
    """``(K + ridge mean(diag K) I)^(-1) targets``, or ``None`` where that is not positive definite; ``K`` is spent."""
    diagonal = K.diagonal()
    diagonal += ridge * diagonal.mean()
    factor, failed = torch.linalg.cholesky_ex(K)
    if int(failed) or not bool(diagonal.isfinite().all()):
        return None
    a = torch.cholesky_solve(targets.to(K), factor)
    return a if bool(a.isfinite().all()) else None


def check_labels(labels: Int[Tensor, "n"], count: int, classes: int) -> None:
    """Raise unless there is a class from 0 to ``classes - 1`` for each of ``count`` examples."""
    require_labels("labels", labels, count)
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}, and some are not")


def _targets(labels: Int[Tensor, "n"], classes: int) -> Float[Tensor, "n C"]:
    return F.one_hot(labels, classes).double() - 1 / classes


def median_distance(x: Float[Tensor, "n ..."]) -> float:
    """The median of the distances between all pairs of examples.

    Raises:
        ValueError: fewer than two examples.

    Example:
        >>> median_distance(torch.tensor([[0.0], [3.0], [4.0]]))
        3.0
    """
    if len(x) < 2:
        raise ValueError(f"distances need at least two examples, not {len(x)}")
    return float(torch.pdist(x.flatten(1)).median())


def gaussian_kernel(width: float) -> KernelFunction:
    """``exp(-|x - x'|^2 / (2 width^2))``, the kernel that is tried first where nothing is known.

    Raises:
        ValueError: ``width`` is not a positive number.

    Example:
        >>> gaussian_kernel(1.0)(torch.tensor([[0.0], [1.0]]), None)
        tensor([[1.0000, 0.6065],
                [0.6065, 1.0000]])
    """
    if not (isinstance(width, int | float) and 0 < width < math.inf):
        raise ValueError(f"width must be a positive number, not {brief(width)}")

    def kernel(x1: Tensor, x2: Tensor | None = None) -> Tensor:
        require_sides((x1,), None if x2 is None else (x2,))
        a = x1.flatten(1)
        b = a if x2 is None else x2.flatten(1)
        squares = a.square().sum(1)[:, None] + b.square().sum(1)[None, :]
        return squares.addmm_(a, b.T, alpha=-2).clamp_(min=0).mul_(-0.5 / width**2).exp_()

    return kernel
