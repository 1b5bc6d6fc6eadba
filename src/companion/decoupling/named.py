"""A model by name: ``package.module:factory``, imported from where Python looks and from the present folder."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from companion.files.documents import regular
from companion.files.quoting import printable
from companion.files.saved import load

__all__ = ["failed", "load_weights", "model_named"]

LARGEST = 1 << 38
"""Bytes that a file of weights may have."""
FORM = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


def model_named(name: str, arguments: Mapping[str, Any] | None = None) -> nn.Module:
    """Import a module and call what makes a model in it, with random numbers of seed 0.

    Nothing but that module, and what it imports itself, is imported.  The present folder is from then on the last in
    which Python looks, so that nothing in it takes the place of a library.

    Args:
        name: ``package.module:factory``; the factory is a function or class that gives a module, or a module itself.
        arguments: of the factory, by name.

    Raises:
        ValueError: the name is not of this form, there is no such module or factory, either raises an error, or what it
            gives is no module; the message is one sentence.

    >>> model_named("torch.nn:Linear", {"in_features": 2, "out_features": 3})
    Linear(in_features=2, out_features=3, bias=True)
    """
    form = FORM.fullmatch(name)
    if form is None:
        raise ValueError(f"a model is named package.module:factory, such as torchvision.models:resnet18, not {name!r}")
    module, attribute = form.groups()
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
                raise ValueError(
                    f"there is no module {module} where Python looks or in {Path.cwd()}: a model is named "
                    "package.module:factory"
                ) from error
            raise ValueError(failed(f"importing {module}", error)) from error
        except (Exception, SystemExit) as error:
            raise ValueError(failed(f"importing {module}", error)) from error
        for part in attribute.split("."):
            if not hasattr(found, part):
                place = getattr(sys.modules[module], "__file__", None) or "built in"
                raise ValueError(f"the module {module} ({place}) has no {attribute}")
            found = getattr(found, part)
        if isinstance(found, nn.Module):
            if arguments:
                raise ValueError(f"{name} is a model already: it takes no arguments")
            return found
        if not callable(found):
            raise ValueError(f"{name} must give a torch.nn.Module when it is called, and is a {type(found).__name__}")
        torch.manual_seed(0)  # whether or not the import drew some
        try:
            model = found(**(arguments or {}))
        except (Exception, SystemExit) as error:
            raise ValueError(failed(f"{name}({', '.join(arguments or ())})", error)) from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"{name} must give a torch.nn.Module, and gave a {type(model).__name__}")
    return model


def load_weights(model: nn.Module, place: Path) -> None:
    """Give a model the weights in a file that ``torch.save(model.state_dict(), file)`` made; no other code is run.

    Args:
        model: takes them in place.
        place: the file.

    Raises:
        ValueError: the file is not there, is none of these, or has the weights of another model.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> model = nn.Linear(1, 1)
        >>> with TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.tensor([[2.0]]), "bias": torch.zeros(1)}, f"{folder}/mine.pt")
        ...     load_weights(model, Path(folder) / "mine.pt")
        >>> model.weight.item()
        2.0
    """
    if not place.is_file():
        raise ValueError(f"there is no file {place} of weights, as torch.save(model.state_dict(), file) makes it")
    try:
        weights = load(regular(place, LARGEST), names=None)
    except Exception as error:
        raise ValueError(f"{place} is no file of weights that torch.save(model.state_dict(), file) made") from error
    try:
        model.load_state_dict(weights)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = lines[-1] if lines else type(error).__name__
        raise ValueError(f"{place} has not the weights of this model: {_short(said)}") from error


def failed(what: str, error: BaseException) -> str:
    """One line: what failed, where in whose file, and why.

    Args:
        what: failed.
        error: with its traceback, of which the last file is named.

    Example:
        >>> failed("the model", RuntimeError("out of memory"))
        'the model failed (RuntimeError): out of memory'
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f", {Path(trace.tb_frame.f_code.co_filename).name} line {trace.tb_lineno}"
    return f"{what} failed ({type(error).__name__}{place}): {_short(str(error))}"


def _short(text: str) -> str:
    """On one line that can be printed, of 200 characters at most."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= 200 else f"{text[:199]}…"
