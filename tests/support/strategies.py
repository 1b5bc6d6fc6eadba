"""Hypothesis strategies shared by the tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from companion.data import DATASETS
from companion.notation import Regime
from companion.runs.spec import RunSpec


@st.composite
def spec_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a valid run of any regime; many are left out, some are written at their default."""
    dataset = draw(st.sampled_from(sorted(DATASETS)))
    regime = draw(st.sampled_from(list(Regime)))
    depth = draw(st.integers(2, 8))
    rates = st.floats(1e-6, 10, allow_nan=False)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "width": st.none() | st.integers(1, 300),
        "bias": st.booleans(),
        "optimiser": st.sampled_from(["sgd", "adam", "rmsprop"]),
        "learning_rate": rates,
        "batch_size": st.integers(1, 256),
        "epochs": st.integers(1, 400),
        "seed": st.integers(0, 2**63 - 1),
        "train_size": st.none() | st.integers(200, DATASETS[dataset].train_size),
        "test_size": st.none() | st.integers(1, DATASETS[dataset].test_size),
        "holdout": st.integers(0, 199),
        "precision": st.sampled_from(["float32", "bfloat16"]),
        "label_noise": st.floats(0, 1),
        "downscale": st.sampled_from([1, 2, 4]),
        "initialisation": st.sampled_from(["glorot", "fan-in", "sign"]),
        "standardise": st.booleans(),
        "augmentation": st.sampled_from([None, "crop-flip-cutout", "crop-cutout"]),
        "weight_decay": st.floats(0, 1),
        "schedule": st.sampled_from(["constant", "triangle"]),
    }
    classes = draw(st.none() | st.lists(st.integers(0, 9), min_size=2, unique=True))
    if classes is not None:
        optional["classes"] = st.just(classes)
        optional["loss"] = st.sampled_from(["cross-entropy", "squared-error"][: 1 + (len(classes) == 2)])
    if regime is not Regime.RELU:
        optional["value_input"] = st.sampled_from(["image", "ones", "noise"])
        optional["gate_permutation"] = st.none() | st.permutations(range(depth - 1)).map(tuple)
    if regime is Regime.DL:
        optional |= {
            "gate_beta": rates,
            "gate_eps": st.floats(0, 1),
            "probe": st.sampled_from([None, "kernel-norms", "hard-gates"]),
        }
    if regime is Regime.FL:
        optional["teacher_checkpoint"] = st.sampled_from(["best_test", "last"])
    if regime is not Regime.RELU:
        shift = st.integers(-5, 400)
        optional["gate_shifts"] = st.lists(shift, min_size=1, max_size=1) | st.lists(
            shift, min_size=depth - 1, max_size=depth - 1
        )
    if regime in (Regime.FR_II, Regime.FR_DI, Regime.DL):
        optional["feature_activation"] = st.sampled_from(["relu", "linear"])
    fields = draw(st.fixed_dictionaries({}, optional=optional))
    if fields.get("optimiser", "sgd") == "sgd":
        fields["momentum"] = draw(st.floats(0, 0.99))
        fields["nesterov"] = fields["momentum"] > 0 and draw(st.booleans())
    if regime in (Regime.FR_II, Regime.DL, Regime.FL) and draw(st.booleans()):
        width = fields.get("width") or 128
        fields["feature_width"] = draw(st.sampled_from([n for n in range(1, width + 1) if width % n == 0]))
    if fields.get("probe") == "kernel-norms":
        for name in ("gate_shifts", "feature_activation", "feature_width"):
            fields.pop(name, None)
    if "loss" in fields and "classes" not in fields:
        del fields["loss"]
    if fields.get("probe") is not None:
        fields["probe_every"] = draw(st.integers(1, 20))
    return {"dataset": dataset, "architecture": "FC", "depth": depth, "regime": regime, **fields}


def specs() -> st.SearchStrategy[RunSpec]:
    """Valid runs."""
    return spec_fields().map(RunSpec.from_dict)
