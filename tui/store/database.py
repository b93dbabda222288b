"""Connections to one opencode database: short reads that cannot write, writes with asserted rules.

WAL databases write even when they are only looked at: the last read-write connection to close
folds the WAL in and deletes it. Reading therefore opens the file read-only, so that browsing leaves
every byte of database and WAL as it was. No connection outlives its `with` block: an idle
transaction would pin opencode's WAL.

Nobody here opens the database with `open()`: closing such a descriptor drops the POSIX locks of
every SQLite connection in the process (sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
from peewee import DatabaseError, OperationalError
from playhouse.apsw_ext import APSWDatabase

from tui.errors import NoRoom, NotNow, OcduError, Refused
from tui.sizes import FileSizes
from tui.store import schema
from tui.store.query import scalar
from tui.store.schema import Schema
from tui.store.unwritable import Lockless, first_hindrance, needs_care

BUSY_TIMEOUT = 5.0
"""Seconds to wait for a lock: what opencode itself uses."""

INCREMENTAL = 2
"""SQLite's number for auto_vacuum=INCREMENTAL."""

SQLITE_EXCEPTIONS = (apsw.Error, DatabaseError)
"""What a statement may raise: apsw's own from raw statements, peewee's from queries."""


class Store:
    """One opencode database file. Cheap to make; opens nothing until asked."""

    def __init__(self, path: Path, *, read_only: bool = False, force: bool = False) -> None:
        """`force` allows writing on a network file system, where locks may not hold."""
        self.path = path.resolve()  # SQLite keeps -wal and -shm beside the file, not the link
        self.read_only = read_only
        self.force = force
        quoted = "file:" + quote(os.fsencode(self.path), safe="/\\:")
        self._lockless = Lockless(quoted, self.path)
        self._reader = APSWDatabase(
            quoted + "?mode=ro",
            timeout=BUSY_TIMEOUT,
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            pragmas={"query_only": "ON"},
        )
        self._writer = APSWDatabase(
            quoted + "?mode=rw",
            timeout=BUSY_TIMEOUT,
            flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI,
            pragmas={"foreign_keys": "ON", "secure_delete": "OFF", "synchronous": "NORMAL"},
        )

    @cached_property
    def schema(self) -> Schema:
        """What this file contains, found once; raises OcduError when it is not opencode's."""
        with self.reading() as db:
            return schema.discover(db.connection())

    @property
    def refusal(self) -> str | None:
        """Why nothing may be written here, as a sentence; None when writing is allowed."""
        if self.read_only:
            return "ocdu runs with --read-only: nothing is changed."
        if self.schema.refusal:
            return self.schema.refusal
        if hindered := first_hindrance(self.path, self.path.parent):
            return f"{hindered}: nothing can be changed here, only looked at."
        network = schema.network_file_system(self.path)
        if network and not self.force:
            return (
                f"{self.path} lies on a network file system ({network}), where SQLite's locks "
                "may not hold: nothing is changed. Use --force if only this machine uses it."
            )
        return None

    @contextmanager
    def reading(self) -> Iterator[APSWDatabase]:
        """A connection of this thread that cannot write; closed at the end of the block.

        Raises NotNow where the file cannot be locked and was written to meanwhile (`unwritable`).
        """
        joined = self._lockless.connected()
        if joined is not None:
            yield joined
        elif self._reader.is_closed() and needs_care(self.path):
            with self._lockless.reading() as db:
                yield db
        else:
            with _connected(self._reader, self.path) as db:
                yield db

    @contextmanager
    def writing(self) -> Iterator[APSWDatabase]:
        """A read-write connection of this thread with the rules of every write asserted.

        Raises Refused where writing is not allowed. The journal mode is opencode's business, and
        commits are synced as opencode's own are (NORMAL): a power cut may take the newest ones
        back, never damage the file. Who must rely on a commit calls `sync`.
        """
        is_nested = not self._writer.is_closed()
        if not is_nested:
            # opencode may have upgraded the file since we looked: a new table would be emptied by
            # cascade without a copy, and a newer schema must not be written at all.
            self.__dict__.pop("schema", None)
        if self.refusal:
            raise NotNow(self.refusal)
        with _connected(self._writer, self.path) as db:
            connection = db.connection()
            # opencode leaves its WAL behind, too; folding it in at every close would cost an fsync
            # of the whole file, and a moment in which nobody can open it.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            assert_write_rules(connection)
            yield db

    def sync(self) -> None:
        """Wait until everything committed so far is on the disk.

        Opening the -wal file is harmless: SQLite's locks are on the database and its -shm file.
        """
        wal = wal_of(self.path)
        if wal.exists():
            descriptor = os.open(wal, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def sizes(self) -> FileSizes:
        """File, WAL and page counts from stat() and the header: milliseconds, no lock kept."""
        with self.reading() as db:
            connection = db.connection()
            page_size, pages, free, auto_vacuum = (
                scalar(connection, f"PRAGMA {name}")
                for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
            )
            trees = scalar(connection, "SELECT count(*) + 1 FROM sqlite_schema WHERE rootpage > 0")
        return FileSizes(
            bytes=self.path.stat().st_size,
            wal_bytes=file_size(wal_of(self.path)),
            page_size=page_size,
            page_count=pages,
            free_pages=free,
            b_trees=trees,
            incremental=auto_vacuum == INCREMENTAL,
        )


def assert_write_rules(connection: apsw.Connection) -> None:
    """Foreign keys on, secure_delete off, a busy timeout: raises OcduError when one did not take.

    Without foreign keys a delete leaves orphans behind (facts on opencode's storage, 4a); with
    secure_delete on it takes 3.4 times as long and writes six times the WAL.
    """
    wanted = {"foreign_keys": 1, "secure_delete": 0, "busy_timeout": int(BUSY_TIMEOUT * 1000)}
    for name, value in wanted.items():
        found = scalar(connection, f"PRAGMA {name}")
        if found != value:
            raise OcduError(f"SQLite did not accept {name}={value} (it says {found}).")


@contextmanager
def transaction(connection: apsw.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """BEGIN … COMMIT; rolled back when the block raises. IMMEDIATE locks every attached file."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already; a second ROLLBACK would hide the real error.
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _connected(db: APSWDatabase, path: Path) -> Iterator[APSWDatabase]:
    """Connect for the length of the block, or join a block of the same thread around it."""
    if not db.is_closed():
        yield db
        return
    try:
        db.connect()
    except SQLITE_EXCEPTIONS as error:
        raise explained(error, path) from error
    try:
        yield db
    finally:
        db.close()


def open_store(path: Path, *, read_only: bool = False, force: bool = False) -> Store:
    """A Store whose file was looked at: every shape of bad input becomes its sentence here."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(
            f"There is no database at {path}. Name one with --db, or try `ocdu demo`."
        ) from None
    except OSError as error:
        raise Refused(f"{path} cannot be reached: {error.strerror}. Name another file.") from error
    if stat.S_ISDIR(found.st_mode):
        raise Refused(f"{path} is a directory, not a database: name the file, e.g. with --db.")
    if found.st_size == 0 and not wal_of(path).exists():
        raise Refused(f"{path} is empty: opencode has not written to it yet.")
    if not os.access(path, os.R_OK):
        raise Refused(f"{path} is not readable for you: check its permissions.")
    store = Store(path, read_only=read_only, force=force)
    try:
        _ = store.schema
    except SQLITE_EXCEPTIONS as error:
        raise explained(error, path) from error
    return store


def explained(error: Exception, path: Path) -> OcduError:
    """The sentence for an SQLite error on this file; what is no fault of the deed may pass."""
    if isinstance(error, OcduError):
        return error
    found = _explained(error, path)
    found.may_pass = True
    return found


def _explained(error: Exception, path: Path) -> OcduError:
    if isinstance(error, OSError):
        where = error.filename or path
        return OcduError(f"{where}: {error.strerror or error}. Check the disk, then try again.")
    text = str(error)
    name = type(error).__name__ + " " + type(error.__cause__).__name__
    if "CantOpen" in name and not path.exists():
        return Refused(f"{path} is gone: somebody moved or deleted it while ocdu had it open.")
    if "NotADB" in name or "not a database" in text:
        return Refused(f"{path} is not an SQLite database (or it is encrypted): nothing was read.")
    if "unsupported file format" in text:
        return Refused(
            f"{path} is of an SQLite format nobody here knows: it is damaged, or from the future."
        )
    if "Corrupt" in name or "malformed" in text:
        return Refused(
            f"{path} is damaged ({text}). Copy it before anything else, then try "
            "`sqlite3 DB .recover`; ocdu changes nothing in it."
        )
    if "Busy" in name or "Locked" in name or "locked" in text:
        return Refused(f"{path} is locked by another program for longer than 5 s: try again later.")
    if "Full" in name or "disk is full" in text:
        return NoRoom(f"The disk of {path} is full; the step was rolled back and nothing lost.")
    if any(sign in name + text for sign in ("CantOpen", "unable to open", "ReadOnly", "readonly")):
        return Refused(
            f"{path} cannot be opened ({text}): SQLite needs to write its -shm file beside it. "
            "On a read-only disk, copy the database with its -wal file and use --db."
        )
    if "IOError" in name or isinstance(error, OperationalError):
        return OcduError(f"Reading {path} failed: {text}. Check the disk, then try again.")
    return OcduError(f"{path}: {text.rstrip('.')}.")


def wal_of(path: Path) -> Path:
    """The write-ahead log that belongs to a database file."""
    return path.with_name(path.name + "-wal")


def file_size(path: Path) -> int:
    """Octets of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def as_text(value: Any) -> str:
    """Text of a column that was read as BLOB: undecodable bytes become U+FFFD, never an error."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
