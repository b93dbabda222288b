"""Small opencode databases for tests, made from `tui.store.models`.

A test names only what it is about; everything else has a default:

    make_database(path, [session("old", active=days_ago(90), children=[session("helper")])])

A session's id is "ses_" and its title in small letters; its turns are `msg_old_0u` (question) and
`msg_old_0a` (answer), parts `prt_old_0a_0` … in order. Times are milliseconds, sizes octets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
from peewee import Model
from playhouse.apsw_ext import APSWDatabase

from tui.store.models import (
    OPENCODE_TABLES,
    Event,
    EventSequence,
    Message,
    Migration,
    Part,
    Project,
    Session,
    SessionShare,
    Todo,
)

NOW = 1_795_176_000_000
"""The frozen present of the tests: 2026-11-20 12:00 UTC."""

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

MIGRATION = "20260622202450_simplify_session_input"
"""The newest entry of opencode 1.17.11 to 1.18.34."""


def days_ago(days: float, now: int = NOW) -> int:
    """That many days before now, in milliseconds."""
    return now - int(days * DAY)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool part of an answer; `octets` is the length of its output."""

    octets: int = 1000
    compacted: bool = False
    attachment: int = 0
    """Octets of an attached image's data URL; 0 for none."""
    duplicate: int = 0
    """Octets of the copy of the output that bash keeps in `state.metadata.output`."""
    name: str = "bash"
    status: str = "completed"


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer."""

    text: str = "How are things?"
    answer: str = "Very well."
    tools: Sequence[Tool] = ()
    diffs: int = 0
    """Octets of patch text in the question's `summary.diffs`."""
    finished: bool = True
    """False for an answer still being written (or cut off by a crash)."""
    compaction: bool = False
    """True for the pair of messages that opencode's compaction writes."""
    tail: int | None = None
    """For a compaction: number of the turn that its `tail_start_id` names."""


@dataclass(frozen=True, slots=True)
class Given:
    """A session to be made; build it with `session()`."""

    title: str
    id: str
    project: str = "garden"
    active: int = days_ago(1)
    """Time of the last message, and of the row's `time_updated`."""
    updated: int | None = None
    """`time_updated`, where it differs from `active`."""
    created: int | None = None
    archived: int | None = None
    parent: str | None = None
    children: Sequence[Given] = ()
    turns: Sequence[Turn] = (Turn(),)
    events: int = 0
    """How often each message and part stands in the event table; 2 means one is superseded."""
    owner: str | None = None
    """`event_sequence.owner_id`."""
    todos: int = 0
    share: bool = False
    directory: str = "/tmp"
    """A folder that exists, so that the session is not counted as missing."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further columns of the session row, as they are."""


def session(title: str = "Sow cress", **given: Any) -> Given:
    """A session to be made: anything of `Given`, and these shorthands.

    `tools=[Tool(…), …]` gives it one turn with these tools; `octets=N` one tool part of N octets.
    """
    tools = given.pop("tools", None)
    if "octets" in given:
        tools = [Tool(given.pop("octets"))]
    if tools is not None:
        given["turns"] = (Turn(tools=tuple(tools)),)
    made = Given(title, given.pop("id", "ses_" + slug(title)), **given)
    return replace(made, children=[replace(child, parent=made.id) for child in made.children])


def slug(title: str) -> str:
    """The title as it stands in ids: small letters and digits."""
    return re.sub(r"[^a-z0-9]+", "", title.lower()) or "session"


def make_database(
    path: Path,
    sessions: Iterable[Given] = (),
    *,
    auto_vacuum: int = 0,
    migration: str | None = MIGRATION,
    without: Iterable[type[Model]] = (),
) -> Path:
    """Write the database (WAL mode, no -wal left behind) and return its path.

    `without` leaves tables away, as older versions do: `without=(Event, EventSequence)`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    assert not path.exists(), path
    given = tuple(sessions)
    tables = tuple(table for table in OPENCODE_TABLES if table not in set(without))
    wish = repr((given, auto_vacuum, migration, tables))
    if wish not in _MADE:
        path.write_bytes(_empty(tables, auto_vacuum))
        _fill(path, list(_family(given)), tables, migration)
        _MADE[wish] = path.read_bytes()
        while len(_MADE) > MOST_MADE:
            _MADE.pop(next(iter(_MADE)))
        return path
    path.write_bytes(_MADE[wish])
    return path


MOST_MADE = 48
"""Files that are remembered: the tests of a module ask for the same one again and again."""

_MADE: dict[str, bytes] = {}


@cache
def _empty(tables: tuple[type[Model], ...], auto_vacuum: int) -> bytes:
    """The file with these tables and no rows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        db = APSWDatabase(str(path))
        db.connect()
        try:
            db.execute_sql("PRAGMA synchronous = OFF")
            db.execute_sql(f"PRAGMA auto_vacuum = {auto_vacuum}")
            db.execute_sql("PRAGMA journal_mode = WAL")
            with db.bind_ctx(tables, bind_refs=False, bind_backrefs=False), db.atomic():
                db.create_tables(tables)
        finally:
            db.close()
        return path.read_bytes()


