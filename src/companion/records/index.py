"""What was found out about the files of a store, so that what has not changed need not be looked at again.

It is a cache in SQLite, in the user's cache and never in the store: deleting it loses nothing, and where it cannot be
read or written, because it is locked, damaged, foreign or not there, everything goes on as if it were empty.

A line holds for the bytes with its digest alone, in this store, as this code judges them: each carries a *seal*, a
digest over the line, the store's place and the sources of the whole package, so that a line of other code, of another
store or with a flipped bit is none.  The seal is no signature: whoever can write into the user's cache can vouch for a
damaged file, and no more than that, as content is always read from the file itself.  ``companion verify`` never asks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from companion.files.digests import digest_of
from companion.project import user_cache

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Index", "Line"]

T = TypeVar("T")
PACKAGE = Path(__file__).parents[1]
TABLE = """CREATE TABLE line (
    shelf TEXT, name TEXT, signature TEXT, digest TEXT, voucher TEXT, facts TEXT, seal TEXT, PRIMARY KEY (shelf, name)
) WITHOUT ROWID"""
COLUMNS = "name, signature, digest, voucher, facts, seal"
LONGEST = 1 << 20
"""Bytes of a line at most."""
LARGEST = 1 << 32
"""Bytes of an index at most: a larger one is none of ours."""
PATIENCE = 2.0
"""Seconds to wait for another process that writes."""
PENDING, SOON = 500, 0.25
"""Lines that are written at once, and the seconds after which fewer are: who dies before loses no more than that."""
KEPT = 90 * 86_400
"""Seconds after which an index that nobody has written to goes, when another is made."""
LEFT_ALONE = {"PERM", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "FULL", "CANTOPEN", "PROTOCOL"}
"""What SQLite says where the file is none the worse: then there is no index for now."""


class Line(NamedTuple):
    """What is known of one file.

    Args:
        name: in its folder.
        signature: of the file as the system tells it without opening it; empty where that cannot be relied on.
        digest: SHA-256 of its bytes, in hex.
        voucher: what else it depends on: a digest of the records that vouch for it; empty where none must.
        facts: what was found in these bytes, as JSON.

    Example:
        >>> Line("a.json", signature="", digest="ab12", voucher="", facts="[5]").facts
        '[5]'
    """

    name: str
    signature: str
    digest: str
    voucher: str
    facts: str


class Index:
    """The lines of one store.  No method raises anything, whatever stands in the place of the file.

    Args:
        store: the folder of the records; it need not exist.
        file: of the index; by default in the user's cache, named after the place of the store.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     index = Index(Path(folder), Path(folder) / "index.sqlite")
        ...     index.keep("notes", Line("a.txt", "", "ab12", "", "[5]"))
        ...     index.flush()
        ...     index.line("notes", "a.txt").facts, index.line("notes", "b.txt")
        ('[5]', None)
    """

    def __init__(self, store: Path, file: Path | None = None) -> None:
        place = os.path.realpath(store)
        name = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.file = file or user_cache() / "index" / f"{name}.sqlite"
        # The code is what this process has just read: no line may vouch in the name of sources that came later.
        self._sealing = hashlib.sha256(repr((place, code())).encode())
        self._open: tuple[int, sqlite3.Connection] | None = None
        self._given_up = False
        self._pending: dict[tuple[str, str], Line | None] = {}
        self._flushed = time.monotonic()

    def line(self, shelf: str, name: str) -> Line | None:
        """What is known of one file; ``None`` if nothing."""
        if (shelf, name) in self._pending:
            return self._pending[shelf, name]
        return self.lines(shelf, name, name).get(name)

    def lines(self, shelf: str, first: str, last: str) -> dict[str, Line]:
        """What is known of the files of a shelf by name, from the first name to the last."""
        asked = f"SELECT {COLUMNS} FROM line WHERE shelf = ? AND name BETWEEN ? AND ?"
        rows = self._rows(asked, shelf, first, last)
        return {row[0]: Line(*row[:5]) for row in rows if row[5] == self._seal(shelf, row[:5])}

    def names(self, shelf: str) -> list[str]:
        """Names of all files of a shelf of which anything is said, whether or not it holds."""
        rows = self._rows("SELECT name FROM line WHERE shelf = ?", shelf)
        return [name for (name,) in rows if isinstance(name, str)]

    def _rows(self, asked: str, *values: str) -> list[Any]:
        none: list[Any] = []
        return self._do(lambda db: db.execute(asked, values).fetchall(), none)

    def keep(self, shelf: str, line: Line) -> None:
        """Note what is known of a file; it is written with others, or by :meth:`flush`."""
        self._note(shelf, line.name, line)

    def forget(self, shelf: str, name: str) -> None:
        """Know nothing of a file."""
        self._note(shelf, name, None)

    def _note(self, shelf: str, name: str, line: Line | None) -> None:
        self._pending[shelf, name] = line
        if len(self._pending) >= PENDING or time.monotonic() - self._flushed > SOON:
            self.flush()

    def flush(self) -> None:
        """Write what is noted, all of it or nothing."""
        pending, self._pending, self._flushed = self._pending, {}, time.monotonic()
        gone = [place for place, line in pending.items() if line is None]
        kept = [(shelf, *line, self._seal(shelf, line)) for (shelf, _), line in pending.items() if line is not None]

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany("DELETE FROM line WHERE shelf = ? AND name = ?", gone)
                db.executemany("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
                db.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    db.execute("ROLLBACK")
                raise

        if pending:
            self._do(write, None)

    def _seal(self, shelf: str, line: Iterable[object]) -> str:
        seal = self._sealing.copy()
        seal.update(repr((shelf, *map(str, line))).encode())
        return seal.hexdigest()[:32]

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Something done with the index; where it cannot be done, ``otherwise``.

        A file that is damaged or foreign is deleted, and a new one made, once.
        """
        for _ in range(2):
            try:
                db = self._connected()
                return otherwise if db is None else work(db)
            except Exception as error:  # whatever a file that somebody made provokes
                self._close()
                if _harmless(error) or not self._deleted():
                    break
        self._given_up = True
        return otherwise

    def _connected(self) -> sqlite3.Connection | None:
        """The index, open in this process; ``None`` where there is to be none."""
        if self._given_up:
            return None
        if self._open is None or self._open[0] != os.getpid():  # SQLite cannot go on in a child process
            self._open = os.getpid(), _connect(self.file)
        return self._open[1]

    def _close(self) -> None:
        if self._open is not None and self._open[0] == os.getpid():
            with suppress(Exception):
                self._open[1].close()
        self._open = None

    def _deleted(self) -> bool:
        """Whether what stood in the place of the index is gone."""
        try:
            for file in (self.file.with_name(f"{self.file.name}-journal"), self.file):
                file.unlink(missing_ok=True)
        except OSError:
            return False
        return True


