"""Independent random streams: one generator for each seed and name."""

from __future__ import annotations

import hashlib
import json

import torch

__all__ = ["stream"]


def stream(seed: int, *names: str | int) -> torch.Generator:
    """An independent CPU generator for each seed and name: ``feature``, ``value``, ``noise``, ``order`` and epoch.

    Args:
        seed: of the run.
        names: words and numbers, of which the name is made.

    Example:
        >>> first, again, other = (int(stream(*of).initial_seed()) for of in ((0, "value"), (0, "value"), (0, "order")))
        >>> first == again, first == other
        (True, False)
    """
    digest = hashlib.sha256(json.dumps([seed, *names]).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
