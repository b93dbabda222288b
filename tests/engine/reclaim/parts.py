"""Databases for the tests of reclaim: opencode's own tables, and parts whose every byte is given.

Session `ses_a` is there from the start. Times are milliseconds; a message of time t is `msg_<t>`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from threading import Event
from typing import Any

import apsw

from tui.engine.reclaim import apply_reclaim
from tui.forest import Forest
from tui.policy.plan import Outcome, Plan
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.records import SessionRow
from tui.store.database import Store
from tui.store.payloads import find_payloads

NOW = 1_795_400_000_000
DAY = 86_400_000
MARK = 1_795_342_301_440
BIG = "x" * 5000

SCHEMA = """
CREATE TABLE `project` (
  `id` text PRIMARY KEY, `worktree` text NOT NULL, `vcs` text, `name` text,
  `time_created` integer NOT NULL, `time_updated` integer NOT NULL, `sandboxes` text NOT NULL
);
CREATE TABLE `session` (
  `id` text PRIMARY KEY, `project_id` text NOT NULL, `parent_id` text, `slug` text NOT NULL,
  `directory` text NOT NULL, `title` text NOT NULL, `version` text NOT NULL, `share_url` text,
  `revert` text, `time_created` integer NOT NULL, `time_updated` integer NOT NULL,
  `time_compacting` integer, `time_archived` integer,
  CONSTRAINT `fk_session_project_id_project_id_fk` FOREIGN KEY (`project_id`)
    REFERENCES `project`(`id`) ON DELETE CASCADE
);
CREATE TABLE `message` (
  `id` text PRIMARY KEY, `session_id` text NOT NULL, `time_created` integer NOT NULL,
  `time_updated` integer NOT NULL, `data` text NOT NULL,
  CONSTRAINT `fk_message_session_id_session_id_fk` FOREIGN KEY (`session_id`)
    REFERENCES `session`(`id`) ON DELETE CASCADE
);
CREATE TABLE `part` (
  `id` text PRIMARY KEY, `message_id` text NOT NULL, `session_id` text NOT NULL,
  `time_created` integer NOT NULL, `time_updated` integer NOT NULL, `data` text NOT NULL,
  CONSTRAINT `fk_part_message_id_message_id_fk` FOREIGN KEY (`message_id`)
    REFERENCES `message`(`id`) ON DELETE CASCADE
);
CREATE TABLE `event_sequence` (
  `aggregate_id` text PRIMARY KEY, `seq` integer NOT NULL, `owner_id` text
);
CREATE TABLE `event` (
  `id` text PRIMARY KEY, `aggregate_id` text NOT NULL, `seq` integer NOT NULL,
  `type` text NOT NULL, `data` text NOT NULL,
  CONSTRAINT `fk_event_aggregate_id_event_sequence_aggregate_id_fk` FOREIGN KEY (`aggregate_id`)
    REFERENCES `event_sequence`(`aggregate_id`) ON DELETE CASCADE
);
CREATE INDEX `message_session_time_created_id_idx` ON `message` (`session_id`,`time_created`,`id`);
CREATE INDEX `part_message_id_id_idx` ON `part` (`message_id`,`id`);
CREATE INDEX `part_session_idx` ON `part` (`session_id`);
INSERT INTO project VALUES ('prj', '/work', 'git', 'shop', 1, 1, '[]');
INSERT INTO event_sequence VALUES ('ses_a', 1, NULL);
INSERT INTO event VALUES ('evt_1', 'ses_a', 1, 'message.part.updated.1', '{"part":"as it was"}');
"""


def compact(value: Any) -> str:
    """JSON as opencode writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def tool(
    output: Any = BIG,
    *,
    mark: int | None = MARK,
    name: str = "bash",
    status: str = "completed",
    metadata: Any = None,
    **state: Any,
) -> str:
    """Data of a tool part; `state` adds or replaces keys of its state."""
    time: dict[str, Any] = {"start": 1, "end": 2}
    if mark is not None:
        time["compacted"] = mark
    filled = {
        "status": status,
        "input": {"command": "ls"},
        "output": output,
        "title": "ls",
        "metadata": {"exit": 0} if metadata is None else metadata,
        "time": time,
        **state,
    }
    return compact({"type": "tool", "tool": name, "callID": "call_1", "state": filled})


