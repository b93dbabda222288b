"""What opencode says about a database: the judge of everything ocdu leaves behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.opencode.drive import Home
from tests.opencode.past import Past
from tests.opencode.provider import Reply, bash
from tests.opencode.server import Server

Messages = list[dict[str, Any]]
"""A conversation as opencode gives it out: [{"info": {…}, "parts": [{…}]}]."""


PLACEHOLDER = "[Old tool result content cleared]"
"""What opencode itself sends to the model for a tool part marked compacted."""

RECLAIMED = "[reclaimed]"


@dataclass(frozen=True, slots=True)
class Row:
    """What the database holds of one session."""

    parent_id: str | None
    directory: str
    messages: int
    parts: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as opencode shows it."""

    info: dict[str, Any]
    messages: Messages

    @property
    def archived(self) -> int | None:
        """Milliseconds, or None when opencode knows nothing of an archive."""
        stamp: int | None = self.info["time"].get("archived")
        return stamp

    @property
    def tool_states(self) -> list[dict[str, Any]]:
        """The `state` of every tool part of the conversation, in order."""
        parts = [part for message in self.messages for part in message["parts"]]
        return [part["state"] for part in parts if part["type"] == "tool"]


@contextmanager
def reading(home: Home) -> Iterator[sqlite3.Connection]:
    """The database read-only, closed again before anything else touches the file."""
    with closing(sqlite3.connect(f"file:{home.db}?mode=ro", uri=True)) as connection:
        yield connection


def session_rows(home: Home) -> dict[str, Row]:
    """Every session in the database by id."""
    with reading(home) as db:
        messages = dict(db.execute("SELECT session_id, count(*) FROM message GROUP BY 1"))
        parts = dict(db.execute("SELECT session_id, count(*) FROM part GROUP BY 1"))
        sessions = db.execute("SELECT id, parent_id, directory FROM session")
        return {
            key: Row(parent, directory, messages.get(key, 0), parts.get(key, 0))
            for key, parent, directory in sessions
        }


def rows_of(home: Home, sessions: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that names one of these sessions in any column."""
    with reading(home) as db:
        db.row_factory = sqlite3.Row
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        found = {}
        for (table,) in tables:
            every = [dict(row) for row in db.execute(f'SELECT * FROM "{table}"')]
            mine = [row for row in every if sessions & {v for v in row.values() if type(v) is str}]
            found[table] = sorted(mine, key=repr)
        return found


def tree(past: Past, title: str) -> set[str]:
    """Ids of a root and its children."""
    root = past.ids[title]
    rows = session_rows(past.home).items()
    return {root} | {key for key, row in rows if row.parent_id == root}


def count(past: Past, table: str) -> int:
    """Rows of a table; 0 when this version has no such table."""
    with reading(past.home) as db:
        known = db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        rows: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] if known else 0
        return rows


def is_reclaimed(state: dict[str, Any]) -> bool:
    """Whether a tool part's state says so; the mark and the shape must fit as well."""
    if state.get("output") != RECLAIMED:
        return False
    assert "compacted" in state["time"]
    assert isinstance(state["metadata"], dict)
    assert state.get("attachments", []) == []
    return True


def assert_sound(home: Home) -> None:
    """No page broken, no reference dangling, no part or event whose session is gone."""
    with reading(home) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        owners = {"part": "session_id", "event": "aggregate_id", "event_sequence": "aggregate_id"}
        known = " UNION ALL ".join(
            f"SELECT id FROM {t}" for t in tables & {"session", "session_v2"}
        )
        for table in tables & owners.keys():
            stray = f"SELECT count(*) FROM {table} WHERE {owners[table]} NOT IN"
            found = db.execute(f"{stray} ({known})").fetchone()
            assert found == (0,), f"rows in {table} of no session"


def opencode_accepts(
    past: Past, *, continues: str = "spoken", exports: Iterable[str] = ()
) -> dict[str, Seen]:
    """opencode lists, reads and continues everything that is left, and complains of nothing.

    `continues` names the root session a turn is added to. Where `exports` names root sessions
    (by title), opencode's own commands are asked as well: one lists, one exports these trees.
    Returns what opencode showed, by session id, before that turn.
    """
    assert_sound(past.home)
    rows = session_rows(past.home)
    with Server(past.home, past.alpha) as server:
        seen = {key: _seen(server, key, row) for key, row in rows.items()}
        assert _listed(server, past) == rows.keys()
        assert _children(server, rows) == {
            key: {other for other, its in rows.items() if its.parent_id == key} for key in rows
        }
        _continue(server, past, continues)
    _commands_agree(past, {past.ids[title] for title in exports})
    assert_sound(past.home)
    assert past.home.complaints() == []
    return seen


def conversation(server: Server, session: str, project: Path) -> Messages:
    """All messages of a session as opencode gives them out."""
    messages: Messages = server.get(f"/session/{session}/message", project)
    return messages


def _seen(server: Server, key: str, row: Row) -> Seen:
    """A session read over HTTP; it must hold as much as the database does."""
    project = Path(row.directory)
    info = server.get(f"/session/{key}", project)
    messages = conversation(server, key, project)
    assert (key, *_size(messages)) == (key, row.messages, row.parts)
    server.get(f"/session/{key}/todo", project)
    return Seen(info, messages)


def _listed(server: Server, past: Past) -> set[str]:
    """Ids of all sessions the server lists, children included, project by project."""
    return {each["id"] for project in past.projects for each in server.get("/session", project)}


def _children(server: Server, rows: dict[str, Row]) -> dict[str, set[str]]:
    """The ids of every session's children as opencode knows them."""
    return {
        key: {child["id"] for child in server.get(f"/session/{key}/children", Path(row.directory))}
        for key, row in rows.items()
    }


def _continue(server: Server, past: Past, title: str) -> None:
    """One more turn with a tool call must succeed and add what it says to the conversation."""
    session, project = past.ids[title], past.project_of(title)
    before = len(conversation(server, session, project))
    plan = (Reply(calls=(bash(1, "cress"),)), Reply("The cress is up."))
    assert server.converse(session, project, "Sow cress.", *plan) == "The cress is up."
    after = conversation(server, session, project)
    assert len(after) == before + 3, "a prompt, a tool call, an answer"
    assert "cress" in json.dumps(after[-2]["parts"])


def _commands_agree(past: Past, exports: set[str]) -> None:
    """`opencode session list` shows every root, `opencode export` writes whole conversations.

    One command after the other: two that start at once over a WAL nobody has open make
    opencode 1.2 itself say "database is locked".
    """
    if not exports:
        return
    rows = session_rows(past.home)
    listed = past.home.listed(past.alpha) | past.home.listed(past.beta)
    assert listed == {key for key, row in rows.items() if row.parent_id is None}
    for key in (key for key, row in rows.items() if exports & {key, row.parent_id}):
        export = past.home.exported(key, Path(rows[key].directory))
        assert export["info"]["id"] == key
        assert _size(export["messages"]) == (rows[key].messages, rows[key].parts)


def _size(messages: Messages) -> tuple[int, int]:
    return len(messages), sum(len(message["parts"]) for message in messages)