@functools.cache
def code() -> str:
    """SHA-256 of all sources and data of the package: whatever changes in them may change what a file is worth."""
    files = sorted(file for file in PACKAGE.rglob("*") if file.suffix in (".py", ".json", ".csv") and file.is_file())
    return digest_of(files, PACKAGE)


class ForeignError(Exception):
    """What stands there is no index of ours."""


def _harmless(error: Exception) -> bool:
    """Whether an error says nothing against the file."""
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, (OSError, ImportError)) or name.removeprefix("SQLITE_").split("_")[0] in LEFT_ALONE


def _connect(file: Path) -> sqlite3.Connection:
    """An index, made where it is missing; errors of all kinds where it cannot be had."""
    import sqlite3  # a Python may lack it

    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        found = file.lstat()  # opening a pipe could wait for ever, and a link may lead anywhere
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise ForeignError
    db = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        # No write-ahead log: its shared memory does not work where a home is on a network.  No sync: the worst that
        # comes of a machine that dies is an index that is damaged, and made anew.
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = OFF", "journal_mode = DELETE"):
            db.execute(f"PRAGMA {setting}")
        if (made := db.execute("SELECT sql FROM sqlite_master").fetchall()) == []:
            _drop_old(file.parent)
            db.execute(TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
            made = db.execute("SELECT sql FROM sqlite_master").fetchall()
        if made != [(TABLE,)]:
            raise ForeignError
    except BaseException:
        db.close()
        raise
    return db


def _drop_old(folder: Path) -> None:
    """Delete what is left of stores of which nobody has asked for long."""
    for file in folder.glob("*.sqlite"):
        with suppress(OSError):
            if file.lstat().st_mtime < time.time() - KEPT:
                file.unlink()