def _family(sessions: Iterable[Given]) -> Iterator[Given]:
    for given in sessions:
        yield given
        yield from _family(given.children)


def _fill(
    path: Path, family: Sequence[Given], tables: Sequence[type[Model]], migration: str | None
) -> None:
    db = apsw.Connection(str(path))
    try:
        db.execute("PRAGMA synchronous = OFF").fetchall()
        with db:
            _insert_rows(db, family, tables, migration)
    finally:
        db.close()


def _insert_rows(
    db: apsw.Connection,
    family: Sequence[Given],
    tables: Sequence[type[Model]],
    migration: str | None,
) -> None:
    for name in dict.fromkeys(given.project for given in family):
        project = {"id": f"prj_{slug(name)}", "worktree": f"/home/dev/{name}", "vcs": "git"}
        _insert(db, Project, [{**project, **_times(days_ago(400)), "sandboxes": "[]"}])
    for given in family:
        _insert_session(db, given, tables)
    if migration is not None and Migration in tables:
        _insert(db, Migration, [{"id": migration, "time_completed": days_ago(300)}])


def _insert_session(db: apsw.Connection, given: Given, tables: Sequence[type[Model]]) -> None:
    first = given.active - len(given.turns) * MINUTE
    row = {
        "id": given.id,
        "project_id": f"prj_{slug(given.project)}",
        "parent_id": given.parent,
        "slug": slug(given.title),
        "directory": given.directory,
        "title": given.title,
        "version": "1.18.33",
        "time_created": first if given.created is None else given.created,
        "time_updated": given.active if given.updated is None else given.updated,
        "time_archived": given.archived,
        **given.columns,
    }
    if given.share:
        row["share_url"] = f"https://share.invalid/{given.id}"
    _insert(db, Session, [row])
    if given.share:
        secret = {"secret": "s3cr3t", "url": row["share_url"], "id": f"shr_{given.id}"}
        _insert(db, SessionShare, [{"session_id": given.id, **secret, **_times(given.active)}])
    for position in range(given.todos):
        todo = {"content": f"step {position}", "status": "pending", "priority": "low"}
        _insert(db, Todo, [{"session_id": given.id, "position": position, **todo, **_times(first)}])
    messages, parts = _conversation(given)
    _insert(db, Message, messages)
    _insert(db, Part, parts)
    if EventSequence in tables and (given.events or given.owner):
        events = _events(given, messages, parts)
        sequence = {"aggregate_id": given.id, "seq": len(events) - 1, "owner_id": given.owner}
        _insert(db, EventSequence, [sequence])
        _insert(db, Event, events)


