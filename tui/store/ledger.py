"""ocdu's own database: pins, journal, usage history, watermarks and consent. Never opencode's.

One file for all opencode databases of a user (0600 in a 0700 folder); every row names the database
it is about. Trash batches lie beside it as files of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import platformdirs
from peewee import (
    AutoField,
    CompositeKey,
    IntegerField,
    Model,
    TextField,
    fn,
)
from playhouse.apsw_ext import APSWDatabase

from tui.errors import Refused
from tui.store.query import answers

HISTORY_STEP = 600_000
"""Milliseconds between two entries of the usage history: enough for a curve of days."""


GIVING_BACK = ("vacuum", "checkpoint", "files", "empty")
"""Jobs after which the disk has more room."""


class Pin(Model):
    database = TextField()
    session = TextField()

    class Meta:
        primary_key = CompositeKey("database", "session")


class Entry(Model):
    """One job in the journal."""

    id = AutoField()
    database = TextField(index=True)
    time = IntegerField()
    verb = TextField()
    title = TextField()
    state = TextField()
    message = TextField(default="")
    payload_bytes = IntegerField(default=0)
    predicted_bytes = IntegerField(default=0)
    freed_bytes = IntegerField(default=0)
    batch = TextField(null=True)
    undo = TextField(null=True)
    """JSON that undoes the job; NULL when nothing can."""


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


class JournalEntry(NamedTuple):
    """One job as the Jobs screen and `ocdu undo` see it. `undo` is what reverses it, or None."""

    id: int
    time: int
    verb: str
    title: str
    state: str
    message: str
    payload_bytes: int
    predicted_bytes: int
    freed_bytes: int
    batch: str | None
    undo: dict[str, Any] | None

    @property
    def undoable(self) -> bool:
        """True while the job is done and can be reversed."""
        return self.undo is not None and self.state in ("done", "partial")


def default_folder() -> Path:
    """The user's data folder of ocdu (`$XDG_DATA_HOME/ocdu` on Linux)."""
    return Path(platformdirs.user_data_dir("ocdu", appauthor=False))


class Ledger:
    """ocdu's memory of one opencode database. Opens its file at the first question."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        self.database = str(database.resolve())
        pragmas = {"journal_mode": "wal", "synchronous": "NORMAL"}
        self._db = APSWDatabase(str(folder / "ledger.db"), timeout=5.0, pragmas=pragmas)
        self._made = False
        self._making = threading.Lock()

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
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = Path(self._db.database)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        models = (Pin, Entry, Size, Note)
        with self._db.connection_context(), self._db.bind_ctx(models):
            self._db.create_tables(models, safe=True)

    @contextmanager
    def exclusive(self, patience: float = 5.0) -> Iterator[None]:
        """Be the only ocdu that writes to this database; Refused while another one does.

        The lock is SQLite's, on a file of ours: it works everywhere and ends with the process.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = hashlib.sha256(self.database.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        path = self.folder / f"busy-{name}.lock"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        lock = apsw.Connection(str(path))
        try:
            lock.set_busy_timeout(int(patience * 1000))
            try:
                # Nothing is ever committed here: without a journal file a full disk is no obstacle.
                lock.execute("PRAGMA journal_mode=MEMORY").fetchall()
                lock.execute("BEGIN EXCLUSIVE")
            except apsw.BusyError as error:
                raise Refused(
                    "Another ocdu is at work on this database: wait until it ends, then try again."
                ) from error
            yield
        finally:
            lock.close()

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

    # journal

    def begin(self, verb: str, title: str, predicted_bytes: int = 0) -> int:
        """Note that a job starts; returns its number."""
        with self._connection():
            return int(
                Entry.insert(
                    database=self.database, time=_now(), verb=verb, title=title, state="running",
                    predicted_bytes=predicted_bytes,
                ).bind(self._db).execute()
            )  # fmt: skip

    def update(self, entry: int, **columns: Any) -> None:
        """Change columns of a journal entry; `undo` may be a mapping."""
        if isinstance(columns.get("undo"), Mapping):
            columns["undo"] = json.dumps(columns["undo"])
        with self._connection():
            Entry.update(**columns).where(Entry.id == entry).bind(self._db).execute()

    def interrupted(self, batch: str | None) -> None:
        """A job never came to its end: its entry says so, and can be undone if copies were kept.

        Call with the lock of `exclusive`: nothing of this database is running then.
        """
        state = "partial" if batch else "interrupted"
        undo = json.dumps({"trees": []}) if batch else None
        mine = (Entry.database == self.database) & (Entry.state == "running")
        buries = Entry.verb.in_(("prune", "redo"))  # a restore cut short is no way to restore again
        with self._connection():
            found = {"state": state, "batch": batch, "undo": undo}
            Entry.update(found).where(mine & buries).bind(self._db).execute()
            Entry.update(state="interrupted").where(mine).bind(self._db).execute()

    def entries(self, limit: int = 200) -> list[JournalEntry]:
        """The journal of this database, newest first."""
        with self._connection():
            query = (
                Entry.select(
                    Entry.id, Entry.time, Entry.verb, Entry.title, Entry.state, Entry.message,
                    Entry.payload_bytes, Entry.predicted_bytes, Entry.freed_bytes, Entry.batch,
                    Entry.undo,
                )
                .where(Entry.database == self.database)
                .order_by(Entry.id.desc())
                .limit(limit)
            )  # fmt: skip
            found = answers(query, self._db)
        return [JournalEntry._make((*row[:-1], json.loads(row[-1] or "null"))) for row in found]

    def freed(self, since: int = 0) -> int:
        """Bytes the disk got back since a time (ms), as measured by the jobs that give some back.

        A prune or reclaim only makes pages free; the vacuum after it would count them again.
        """
        with self._connection():
            query = Entry.select(fn.SUM(Entry.freed_bytes)).where(
                (Entry.database == self.database)
                & (Entry.time >= since)
                & Entry.verb.in_(GIVING_BACK)
            )
            return int(query.bind(self._db).scalar() or 0)

    # usage history

    def remember(self, total_bytes: int, now: int) -> None:
        """Keep the size of database and WAL for the curve; at most one entry per HISTORY_STEP."""
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

    def watermark(self, name: str) -> int:
        """How far a background search has come (ms of `time_updated`)."""
        return int(self.note(f"watermark:{name}") or 0)

    def set_watermark(self, name: str, value: int) -> None:
        """Keep how far it has come."""
        self.set_note(f"watermark:{name}", str(value))

    # tables kept elsewhere

    @contextmanager
    def tables(self, *models: type[Model]) -> Iterator[APSWDatabase]:
        """A connection of this thread, with these further tables made where they are missing."""
        with self._connection():
            with self._db.bind_ctx(models):
                self._db.create_tables(models, safe=True)
            yield self._db


def _now() -> int:
    return int(time.time() * 1000)
