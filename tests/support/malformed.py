"""Malformed inputs: a valid document or file, wrong in ways that chance finds and in ways that somebody would try.

Documents are changed as trees, so that what lies deep is reached, and written with what JSON cannot say: keys that are
named twice, numbers that are none, halves of characters, nesting without end.  Files are changed as bytes.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st

__all__ = ["NASTY", "WORDS", "Raw", "archives", "documents", "dumped", "spoiled", "values"]

Path = tuple[Any, ...]


class Raw(str):
    """JSON as it is to stand in the document, valid or not."""


class Twice(dict[str, Any]):
    """An object that names one of its keys again, with another value."""

    again: tuple[str, Any]


WORDS = (
    "",
    " ",
    "x" * 300,
    "y" * 20_000,
    "a\nb",
    "\x1b[2J\x1b]0;title\x07",
    "\x00",
    "\u202egnp.exe",
    "\ufeff",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} ${7*7} %s {0}",
    "__import__('os').system('touch ran')",
    "../../outside",
    "/outside",
    "C:\\outside",
    "-1",
    "nan",
    "1e5",
    "None",
    "0x10",
    "٣",
)
"""Text that means something to a terminal, a browser, a shell, a template, a file system or a lenient reader."""

NASTY: tuple[Any, ...] = (
    *WORDS,
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e300, -1e300, 5e-324, 1.0, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)),
    *([], {}, [[]], [{}], {"": None}, [None] * 300),
    *(Raw(word) for word in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1", "1" + "0" * 30)),
    *(Raw(word) for word in ("9" * 5000, '"\\ud800"', '"\\udc00x"', '"\\u0000"', "'a'", "", "undefined", "//")),
    *(Raw("[" * n + "]" * n) for n in (63, 65, 500)),
    Raw("[" * 100_000),
    Raw('{"a":' * 500 + "1" + "}" * 500),
)

leaves = (
    st.sampled_from(NASTY).map(copy.deepcopy)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
"""Any value that Python could hold where a document's should be."""


def dumped(value: Any) -> str:
    """JSON of a tree in which some parts may be :class:`Raw` or :class:`Twice`."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Mapping):
        pairs = [*value.items(), *([value.again] if isinstance(value, Twice) else [])]
        return "{" + ", ".join(f"{json.dumps(name)}: {dumped(part)}" for name, part in pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumped, value)) + "]"
    return json.dumps(value)


def _paths(value: Any, here: Path = ()) -> Iterator[Path]:
    yield here
    if isinstance(value, Mapping) or (isinstance(value, list) and not isinstance(value, Raw)):
        for name in value if isinstance(value, Mapping) else range(len(value)):
            yield from _paths(value[name], (*here, name))


def _at(tree: Any, path: Path) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _nudged(value: Any) -> list[Any]:
    """Values that are almost this one, or this one as another type would have it."""
    near: list[Any] = [[value], {"value": value}, str(value)]
    if isinstance(value, bool):
        near += [int(value), not value]
    elif isinstance(value, (int, float)):
        near += [value + 1, value - 1, -value, value * 2, float(value) if abs(value) < 1e300 else value, value / 3]
        near += [int(value)] if abs(value) < 1e300 else []
    elif isinstance(value, str):
        near += [value[:-1], value + "0", value.upper(), f" {value}", f"{value}\n", value[::-1]]
    elif isinstance(value, list):
        near += [value[:-1], value[1:], value * 2, value[::-1], dict(enumerate(map(str, value)))]
    elif isinstance(value, Mapping):
        near += [list(value), list(value.values())]
    return near


@st.composite
def documents(draw: st.DrawFn, valid: Mapping[str, Any], seal: Callable[[Any], Any] | None = None) -> bytes:
    """A document with one to three things wrong in it.

    Args:
        valid: what it would be.
        seal: of the changed tree, gives it the digest that it now should have, as somebody would who wants to be
            believed; half of the documents are sealed.
    """
    tree = copy.deepcopy(dict(valid))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(_paths(tree))[1:]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        *above, name = path
        inside, old = _at(tree, tuple(above)), _at(tree, path)
        match draw(st.integers(0, 7)):
            case 0 | 1:
                inside[name] = draw(leaves)
            case 2 | 3:
                inside[name] = draw(st.sampled_from(_nudged(old)))
            case 4:
                del inside[name]
            case 5:
                inside[name] = copy.deepcopy(_at(tree, draw(st.sampled_from(paths))))
            case 6 if isinstance(inside, dict):
                inside[draw(st.sampled_from([w for w in WORDS if len(w) < 400]))] = inside.pop(name)
            case 7 if isinstance(inside, dict):
                made = Twice(inside)
                made.again = (name, draw(leaves))
                if not above:
                    tree = made
                else:
                    _at(tree, tuple(above[:-1]))[above[-1]] = made
    if seal is not None and draw(st.booleans()):
        with suppress(ValueError, RecursionError, KeyError, TypeError, AttributeError):  # nobody could seal it
            tree = seal(json.loads(dumped(tree)))
    return dumped(tree).encode("utf-8", "surrogatepass")


@st.composite
def spoiled(draw: st.DrawFn, valid: Sequence[bytes]) -> bytes:
    """One of some files with one to four things wrong in its bytes."""
    content = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 4))):
        size = len(content)
        at = draw(st.integers(0, size))
        match draw(st.integers(0, 6)):
            case 0 | 1 if at < size:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case 2:
                del content[at:]
            case 3:
                content[at:at] = draw(st.binary(max_size=12))
            case 4:
                start = draw(st.integers(0, size))
                content[at : at + 8] = content[start : start + draw(st.integers(0, 64))]
            case 5:
                content[at : at + 8] = draw(st.sampled_from([b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7]))
            case 6:
                del content[at : at + draw(st.integers(1, 64))]
    return bytes(content)


@st.composite
def archives(draw: st.DrawFn, members: Mapping[str, bytes], names: Sequence[str]) -> bytes:
    """A zip of some files in which members are spoiled, doubled, renamed, linked, squeezed or said to be larger.

    Args:
        members: name to content of a valid one.
        names: other names that somebody would try.
    """
    chosen = [(name, content) for name, content in members.items() if draw(st.integers(0, 9))]
    for _ in range(draw(st.integers(0, 2))):
        chosen.append(
            (draw(st.sampled_from([*names, *members])), draw(st.sampled_from([*members.values(), b"", b"x"])))
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in chosen:
            info = zipfile.ZipInfo(name)
            info.compress_type = draw(st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA]))
            if not draw(st.integers(0, 9)):
                info.external_attr, content = 0o120777 << 16, draw(st.sampled_from([b"/etc/passwd", b"../..", b"x"]))
            elif not draw(st.integers(0, 4)):
                content = draw(spoiled([content]))
            archive._didModify = True
            with _quietly(), archive.open(info, "w", force_zip64=not draw(st.integers(0, 9))) as file:
                file.write(content)
            if not draw(st.integers(0, 7)):
                info.file_size = draw(st.sampled_from([0, 1, 2**20, 2**31, 2**40]))
            if not draw(st.integers(0, 9)):
                info.CRC ^= 1
    made = out.getvalue()
    return made if draw(st.integers(0, 3)) else draw(spoiled([made]))


def _quietly() -> Any:
    import warnings

    caught = warnings.catch_warnings()
    warnings.simplefilter("ignore")
    return caught
