"""Numbers that prose may use, read from the package's data files so that no page types them.

They become MyST substitutions: ``{{ margin_mnist }}``, ``{{ count_statements }}`` and so on.
"""

from __future__ import annotations

import csv
import json
from importlib.resources import files

from sphinx.application import Sphinx
from sphinx.config import Config


def facts() -> dict[str, str]:
    """Return the substitutions: margins and confidences as printed, and how many items the data files hold.

    Raises:
        FileNotFoundError: if the installed package lacks a data file.
    """
    papers = files("companion") / "papers"
    margins = json.loads((papers / "margins.json").read_text(encoding="utf-8"))
    statements = json.loads((papers / "statements.json").read_text(encoding="utf-8"))
    errata = json.loads((papers / "errata.json").read_text(encoding="utf-8"))
    numbers = list(csv.DictReader((papers / "numbers.csv").read_text(encoding="utf-8").splitlines()))
    return {
        **{f"margin_{name}": f"{points:.2f}" for name, points in margins["points"].items()},
        "equivalence_confidence": f"{margins['equivalence_confidence']:.0%}",
        "interval_confidence": f"{margins['interval_confidence']:.0%}",
        "count_statements": str(len(statements)),
        "count_errata": str(len(errata)),
        "count_numbers": str(sum(row["cited"] == "no" for row in numbers)),
        "count_cited": str(sum(row["cited"] == "yes" for row in numbers)),
    }


def add_facts(app: Sphinx, config: Config) -> None:
    """Add the substitutions to those of the configuration."""
    config["myst_substitutions"] = {**config["myst_substitutions"], **facts()}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook that runs once the configuration is complete."""
    app.connect("config-inited", add_facts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
