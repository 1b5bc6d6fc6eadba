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
    """
    of_networks = statistics if isinstance(statistics, Mapping) else {"": statistics}
    lines = [
        {"network": name, "depth": depth} | asdict(layer)
        for name, layers in of_networks.items()
        for depth, layer in enumerate(layers, start=1)
    ]
    return pd.DataFrame(lines).astype(dict.fromkeys(("within", "between"), float))
