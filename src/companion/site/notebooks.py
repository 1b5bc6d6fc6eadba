"""Notebooks as files: read their parameters, execute them with papermill, clean what comes out."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from companion.files import whole
from companion.files.documents import DocumentError, parse, regular
from companion.files.quoting import brief, one_line
from companion.project import DOWNLOADS, ROOT, STORE

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["NotebookError", "clean", "execute", "kernels", "parameters", "read", "write"]

LARGEST = 1 << 26
"""Bytes that a notebook may have."""
BAD = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError)
"""What Python's own parser raises at text that is no literal."""
PARAMETERS, INJECTED = "parameters", "injected-parameters"


class NotebookError(RuntimeError):
    """A notebook that cannot be read, or whose execution failed; the message names the notebook and the cell."""


def read(path: Path) -> NotebookNode:
    """The notebook at ``path``.

    Raises:
        NotebookError: there is none, or it is damaged.
    """
    import nbformat

    name = one_line(path.name)
    if not os.path.lexists(path):
        raise NotebookError(f"the notebook {name} is not in {path.parent}")
    try:
        content = regular(path, LARGEST)
        parse(content)  # which takes less than nbformat would
        found = nbformat.convert(nbformat.reader.reads(content.decode()), 4)
        nbformat.validate(found)  # nbformat.read only writes into a log what does not fit
    except DocumentError as error:
        raise NotebookError(f"the notebook {name} is damaged: {error}") from None
    except Exception as error:  # nbformat passes on whatever its schema raises
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotebookError(f"the notebook {name} is damaged: {brief(said)[1:-1]}") from None
    return found


def parameters(notebook: NotebookNode) -> dict[str, Any]:
    """Name and default of each parameter, from the one cell tagged ``parameters``, in its order.

    Raises:
        NotebookError: no such cell, more than one, or one that holds more than plain assignments of literals.
    """
    cells = [cell for cell in notebook.cells if PARAMETERS in cell.metadata.get("tags", ())]
    if len(cells) != 1:
        raise NotebookError(f"a chapter has exactly one cell tagged {PARAMETERS}, not {len(cells)}")
    found: dict[str, Any] = {}
    source = cells[0].source
    try:
        lines = ast.parse(source).body
    except BAD as error:
        raise NotebookError(f"the cell of {PARAMETERS} is no Python ({type(error).__name__})") from None
    for line in lines:
        try:
            match line:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found[name] = ast.literal_eval(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    found[name] = ast.literal_eval(value)
                case _:
                    raise ValueError
        except BAD:
            said = brief(ast.get_source_segment(source, line))
            raise NotebookError(f"in the cell of parameters, {said} assigns no literal") from None
    return found


DRAWING = "image/svg+xml"
DATED = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
NAMED = re.compile(r' id="(\w*[0-9a-f]{10})"')
"""What matplotlib names by chance: markers, clips and pictures that a drawing uses again."""

KERNEL = [
    "--log-level=CRITICAL",  # the kernel's own log, which is not the notebook's
    "--InlineBackend.figure_formats=svg",
]
"""Arguments of a kernel: figures are drawings, sharp at every size."""


def execute(
    path: Path,
    *,
    root: Path,
    store: Path,
    downloads: Path,
    values: Mapping[str, Any] | None = None,
    warm: bool = False,
    threads: int | None = None,
) -> NotebookNode:
    """Run a notebook in a new kernel of this very environment; it writes no file but those that it offers.

    Args:
        path: the notebook; its folder is the working directory.
        root: the project that it finds.
        store: the records that it shows.
        downloads: where it leaves the files that it offers.
        values: parameters other than the defaults; they are injected in a cell of their own.
        warm: whether the libraries are imported once for all notebooks that this process executes.
        threads: CPU threads of the kernel where others work beside it; a user's own ``OMP_NUM_THREADS`` goes first.

    Returns:
        The executed notebook, cleaned.

    Raises:
        NotebookError: a cell failed; the message has its number and error.
        KeyboardInterrupt: the notebook was interrupted.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from traitlets.config import Config

    from companion.site.warm import AsyncWarmManager

    notebook = read(path)
    where = {ROOT: root, STORE: store, DOWNLOADS: downloads}
    try:
        extra = {name: str(Path(folder).absolute()) for name, folder in where.items()}
        if threads is not None:
            extra["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(threads))
        with kernels(extra) as options:
            done = papermill.execute_notebook(
                notebook,
                None,
                parameters=dict(values or {}),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                cwd=path.parent,
                extra_arguments=KERNEL,
                **({"kernel_manager_class": AsyncWarmManager} if warm else {}),
                config=Config(KernelManager=dict(options)),
            )
    except DeadKernelError:
        raise NotebookError(f"{path.name} failed: its kernel died") from None
    except papermill.PapermillExecutionError as error:
        if error.ename == "KeyboardInterrupt":
            raise KeyboardInterrupt from None
        raise NotebookError(f"{path.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}") from None
    return clean(done)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run and says nothing: times, versions, papermill's notes, empty tags.

    In a drawing that is its time, and names that are chosen by chance.
    """
    notebook.metadata = type(notebook.metadata)(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for cell in notebook.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if INJECTED in cell.metadata.get("tags", ()):
            cell.metadata["tags"] = [INJECTED, "remove-cell"]
            cell["id"] = INJECTED
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        for output in cell.get("outputs", ()):
            if DRAWING in output.get("data", {}):
                output["data"][DRAWING] = _drawing(output["data"][DRAWING])
    return notebook


def _drawing(text: str) -> str:
    """A drawing without the time at which it was made, its parts named in their order."""
    text = DATED.sub("", text)
    names = {name: f"part-{i}" for i, name in enumerate(dict.fromkeys(NAMED.findall(text)), 1)}
    return re.sub("|".join(names), lambda found: names[found[0]], text) if names else text


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, whole or not at all.

    Raises:
        NotebookError: the folder cannot be written to.
    """
    import nbformat

    try:
        whole.write(path, nbformat.writes(notebook).rstrip() + "\n")
    except OSError as error:
        raise NotebookError(f"cannot write {path} ({error.strerror or error})") from None


@contextmanager
def kernels(extra: Mapping[str, str] = MappingProxyType({})) -> Iterator[Mapping[str, str]]:
    """An environment in which ``python3`` is this environment's kernel, whatever the user has set up for Jupyter.

    Yields options for a kernel manager: its kernel talks over sockets in an empty folder, which no other process is
    given, so that none races for a port; the folder vanishes afterwards.

    Args:
        extra: more variables.
    """
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="companion-") as empty:
        for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
            os.environ.pop(name, None)
        os.environ.update(
            extra,
            JUPYTER_PREFER_ENV_PATH="1",
            JUPYTER_NO_CONFIG="1",
            JUPYTER_RUNTIME_DIR=empty,
            IPYTHONDIR=empty,  # no start-up files, no history
            MATPLOTLIBRC=os.devnull,  # figures look as they are meant to, whatever a user has set up for others
            PYDEVD_DISABLE_FILE_VALIDATION="1",
        )
        short = os.name == "posix" and len(empty) < 80  # the name of a socket has about 100 characters
        try:
            yield {"transport": "ipc", "ip": f"{empty}/kernel"} if short else {}
        finally:
            os.environ.clear()
            os.environ.update(before)
