"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import companion

PACKAGE = Path(companion.__file__).parent
ROOT = Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    ".".join(("companion", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
USED_MOST = {
    "companion.networks.families": {"fully_connected", "circular_cnn", "residual"},
    "companion.networks.gates": {"HardGate", "SoftGate", "OpenGate"},
    "companion.networks.routing": {"Routing", "permute", "tile", "roll"},
    "companion.networks.forward": {"forward", "trace", "gate_stack"},
    "companion.networks.initialise": {"initialise", "hidden_only"},
    "companion.kernels": {"gram", "layer_kernels", "overlap", "npk", "ntk", "label_alignment", "beta_fc", "angles"},
    "companion.kernels.neural_paths": {"count_paths", "neural_path_features", "neural_path_values"},
    "companion.decoupling": {"decouple"},
    "companion.runs.spec": {"RunSpec"},
    "companion.records.weights": {"weights_digest"},
    "companion.papers.margins": {"margin"},
    "companion.verdicts.stats": {"summarise", "paired_difference", "equivalence", "holm"},
}
"""Modules of the API page to names that a reader needs first: each shows how it is called."""


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_print_what_they_say(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("module", USED_MOST)
def test_what_is_used_most_has_an_example(module: str) -> None:
    found = importlib.import_module(module)
    missing = [name for name in USED_MOST[module] if ">>> " not in (getattr(found, name).__doc__ or "")]
    assert missing == []


def test_these_modules_are_on_the_api_page() -> None:
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    listed = re.search(r"```\{api-modules\} companion\n(.*?)```", page, re.DOTALL)
    assert listed is not None
    assert USED_MOST.keys() <= {f"companion.{line}" for line in listed[1].split()}
