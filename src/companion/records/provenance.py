"""Where a record comes from: code, machine, libraries, data, time."""

from __future__ import annotations

import functools
import platform
import resource
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from companion.data import DATASETS
from companion.files.digests import digest_of
from companion.files.revision import of_the_code
from companion.runs.spec import RunSpec

__all__ = ["device_name", "processor", "provenance", "refuse_changed", "sources", "sources_digest"]

PACKAGE = Path(__file__).parents[1]
TRAINING_PATH = (
    "notation.py",
    "networks",
    "data",
    "runs",
    "kernels",
    "measure",
    "training",
)


def provenance(
    backend: str, device: str, threads: int, spec: RunSpec, seconds: float, code: Sequence[str] = ()
) -> dict[str, Any]:
    """The provenance of a run that ends now.

    Args:
        backend: name of the backend.
        device: torch device on which it ran.
        threads: CPU threads it had.
        spec: the run.
        seconds: wall-clock seconds, this run's share where several were trained together.
        code: digests of the sources that trained it so far, if it was interrupted; those that are not today's are
            named as ``sources_before``.
    """
    import torch

    revision, dirty = _revision()
    before = [digest for digest in dict.fromkeys(code) if digest != sources_digest()]
    return {
        "sources": sources_digest(),
        **({"sources_before": before} if before else {}),
        "revision": revision,
        "dirty": dirty,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": device_name(device),
        "threads": threads,
        "peak_mib": _peak_mib(device),
        "backend": backend,
        "precision": spec.precision,
        "seconds": seconds,
        "dataset": DATASETS[spec.dataset].digest,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _peak_mib(device: str) -> int:
    """Most memory that this process has held so far, on the GPU where there is one, in MiB."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@functools.cache
def sources() -> Mapping[Path, bytes]:
    """The sources on which a run's numbers depend, as this process has read them: once, whatever they become.

    What is compiled late is compiled of these bytes, as the digest is of them.

    Example:
        >>> sorted({path.suffix for path in sources()})
        ['.c', '.h', '.py']
    """
    files: list[Path] = []
    for name in TRAINING_PATH:
        path = PACKAGE / name
        files += sorted(f for f in path.rglob("*") if f.suffix in (".py", ".c", ".h")) if path.is_dir() else [path]
    return {file: file.read_bytes() for file in files}


@functools.cache
def sources_digest() -> str:
    """SHA-256 (first sixteen digits) of the sources on which a run's numbers depend.

    Example:
        >>> len(sources_digest())
        16
    """
    return digest_of(sources(), PACKAGE, read=sources().__getitem__)[:16]


def refuse_changed(file: Path) -> None:
    """Refuse a source that was imported late, unless it still is what the digest is of.

    Args:
        file: one of :func:`sources`, imported just now.

    Raises:
        OSError: it has another content than this process read when it began.
    """
    if file.read_bytes() != sources()[file]:
        raise OSError(f"{file.name} has changed since this process began, whose records would name what it was before")


@functools.cache
def device_name(device: str) -> str:
    """The device as people know it, e.g. the model name of the processor or GPU."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return processor("model name")


def processor(*fields: str) -> str:
    """The value of the first line about the processor that begins with one of ``fields``, where the system has one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(fields))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@functools.cache
def _revision() -> tuple[str | None, bool | None]:
    """The code's revision and whether the package had changes; nothing where it is not in its own repository."""
    found = of_the_code()
    return (None, None) if found is None else (found.commit, found.changed)
