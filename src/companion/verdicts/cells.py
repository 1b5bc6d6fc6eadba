"""How complete a cell is, counted and worded in one place."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

__all__ = ["Completeness"]


@dataclass(frozen=True)
class Completeness:
    """How many of a cell's runs are there.

    Args:
        scored: runs with a score.
        diverged: runs that are recorded without one, for they diverged.
        expected: runs that make the cell complete.
        counted: what they are called; a cell of many models has several runs a seed.

    >>> Completeness(2, 1, 5).short, Completeness(2, 1, 5).long
    ('pending: 3 of 5', 'pending: 3 of 5 seeds recorded')
    >>> Completeness(4, 1, 5).short, Completeness(5, 0, 5).short
    ('1 of 5 runs diverged', '')
    """

    scored: int
    diverged: int
    expected: int
    counted: str = "seeds"

    @classmethod
    def of(cls, lines: pd.DataFrame, statistic: str = "best_test", at_least: int = 0) -> Completeness:
        """Of lines of a frame of :func:`companion.verdicts.frames.runs`.

        Args:
            lines: one for each run that should be there.
            statistic: the score.
            at_least: how many runs it takes, however few there should be.
        """
        diverged = int((lines["status"] == "diverged").sum())
        counted = "runs" if lines["seed"].duplicated().any() else "seeds"
        return cls(int(lines[statistic].notna().sum()), diverged, max(len(lines), at_least), counted)

    @property
    def recorded(self) -> int:
        """Runs that need not be waited for."""
        return self.scored + self.diverged

    @property
    def waiting(self) -> bool:
        """Whether runs are missing."""
        return self.recorded < self.expected

    @property
    def complete(self) -> bool:
        """Whether every run has a score."""
        return self.scored >= self.expected

    @property
    def word(self) -> str:
        """Why there is nothing to judge, where the count stands beside it; empty if there is."""
        return "pending" if self.waiting else self._divergence

    @property
    def short(self) -> str:
        """The same with the count, for the cell of a table."""
        return f"pending: {self.recorded} of {self.expected}" if self.waiting else self._divergence

    @property
    def long(self) -> str:
        """The same as a rule, which says what is counted."""
        return f"{self.short} {self.counted} recorded" if self.waiting else self._divergence

    @property
    def _divergence(self) -> str:
        return f"{self.diverged} of {self.expected} runs diverged" if self.diverged else ""
