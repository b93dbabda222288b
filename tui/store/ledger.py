"""ocdu's own database: pins, journal, usage history, watermarks and consent. Never opencode's.

One file for all opencode databases of a user (0600 in a 0700 folder); every row names the database
it is about. Trash batches lie beside it as files of their own.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import apsw
import platformdirs
from peewee import CompositeKey, IntegerField, Model, TextField
from playhouse.apsw_ext import APSWDatabase

from tui.errors import NotNow, OcduError, Refused
from tui.store.journal import Entry, Journal
from tui.store.ledger_copy import is_hidden, read_only_ledger
from tui.store.query import answers
from tui.store.unwritable import first_hindrance

HISTORY_STEP = 600_000
"""Milliseconds between two entries of the usage history: enough for a curve of days."""


JOURNAL = "ledger.db-journal"
"""What SQLite writes before it changes the ledger; it stays there."""


class Pin(Model):
    database = TextField()
    session = TextField()

    class Meta:
        primary_key = CompositeKey("database", "session")


class Size(Model):
    database = TextField()
    time = IntegerField()
    bytes = IntegerField()

    class Meta:
        primary_key = CompositeKey("database", "time")


class Note(Model):
    """Small facts by name: consent, watermarks."""

    database = TextField()
    name = TextField()
    value = TextField()

    class Meta:
        primary_key = CompositeKey("database", "name")


def default_folder() -> Path:
    """The user's data folder of ocdu (`$XDG_DATA_HOME/ocdu` on Linux)."""
    return Path(platformdirs.user_data_dir("ocdu", appauthor=False))


