"""The companion: three papers on gates in ReLU networks, re-measured.

``companion.decouple`` is :func:`companion.decoupling.decouple` and ``companion.gate_information`` is
:func:`companion.verdicts.information.gate_information`; they are imported when they are asked for.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ASKED_FOR = {"decouple": "companion.decoupling", "gate_information": "companion.verdicts.information"}
"""Public name to the module that has it."""


def __getattr__(name: str) -> Any:
    if name not in _ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ASKED_FOR[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ASKED_FOR])
