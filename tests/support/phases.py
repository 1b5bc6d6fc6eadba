"""The models M1 to M5 of Paper C's label-noise experiment, as runs of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.runs.spec import RunSpec

GAMMAS = (0, 0.25, 0.5, 0.75)


def family(gamma: float, **fields: Any) -> Mapping[str, RunSpec]:
    """M1 to M5 of one fraction of noisy labels."""

    def run(**own: Any) -> RunSpec:
        return RunSpec.from_dict({**fields, **own})

    noisy: dict[str, Any] = {"label_noise": gamma}
    upstream: dict[str, Any] = {"regime": "FL", "teacher_checkpoint": "last"}
    return {
        "M1": run(**noisy),
        "M2": run(**upstream, gates_from=noisy),
        "M3": run(**upstream, gates_from=noisy, start_from={"label_noise": 1.0}),
        "M4": run(start_from=noisy),
        "M5": run(**upstream, gates_from={"start_from": noisy}),
    }
