"""The journal: every job that ever changed an opencode database, with what was planned, how far it
came and what came of it. A part of ocdu's ledger; never opencode's file.

A job writes its line before its first deed, so that a job which was killed is found: its line still
says `running` while nobody holds the ledger's lock.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from peewee import AutoField, IntegerField, Model, TextField, fn
from playhouse.apsw_ext import APSWDatabase

from tui.store.query import answers, scalar

GIVING_BACK = ("vacuum", "copy_out", "checkpoint", "files", "empty")
"""Jobs after which the disk has more room."""

RUNNING = "running"
"""State of a job at work, and of one that was killed until the next start finds it."""

OF_BATCHES = ("prune", "restore", "reclaim", "rescue", "undo", "redo")
"""Jobs that a batch tells about when they were killed; of others only their own line does."""

MAKERS = ("prune", "redo", "reclaim")
"""Of these the ones that make a batch: what such a job took can be undone after a kill."""

ASIDE = "aside"
"""Key in an entry's `undo`: why it cannot be turned any more. Such an entry is passed over."""

TURNED = "undone"
"""State of a job that was undone; also the key in its `undo` that counts undone jobs."""

AT_ONCE = 20
"""Entries read at once when looking for one to undo: a memory may be megabytes of JSON."""

JSON_COLUMNS = ("undo", "plan", "phases", "outcome")


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
    ended = IntegerField(null=True)
    """When it ended, milliseconds; NULL while it runs and for one that was killed."""
    plan = TextField(null=True)
    phases = TextField(null=True)
    outcome = TextField(null=True)


ADDED = ("ended INTEGER", "plan TEXT", "phases TEXT", "outcome TEXT")
"""Columns that ledgers of ocdu 0.1 lack."""


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
    ended: int | None = None

    @property
    def undoable(self) -> bool:
        """True while the job is done and can be reversed."""
        return self.state in ("done", "partial") and self.undo is not None and not self.aside

    @property
    def aside(self) -> str:
        """Why it was given up to undo it, or to do it again; "" while it was not."""
        return str((self.undo or {}).get(ASIDE, ""))


class JobRecord(NamedTuple):
    """All the journal knows of one job. Bytes are octets, times milliseconds UTC."""

    entry: JournalEntry
    plan: dict[str, Any]
    """What was planned: `verb`, `message`, `totals`, `excluded`, `items`, `more` items not kept."""
    phases: list[dict[str, Any]]
    """How it went: `phase`, `at`, `done`, `total`, `bytes`, in order."""
    outcome: dict[str, Any]
    """What came of it: `ending`, `done`, `excluded`, `details`; {} of a job that was killed."""


_LISTED = tuple(getattr(Entry, name) for name in JournalEntry._fields)