def _insert(db: apsw.Connection, table: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows that all name the same columns."""
    if not rows:
        return
    columns = ", ".join(f'"{name}"' for name in rows[0])
    marks = ", ".join("?" * len(rows[0]))
    statement = f'INSERT INTO "{table._meta.table_name}" ({columns}) VALUES ({marks})'
    db.executemany(statement, (tuple(row.values()) for row in rows))


def _times(ms: int) -> dict[str, int]:
    return {"time_created": ms, "time_updated": ms}


Rows = list[dict[str, Any]]


def _conversation(given: Given) -> tuple[Rows, Rows]:
    """Rows of message and part for every turn; the last answer is as old as the session."""
    messages: Rows = []
    parts: Rows = []
    for number, turn in enumerate(given.turns):
        answered = given.active - (len(given.turns) - 1 - number) * MINUTE
        name = f"{given.id.removeprefix('ses_')}_{number}"
        question, answer = f"msg_{name}u", f"msg_{name}a"
        bodies = (
            (question, answered - MINUTE // 2, _question(turn, answered - MINUTE // 2)),
            (answer, answered, _answer(turn, question, answered)),
        )
        for id, time, body in bodies:
            row = {"id": id, "session_id": given.id, **_times(time), "data": _json(body)}
            messages.append(row)
        found = [(question, body) for body in _question_parts(turn, given)]
        found += [(answer, body) for body in _answer_parts(turn, answered)]
        for place, (message, body) in enumerate(found):
            row = {"id": f"prt_{message[4:]}_{place}", "message_id": message}
            parts.append({**row, "session_id": given.id, **_times(answered), "data": _json(body)})
    return messages, parts


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _question(turn: Turn, time: int) -> dict[str, Any]:
    diffs = [{"file": "bed.txt", "patch": "+" * turn.diffs, "additions": 1, "deletions": 0}]
    return {
        "role": "user",
        "time": {"created": time},
        "agent": "build",
        "model": {"providerID": "fake", "modelID": "parrot-1"},
        "summary": {"diffs": diffs if turn.diffs else []},
    }


def _answer(turn: Turn, question: str, time: int) -> dict[str, Any]:
    mode = "compaction" if turn.compaction else "build"
    body: dict[str, Any] = {
        "role": "assistant",
        "parentID": question,
        "mode": mode,
        "agent": mode,
        "cost": 0.01,
        "tokens": {"input": 100, "output": 20, "reasoning": 0, "cache": {"read": 0, "write": 0}},
        "modelID": "parrot-1",
        "providerID": "fake",
        "time": {"created": time},
    }
    if turn.compaction:
        body["summary"] = True
    if turn.finished:
        body["time"]["completed"] = time
        body["finish"] = "stop"
    return body


def _question_parts(turn: Turn, given: Given) -> list[dict[str, Any]]:
    if not turn.compaction:
        return [{"type": "text", "text": turn.text}]
    marker: dict[str, Any] = {"type": "compaction", "auto": False}
    if turn.tail is not None:
        marker["tail_start_id"] = f"msg_{given.id.removeprefix('ses_')}_{turn.tail}u"
    return [marker]


def _answer_parts(turn: Turn, time: int) -> list[dict[str, Any]]:
    tools = [_tool(tool, number, time) for number, tool in enumerate(turn.tools)]
    return [*tools, {"type": "text", "text": turn.answer, "time": {"start": time, "end": time}}]


def _tool(tool: Tool, number: int, time: int) -> dict[str, Any]:
    state: dict[str, Any] = {"status": tool.status, "input": {"command": "ls"}}
    if tool.status == "completed":
        state["output"] = "o" * tool.octets
        state["title"] = "ls"
        state["metadata"] = {"exit": 0}
        state["time"] = {"start": time, "end": time}
        if tool.duplicate:
            state["metadata"]["output"] = "o" * tool.duplicate
        if tool.compacted:
            state["time"]["compacted"] = time
        if tool.attachment:
            url = "data:image/png;base64," + "A" * (tool.attachment - 22)
            state["attachments"] = [{"id": f"att_{number}", "type": "file", "url": url}]
    return {"type": "tool", "tool": tool.name, "callID": f"call_{number}", "state": state}


def _events(given: Given, messages: Rows, parts: Rows) -> Rows:
    """`given.events` snapshots of each message and part, in the shapes of opencode 1.17 on."""
    found: list[tuple[str, dict[str, Any]]] = []
    for _ in range(given.events):
        for row in messages:
            info = {"id": row["id"], "sessionID": given.id, **json.loads(row["data"])}
            found.append(("message.updated.1", {"sessionID": given.id, "info": info}))
        for row in parts:
            ids = {"id": row["id"], "sessionID": given.id, "messageID": row["message_id"]}
            part = {**ids, **json.loads(row["data"])}
            body = {"sessionID": given.id, "part": part, "time": row["time_created"]}
            found.append(("message.part.updated.1", body))
    return [
        {
            "id": f"evt_{given.id[4:]}_{seq}",
            "aggregate_id": given.id,
            "seq": seq,
            "type": type,
            "data": _json(body),
        }
        for seq, (type, body) in enumerate(found)
    ]


def execute(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement on a database, as a stranger would (autocommit, foreign keys off)."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    try:
        return list(connection.execute(statement, values))
    finally:
        connection.close()


def count_rows(path: Path, table: str, where: str = "1") -> int:
    """Rows of a table."""
    return int(execute(path, f'SELECT count(*) FROM "{table}" WHERE {where}')[0][0])
