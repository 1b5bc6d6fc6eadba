"""Fifty steps of every regime on toys in the plane, in float64: what the playground's numbers must be.

``cd tests; OMP_NUM_THREADS=1 python -m golden.playground`` makes ``playground.json`` anew from the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import torch

from companion.notation import Regime
from companion.runs.regimes import output
from companion.site.playground import PlaneSpec, examples, plane_spec, row, train

FILE = Path(__file__).with_name("playground.json")
STEPS = 50
PROBES = ((0.3, -0.2), (-0.8, 0.65), (0.0, 0.0), (1.05, 1.0))
QUERIES = (
    *(f"?regime={regime}&toy=moons&teacher=40" for regime in Regime),
    *(
        f"?regime={regime}&toy={toy}&depth=5&width=6&seed=7&order=3-1-4-2&input={given}&teacher=60&from={source}"
        for regime, toy, given, source in (
            ("FR-II", "rings", "ones", "ReLU"),
            ("FR-DI", "spirals", "image", "ReLU"),
            ("DL", "quarters", "ones", "ReLU"),
            ("FL", "spirals", "ones", "DL"),
        )
    ),
)
"""Addresses of the page, each a run."""


def spec_of(query: str) -> tuple[PlaneSpec, dict[str, str]]:
    """The run that an address describes, and the address's fields."""
    q = {name: values[0] for name, values in parse_qs(query[1:]).items()}
    fields: dict[str, Any] = {"regime": q["regime"]}
    fields |= {name: int(q[name]) for name in ("depth", "width", "seed") if name in q}
    if "order" in q:
        fields["gate_permutation"] = [int(l) - 1 for l in q["order"].split("-")]
    if q.get("input") == "ones":
        fields["value_input"] = "ones"
    return plane_spec(**fields), q


def trajectory(query: str) -> dict[str, Any]:
    """Losses, last weights, and what some points are told, of one address."""
    spec, q = spec_of(query)
    losses, model = train(spec, q["toy"], STEPS, Regime(q.get("from", "ReLU")), int(q.get("teacher", 300)))
    points = torch.tensor([[a, b, 1.0] for a, b in PROBES], dtype=torch.float64).view(-1, 1, 1, 3)
    data = examples(q["toy"], spec.seed)
    return {
        "losses": losses,
        "value": [model.value[f"weight.{l}"].flatten().tolist() for l in range(spec.network.depth)],
        "feature": [t.flatten().tolist() for t in (model.feature or {}).values()],
        "outputs": output(spec, model, points)[:, 0].tolist(),
        "rows": row(spec, model, points, data.inputs).tolist(),
        "examples": data.inputs.flatten().tolist(),
    }


def everything() -> dict[str, Any]:
    """All that the file holds, made now."""
    return {query: trajectory(query) for query in QUERIES}


if __name__ == "__main__":
    torch.set_num_threads(1)
    FILE.write_text(json.dumps(everything(), indent=0, allow_nan=False) + "\n")