class Journal:
    """The journal's half of the ledger."""

    database: str
    _db: APSWDatabase

    def _connection(self) -> Any:
        """A context in which this thread is connected."""
        raise NotImplementedError

    def _add_columns(self) -> None:
        """Bring a journal that an older ocdu made up to date; needs a connection."""
        there = {column.name for column in self._db.get_columns("entry")}
        for added in ADDED:
            if added.split()[0] not in there:
                self._db.execute_sql(f"ALTER TABLE entry ADD COLUMN {added}")

    def begin(
        self,
        verb: str,
        title: str,
        predicted_bytes: int = 0,
        *,
        plan: Mapping[str, Any] | None = None,
        undo: Mapping[str, Any] | None = None,
    ) -> int:
        """Note that a job starts, what it is to do, and what would reverse it; its number."""
        with self._connection():
            return int(
                Entry.insert(
                    database=self.database, time=_now(), verb=verb, title=title, state=RUNNING,
                    predicted_bytes=predicted_bytes, plan=_json(plan), undo=_json(undo),
                ).bind(self._db).execute()
            )  # fmt: skip

    def update(self, entry: int, **columns: Any) -> None:
        """Change columns of an entry; `undo`, `plan`, `phases` and `outcome` may be structures."""
        for name in JSON_COLUMNS:
            if name in columns:
                columns[name] = _json(columns[name])
        with self._connection():
            Entry.update(**columns).where(Entry.id == entry).bind(self._db).execute()

    def end(self, entry: int, state: str, **columns: Any) -> None:
        """Note how a job ended."""
        self.update(entry, state=state, ended=_now(), **columns)

    def interrupted(
        self,
        batch: str | None,
        created: int,
        undo: Mapping[str, Any] | None = None,
        message: str = "",
    ) -> None:
        """A job never came to its end: its entry says so, and can be undone if copies were kept.

        `created` (ms) is when the batch was made, which tells whose it is: an older one may have
        waited until now. `undo` is what turns back and does again what the batch holds, `message`
        what became of it. Call with the lock of `exclusive`: nothing of this database runs then.
        """
        mine = (Entry.database == self.database) & (Entry.state == RUNNING)
        owner = self.maker_of(created)
        with self._connection():
            if batch and owner is not None:
                known = {"batch": batch, "undo": _json(undo or {"trees": []}), "message": message}
                Entry.update(state="partial", **known).where(Entry.id == owner).bind(
                    self._db
                ).execute()
            # What a killed archive is taken back by stands in its line: that stays for `settle`.
            # A restore cut short is no way to restore again.
            others = Entry.verb.in_(OF_BATCHES) & Entry.verb.not_in(MAKERS)
            ended = mine & (others | (Entry.id == owner))
            told = Entry.update(state="interrupted", undo=None, message=message)
            told.where(ended).bind(self._db).execute()

    def knows_batch(self, batch: str) -> bool:
        """True when some job says that this batch is its own."""
        with self._connection():
            return bool(Entry.select().where(Entry.batch == batch).bind(self._db).exists())

    def maker_of(self, created: int) -> int | None:
        """The number of the job that was killed with a batch it made at that time (ms), or None."""
        with self._connection():
            query = Entry.select(fn.MAX(Entry.id)).where(
                (Entry.database == self.database)
                & (Entry.state == RUNNING)
                & Entry.verb.in_(MAKERS)
                & (Entry.time <= created)
            )
            found = query.bind(self._db).scalar()
        return None if found is None else int(found)

    def left_running(self) -> list[JournalEntry]:
        """Jobs that say they run: of another ocdu at work, or killed."""
        with self._connection():
            query = (
                Entry.select(*_LISTED)
                .where((Entry.database == self.database) & (Entry.state == RUNNING))
                .order_by(Entry.id)
            )
            return [_entry(row) for row in answers(query, self._db)]

    def entries(self, limit: int = 200) -> list[JournalEntry]:
        """The journal of this database, newest first."""
        with self._connection():
            query = (
                Entry.select(*_LISTED)
                .where(Entry.database == self.database)
                .order_by(Entry.id.desc())
                .limit(limit)
            )
            return [_entry(row) for row in answers(query, self._db)]

    def remembered(self) -> Iterator[JournalEntry]:
        """Every entry that knows what reverses it, newest first; read a few at a time."""
        found: list[JournalEntry] = []
        while True:
            mine = (Entry.database == self.database) & Entry.undo.is_null(False)
            older = mine & (Entry.id < found[-1].id) if found else mine
            with self._connection():
                query = Entry.select(*_LISTED).where(older).order_by(Entry.id.desc())
                found = [_entry(row) for row in answers(query.limit(AT_ONCE), self._db)]
            yield from found
            if len(found) < AT_ONCE:
                return

    def undone_last(self) -> JournalEntry | None:
        """The entry that was undone last and can be done again."""
        counted = fn.json_extract(Entry.undo, f"$.{TURNED}")
        with self._connection():
            query = Entry.select(*_LISTED).where(
                (Entry.database == self.database)
                & (Entry.state == TURNED)
                & Entry.undo.is_null(False)
                & fn.json_extract(Entry.undo, f"$.{ASIDE}").is_null()
            )
            query = query.order_by(fn.coalesce(counted, 0).desc(), Entry.id.desc()).limit(1)
            found = answers(query, self._db)
        return _entry(found[0]) if found else None

    def set_aside(self, entry: JournalEntry, why: str) -> None:
        """Note that an entry cannot be turned any more: from now on it is passed over."""
        self.update(entry.id, undo={**(entry.undo or {}), ASIDE: why})

    def record(self, entry: int) -> JobRecord | None:
        """All about one job of this database; None when there is no such number."""
        with self._connection():
            query = Entry.select(*_LISTED, Entry.plan, Entry.phases, Entry.outcome).where(
                (Entry.database == self.database) & (Entry.id == entry)
            )
            found = answers(query, self._db)
        if not found:
            return None
        plan, phases, outcome = (json.loads(text or "null") for text in found[0][-3:])
        return JobRecord(_entry(found[0][:-3]), plan or {}, phases or [], outcome or {})

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

    def has_running(self) -> bool:
        """True when some job says that it runs. One indexed look."""
        with self._connection():
            connection = self._db.connection()
            statement = "SELECT EXISTS (SELECT 1 FROM entry WHERE database = ? AND state = ?)"
            return bool(scalar(connection, statement, (self.database, RUNNING)))


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    entry = JournalEntry._make(row)
    return entry._replace(undo=json.loads(row[JournalEntry._fields.index("undo")] or "null"))


def _json(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _now() -> int:
    return int(time.time() * 1000)
