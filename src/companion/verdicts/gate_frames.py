"""Statistics of gates as data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd

from companion.kernels import GateStatistics

__all__ = ["gate_frame"]


def gate_frame(statistics: Sequence[GateStatistics] | Mapping[str, Sequence[GateStatistics]]) -> pd.DataFrame:
    """One row per gated layer: ``network``, ``depth`` from 1, the fields of :class:`~companion.kernels.GateStatistics`.

    Args:
        statistics: of one network, or of several by name.  Without a name ``network`` is empty.

    Example:
        >>> import torch
        >>> import companion
        >>> model, x = torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU()).eval(), torch.tensor([[1.0, -1.0]])
        >>> frame = gate_frame(companion.kernels.gate_statistics(companion.decouple(model, x), x))
        >>> frame[["depth", "active", "dead"]].to_numpy().tolist()
        [[1.0, 0.5, 0.5]]
    """
    of_networks = statistics if isinstance(statistics, Mapping) else {"": statistics}
    lines = [
        {"network": name, "depth": depth} | asdict(layer)
        for name, layers in of_networks.items()
        for depth, layer in enumerate(layers, start=1)
    ]
    return pd.DataFrame(lines).astype(dict.fromkeys(("within", "between"), float))
