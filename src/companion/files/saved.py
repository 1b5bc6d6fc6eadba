"""What ``torch.save`` wrote, from anywhere: no code of it runs, and it takes no more memory than it has bytes.

``torch.load`` with ``weights_only`` runs no code.  It believes what a file says of sizes all the same: an archive that
is compressed, a buffer of a thousand million bytes that the file does not hold, a tensor whose numbers are all the same
one in memory.  None of these is in a file that ``torch.save`` writes of states.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import torch

from companion.files.quoting import brief

__all__ = ["PLAIN", "SavedError", "load"]

PLAIN = frozenset(
    {"torch._utils _rebuild_tensor_v2", "collections OrderedDict"}
    | {f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Bool")}
    | {f"torch {kind}Storage" for kind in ("Byte", "Char", "Short", "Int", "Long")}
)
"""What the file of a state of training names: tensors, and objects that keep their order."""
ARCHIVE = b"PK\x03\x04"
"""How one begins."""
BUFFERS = frozenset({"builtins bytearray", "__builtin__ bytearray"})
"""What takes memory by a number alone, and :mod:`torch` allows."""


class SavedError(ValueError):
    """It is no such file; the message says in one line why not."""


def load(content: bytes, names: Collection[str] | None = PLAIN) -> Any:
    """What was saved, on the CPU.

    Args:
        content: the file.
        names: of functions and classes that it may name; ``None`` is all that ``torch.load`` allows and that take no
            memory by a number alone, in files of older versions too.

    Raises:
        SavedError: it is no archive of ``torch.save``, is damaged, names something else, or has a tensor that is larger
            than its memory.
    """
    try:
        if names is None and not content.startswith(ARCHIVE):
            _refuse_older(content)
        else:
            _refuse(content, names)
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except SavedError:
        raise
    except Exception as error:  # whatever bad bytes provoke in the decoders
        raise SavedError(f"it is no file that torch.save wrote ({brief(str(error))[1:-1]})") from None
    for tensor in _tensors(found) if names is not None else ():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise SavedError(f"a tensor of shape {brief(list(tensor.shape))} is larger than its memory")
    return found


def _refuse_older(content: bytes) -> None:
    """The same of a file as it was written before there were archives: five pickles, and numbers behind them."""
    stream = io.BytesIO(content)
    for _ in range(5):
        for name in BUFFERS.intersection(_named(stream)):
            raise SavedError(f"it names {brief(name)}, which no state of training has")


def _refuse(content: bytes, names: Collection[str] | None) -> None:
    """Nothing, where an archive is as ``torch.save`` writes it, to the checksums, which ``torch.load`` ignores."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = archive.infolist()
        if len({info.filename.lower() for info in files}) < len(files):
            raise SavedError("it names a member twice")
        if any(info.compress_type != zipfile.ZIP_STORED for info in files):
            raise SavedError("it is compressed, which torch.save does not do")
        if sum(info.file_size for info in files) > len(content):
            raise SavedError("its members lie in each other")
        if (member := archive.testzip()) is not None:
            raise SavedError(f"wrong checksum of {brief(member)}")
        for info in files:
            if info.filename.lower().endswith(".pkl"):
                for name in _named(archive.read(info)):
                    if name in BUFFERS or (names is not None and name not in names):
                        raise SavedError(f"it names {brief(name)}, which no state of training has")


def _named(pickled: bytes | BinaryIO) -> Iterator[str]:
    """The functions and classes that a pickle names, as ``module name``."""
    for operation, argument, _ in pickletools.genops(pickled):
        if operation.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif operation.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            yield operation.name  # torch.save writes none, and torch.load takes none


def _tensors(found: Any) -> Iterator[torch.Tensor]:
    """All tensors in lists and objects, which may hold each other."""
    left, seen = [found], set[int]()
    while left:
        one = left.pop()
        if isinstance(one, torch.Tensor):
            yield one
        elif isinstance(one, (dict, list, tuple, set)) and id(one) not in seen:
            seen.add(id(one))
            left += [*one, *one.values()] if isinstance(one, dict) else one
