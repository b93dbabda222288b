"""What opencode says about a database: the judge of everything ocdu leaves behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.opencode.drive import Home, Server
from tests.opencode.past import Past
from tests.opencode.provider import Reply, bash

Messages = list[dict[str, Any]]
"""A conversation as opencode gives it out: [{"info": {…}, "parts": [{…}]}]."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the database holds of one session."""

    parent_id: str | None
    directory: str
    archived: int | None
    messages: int
    parts: int


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
        sessions = db.execute("SELECT id, parent_id, directory, time_archived FROM session")
        return {
            key: Row(parent, directory, archived, messages.get(key, 0), parts.get(key, 0))
            for key, parent, directory, archived in sessions
        }


def every_row(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Every column of every row of opencode's tables, sorted: equal means restored."""
    with reading(home) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        content = {}
        for name in names:
            columns = [f'"{row[1]}"' for row in db.execute(f'PRAGMA table_info("{name}")')]
            selected = ", ".join(f"quote({column})" for column in sorted(columns))
            content[name] = sorted(db.execute(f'SELECT {selected} FROM "{name}"').fetchall())
        return content


def assert_sound(home: Home) -> None:
    """No page broken, no reference dangling, no event whose session is gone."""
    with reading(home) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        parts = "SELECT count(*) FROM part WHERE session_id NOT IN (SELECT id FROM session)"
        assert db.execute(parts).fetchone() == (0,), "parts of no session"
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        for table in tables & {"event", "event_sequence"}:
            stray = f"SELECT count(*) FROM {table} WHERE aggregate_id NOT IN"
            found = db.execute(f"{stray} (SELECT id FROM session)").fetchone()
            assert found == (0,), f"rows in {table} of no session"


def opencode_accepts(past: Past, *, continues: str = "spoken", exports: Iterable[str] = ()) -> None:
    """opencode lists, reads and continues everything that is left, and complains of nothing.

    `continues` names the root session a turn is added to; `exports` the root sessions (by
    title) whose trees are exported by opencode's own command as well.
    """
    assert_sound(past.home)
    rows = session_rows(past.home)
    roots = {key for key, row in rows.items() if row.parent_id is None}
    with Server(past.home, past.alpha) as server:
        for key, row in rows.items():
            assert (key, *_size(conversation(server, key, Path(row.directory)))) == (
                key,
                row.messages,
                row.parts,
            )
            children = server.get(f"/session/{key}/children", Path(row.directory))
            expected = {other for other, its in rows.items() if its.parent_id == key}
            assert {child["id"] for child in children} == expected
            server.get(f"/session/{key}/todo", Path(row.directory))
        _continue(server, past, continues)
    _commands_agree(past, roots, [past.ids[title] for title in exports])
    assert_sound(past.home)
    assert past.home.complaints() == []


def _continue(server: Server, past: Past, title: str) -> None:
    """One more turn with a tool call must succeed and add what it says to the conversation."""
    session, project = past.ids[title], past.project_of(title)
    before = len(conversation(server, session, project))
    plan = (Reply(calls=(bash(1, "cress"),)), Reply("The cress is up."))
    assert server.converse(session, project, "Sow cress.", *plan) == "The cress is up."
    after = conversation(server, session, project)
    assert len(after) == before + 3, "a prompt, a tool call, an answer"
    assert "cress" in json.dumps(after[-2]["parts"])


def _commands_agree(past: Past, roots: set[str], exports: list[str]) -> None:
    listed = past.home.listed(past.alpha) | past.home.listed(past.beta)
    assert listed == roots
    rows = session_rows(past.home)
    trees = [key for key, row in rows.items() if key in exports or row.parent_id in exports]
    for key in trees:
        export = past.home.exported(key, Path(rows[key].directory))
        assert export["info"]["id"] == key
        assert _size(export["messages"]) == (rows[key].messages, rows[key].parts)


def conversation(server: Server, session: str, project: Path) -> Messages:
    """All messages of a session as opencode gives them out."""
    messages: Messages = server.get(f"/session/{session}/message", project)
    return messages


def tool_states(messages: Messages) -> list[dict[str, Any]]:
    """The `state` of every tool part of a conversation, in order."""
    parts = [part for message in messages for part in message["parts"]]
    return [part["state"] for part in parts if part["type"] == "tool"]


def _size(messages: Messages) -> tuple[int, int]:
    return len(messages), sum(len(message["parts"]) for message in messages)