class Ledger(Journal):
    """ocdu's memory of one opencode database. Opens its file at the first question."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        self.database = str(database.resolve())
        # No log and no shared memory beside it: on a full disk it can still be read, and written
        # as far as the rollback journal that was left in place reaches.
        pragmas = {
            "journal_mode": "persist",
            "journal_size_limit": 1_000_000,
            "synchronous": "FULL",
        }
        self._db = APSWDatabase(str(self._file), timeout=5.0, pragmas=pragmas)
        self._made = False
        self._making = threading.Lock()

    @cached_property
    def refusal(self) -> str | None:
        """Why nothing can be kept here, and so nothing be changed, as a sentence; None where it
        can. Looked up once: how the file is opened depends on it."""
        there = next(p for p in (self.folder, *self.folder.parents) if os.path.exists(p))
        own = [self._file, self._file.with_name(JOURNAL)]
        own = [each for each in own if os.path.exists(each)]
        hindered = first_hindrance(there, *own)
        if hindered is None and not there.is_dir():
            hindered = f"{there} is not a folder"
        if hindered is None:
            return None
        unseen = ", and pins and past jobs are not seen" if is_hidden(self._file) else ""
        return (
            f"{hindered}: nothing can be changed here, only looked at, for ocdu notes every change "
            f"there first{unseen}. Make it writable for you and start ocdu again, or set "
            "XDG_DATA_HOME."
        )

    @property
    def _file(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def trash_folder(self) -> Path:
        """Where trash batches lie."""
        return self.folder / "trash"

    def _connection(self) -> Any:
        """A context in which this thread is connected; makes the file the first time."""
        with self._making:
            if not self._made:
                self._make()
                self._made = True
        return self._db.connection_context()

    def _make(self) -> None:
        models = (Pin, Entry, Size, Note)
        if self.refusal:
            self._db = read_only_ledger(self._file, models)
            return
        self._own(self._file)
        with self._db.connection_context(), self._db.bind_ctx(models):
            self._db.create_tables(models, safe=True)
            self._add_columns()

    def _own(self, path: Path) -> None:
        """Make a file of ours, unless it is there. Raises OcduError where that is not possible."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise OcduError(
                f"ocdu cannot use its own folder {self.folder} ({error.strerror}): make it "
                "writable for you, or set XDG_DATA_HOME."
            ) from error

    @contextmanager
    def exclusive(self, patience: float = 5.0) -> Iterator[None]:
        """Be the only ocdu that writes to this database; Refused while another one does, and where
        nothing can be kept.

        The lock is SQLite's, on a file of ours: it works everywhere and ends with the process.
        """
        name = hashlib.sha256(self.database.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        path = self.folder / f"busy-{name}.lock"
        if self.refusal:
            raise NotNow(self.refusal)
        self._own(path)
        lock = apsw.Connection(str(path))
        try:
            lock.set_busy_timeout(int(patience * 1000))
            try:
                # Nothing is ever committed here: without a journal file a full disk is no obstacle.
                lock.execute("PRAGMA journal_mode=MEMORY").fetchall()
                lock.execute("BEGIN EXCLUSIVE")
            except apsw.BusyError as error:
                raise Refused(_who_is_at_work(path)) from error
            yield
        finally:
            lock.close()

    def undisturbed(self) -> AbstractContextManager[None]:
        """For reading what a job of ours may be working on; where nothing can be kept none is."""
        return nullcontext() if self.refusal else self.exclusive()

    # pins

    def pins(self) -> frozenset[str]:
        """Ids of pinned sessions."""
        with self._connection():
            query = Pin.select(Pin.session).where(Pin.database == self.database)
            return frozenset(id for (id,) in answers(query, self._db))

    def pin(self, ids: Iterable[str]) -> None:
        """Protect these sessions from every plan that does not name them."""
        rows = [{"database": self.database, "session": id} for id in ids]
        with self._connection():
            for row in rows:
                Pin.insert(row).on_conflict_ignore().bind(self._db).execute()

    def unpin(self, ids: Iterable[str]) -> None:
        """Take the protection back."""
        with self._connection():
            for id in ids:
                mine = (Pin.database == self.database) & (Pin.session == id)
                Pin.delete().where(mine).bind(self._db).execute()

    # usage history

    def remember(self, total_bytes: int, now: int) -> None:
        """Keep the size of database and WAL for the curve; at most one entry per HISTORY_STEP.
        Where nothing can be kept there is no curve."""
        if self.refusal:
            return
        step = now - now % HISTORY_STEP
        with self._connection():
            row = {"database": self.database, "time": step, "bytes": total_bytes}
            Size.insert(row).on_conflict_replace().bind(self._db).execute()

    def history(self, since: int = 0) -> list[tuple[int, int]]:
        """(time ms, octets on disk), oldest first."""
        with self._connection():
            query = (
                Size.select(Size.time, Size.bytes)
                .where((Size.database == self.database) & (Size.time >= since))
                .order_by(Size.time)
            )
            return answers(query, self._db)

    # notes

    def note(self, name: str) -> str | None:
        """A small fact by name."""
        with self._connection():
            query = Note.select(Note.value).where(
                (Note.database == self.database) & (Note.name == name)
            )
            value = query.bind(self._db).scalar()
        return None if value is None else str(value)

    def set_note(self, name: str, value: str) -> None:
        """Keep a small fact."""
        with self._connection():
            row = {"database": self.database, "name": name, "value": value}
            Note.insert(row).on_conflict_replace().bind(self._db).execute()

    def consent(self) -> bool | None:
        """Whether the background reclaim may write to this database; None when not yet asked."""
        value = self.note("consent")
        return None if value is None else value == "yes"

    def set_consent(self, given: bool) -> None:
        """Keep the answer."""
        self.set_note("consent", "yes" if given else "no")

    def greets(self) -> bool:
        """True once for each user, whatever the database: whether to explain the first screen.
        Never where it could not be kept that it was explained."""
        if self.refusal:
            return False
        row = {"database": "", "name": "greeted", "value": "yes"}
        with self._connection():
            query = Note.select(Note.value).where((Note.database == "") & (Note.name == "greeted"))
            if query.bind(self._db).scalar() is not None:
                return False
            Note.insert(row).on_conflict_replace().bind(self._db).execute()
        return True

    def watermark(self, name: str) -> int:
        """How far a background search has come (ms of `time_updated`)."""
        return int(self.note(f"watermark:{name}") or 0)

    def set_watermark(self, name: str, value: int) -> None:
        """Keep how far it has come."""
        self.set_note(f"watermark:{name}", str(value))

    # tables kept elsewhere

    @contextmanager
    def tables(self, *models: type[Model]) -> Iterator[APSWDatabase]:
        """A connection of this thread, with these further tables made where they are missing,
        and where something can be kept."""
        with self._connection():
            if self.refusal is None:
                with self._db.bind_ctx(models):
                    self._db.create_tables(models, safe=True)
            yield self._db


def _who_is_at_work(lock: Path) -> str:
    """The sentence for whoever has to wait, with the process it waits for where it can be seen."""
    from tui.store.holders import holders  # not before the first picture

    found = holders(lock, probe=False)
    who = f" (process {found[0].pid})" if found else ""
    return f"Another ocdu{who} is at work on this database: wait until it ends, then try again."
