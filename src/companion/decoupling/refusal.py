"""What cannot be decoupled, where it stands, why, and what would do instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NotDecouplableError", "Refusal"]


@dataclass(frozen=True)
class Refusal:
    """One place of a model that cannot be decoupled.

    Args:
        node: name of the node in the traced graph, or of the module.
        where: the module that calls it, as in ``model.named_modules()``; empty for the model itself.
        operation: what is called there.
        reason: why there is no value network for it.
        remedy: what would do.

    Example:
        >>> print(Refusal("sigmoid", "head", "sigmoid", "it is no gate", "use ReLU"))
        sigmoid (sigmoid in head): it is no gate; use ReLU
    """

    node: str
    where: str
    operation: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        return f"{self.node} ({self.operation}{place}): {self.reason}; {self.remedy}"


class NotDecouplableError(ValueError):
    """A model that has no value network; names every place that is in the way.

    Args:
        refusals: at least one.

    Example:
        >>> import companion, torch
        >>> try:
        ...     companion.decouple(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sigmoid()), torch.ones(1, 2))
        ... except NotDecouplableError as error:
        ...     [refusal.operation for refusal in error.refusals]
        ['Sigmoid']
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        count = f"{len(self.refusals)} places stand" if len(self.refusals) > 1 else "one place stands"
        super().__init__("\n".join([f"this model cannot be decoupled, {count} in the way:", *map(str, self.refusals)]))