class Database:
    """One database file and a connection that plays opencode."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))
        self.connection.set_busy_timeout(5000)
        self.connection.execute("PRAGMA journal_mode=WAL").fetchall()
        for _ in self.connection.execute(SCHEMA):
            pass
        self.session("ses_a")

    @property
    def store(self) -> Store:
        """A fresh look at the file."""
        return Store(self.path)

    def session(self, id: str, *, updated: int = NOW - DAY, parent: str | None = None) -> None:
        """A session without messages."""
        self.connection.execute(
            "INSERT INTO session(id, project_id, parent_id, slug, directory, title, version,"
            " time_created, time_updated) VALUES (?, 'prj', ?, 's', '/work', ?, '1.18.33', 1, ?)",
            (id, parent, "About " + id, updated),
        )

    def message(
        self, time: int, session: str = "ses_a", *, id: str | None = None, **data: Any
    ) -> str:
        """A message with this creation time; an assistant's unless `role` says otherwise."""
        name = id or f"msg_{time}"
        self.connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?)",
            (name, session, time, time, compact({"role": "assistant", **data})),
        )
        return name

    def part(
        self, id: str, data: str, time: int = 10, session: str = "ses_a", *, updated: int = 7
    ) -> str:
        """A part of the message of that time, which is made when it is missing."""
        message = f"msg_{time}"
        known = self.connection.execute("SELECT 1 FROM message WHERE id = ?", (message,)).fetchone()
        if known is None:
            self.message(time, session)
        self.connection.execute(
            "INSERT INTO part VALUES (?, ?, ?, 5, ?, ?)", (id, message, session, updated, data)
        )
        return id

    def raw(self, id: str, data: bytes, time: int = 10) -> str:
        """A part whose text are exactly these bytes, valid UTF-8 or not."""
        self.part(id, "{}", time)
        self.connection.execute("UPDATE part SET data = CAST(? AS TEXT) WHERE id = ?", (data, id))
        return id

    def compaction(
        self, time: int, *, tail: str | None = None, session: str = "ses_a", **reply: Any
    ) -> str:
        """A compaction message and its reply: finished and faultless unless `reply` differs."""
        asked = self.message(time, session, role="user")
        part = {"type": "compaction", "auto": False} | ({"tail_start_id": tail} if tail else {})
        self.part(f"prt_c{time}", compact(part), time, session)
        answer = {"summary": True, "mode": "compaction", "finish": "stop", **reply}
        answer = {key: value for key, value in answer.items() if value is not None}
        self.message(time, session, id=f"msg_{time}_reply", parentID=asked, **answer)
        return asked

    def data(self, id: str) -> bytes:
        """The bytes of a part."""
        row: Any = self.connection.execute(
            "SELECT CAST(data AS BLOB) FROM part WHERE id = ?", (id,)
        ).fetchone()
        found: bytes = row[0]
        return found

    def state(self, id: str) -> dict[str, Any]:
        """The state of a tool part, read as opencode reads it."""
        state: dict[str, Any] = json.loads(self.data(id))["state"]
        return state

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()


def plan_for(
    store: Store, *levels: str, now: int = NOW, running: frozenset[str] = frozenset(), **policy: Any
) -> Plan:
    """Search and plan, as the command line does it."""
    with store.reading() as db:
        rows: list[Any] = (
            db.connection()
            .execute("SELECT id, parent_id, title, time_updated FROM session")
            .fetchall()
        )
    forest = Forest.of(
        SessionRow(id, parent, "prj", "shop", title, "/work", 1, updated, None)
        for id, parent, title, updated in rows
    )
    found = find_payloads(store, levels)
    return plan_reclaim(forest, found, ReclaimPolicy(levels, **policy), now, running)


def carry_out(plan: Plan, store: Store, stop: Event | None = None) -> Outcome:
    """The deed to its end."""
    return ending_of(apply_reclaim(plan, store, stop or Event()))


def ending_of(steps: Any) -> Outcome:
    """Let a deed run on to its outcome."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def fingerprint(path: Path, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Table and row id -> digest of the row, every column byte for byte; without parts `but`."""
    connection = apsw.Connection(str(path))
    rows: dict[str, str] = {}
    tables: list[Any] = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table'"
    ).fetchall()
    for (table,) in tables:
        columns: list[Any] = connection.execute(
            "SELECT name FROM pragma_table_info(?)", (table,)
        ).fetchall()
        every = " || '|' || ".join(f'quote(CAST("{name}" AS BLOB))' for (name,) in columns)
        key: Any = columns[0][0]
        for id, text in connection.execute(f'SELECT "{key}", {every} FROM "{table}"'):
            if not (table == "part" and id in but):
                rows[f"{table} {id}"] = hashlib.sha256(str(text).encode()).hexdigest()
    connection.close()
    return rows
