"""What the details panel and `ocdu show` tell about one session, and bytes by kind.

Kinds are recognised by the head of a row, without parsing it: opencode writes `"type":"…"` within
the first characters, and a quote inside a text would be escaped. Bodies never reach Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from threading import Event
from typing import Any

from peewee import SQL

from tui.forest import Forest
from tui.records import NOTHING, SessionDetail
from tui.store.database import Store, as_text
from tui.store.models import Session
from tui.store.query import answers, fetch
from tui.store.usage import slices

KINDS = ("text", "reasoning", "tool", "attachments", "messages", "events", "other")
"""What a payload octet belongs to. Their sum is the payload of all tables."""

_PART_KIND = """CASE
 WHEN instr(substr(data, 1, 300), '"type":"tool"') THEN 'tool'
 WHEN instr(substr(data, 1, 300), '"type":"text"') THEN 'text'
 WHEN instr(substr(data, 1, 300), '"type":"reasoning"') THEN 'reasoning'
 WHEN instr(substr(data, 1, 300), '"type":"file"') THEN 'attachments'
 ELSE 'other' END"""

_TABLES = (
    ("message", "session_id", "'messages'"),
    ("part", "session_id", _PART_KIND),
    ("event", "aggregate_id", "'events'"),
)

FIRST_TEXTS, TEXT_LENGTH = 3, 400
"""How many of the user's first texts the details show, and how many characters of each."""


def session_detail(store: Store, forest: Forest, id: str) -> SessionDetail:
    """Everything but the bytes by kind, from one row and a few bounded texts.

    Raises KeyError when the session is not in the forest.
    """
    tree = forest.branch_of(id)
    schema = store.schema
    wanted: list[Any] = [
        column.cast("blob") if schema.has("session", column.column_name) else SQL("NULL")
        for column in (Session.model, Session.agent, Session.share_url)
    ]
    counted = [name for name in schema.columns["session"] if name.startswith("tokens_")]
    tokens: Any = SQL(" + ".join(f"coalesce({name}, 0)" for name in counted) or "0")
    with store.reading() as db:
        query = Session.select(*wanted, tokens).where(Session.id == id)
        found = answers(query, db)
        beginning = _beginning(db.connection(), id)
    model, agent, share, total = found[0] if found else (None, None, None, 0)
    return SessionDetail(
        row=tree.root,
        model=model_name(as_text(model)),
        agent=as_text(agent),
        tokens=int(total) if isinstance(total, int | float) else 0,
        share_url=as_text(share) or None,
        usage=forest.usage_of(id) or NOTHING,
        tree_usage=tree.usage,
        tree_sessions=len(tree.rows),
        beginning=beginning,
    )


def model_name(stored: str) -> str:
    """The model's id out of the JSON that newer versions store; the text itself otherwise."""
    try:
        found = json.loads(stored)
    except ValueError:
        return stored
    return str(found.get("id", "")) if isinstance(found, dict) else stored


def _beginning(connection: Any, id: str) -> tuple[str, ...]:
    """The first texts the user wrote. Malformed rows and huge ones are passed over."""
    found = fetch(
        connection,
        "SELECT CAST(substr(json_extract(p.data, '$.text'), 1, ?3) AS BLOB) FROM message m"
        " JOIN part p ON p.message_id = m.id WHERE m.session_id = ?1"
        " AND octet_length(m.data) < 1000000 AND octet_length(p.data) < 1000000"
        ' AND m.data LIKE \'%"role":"user"%\''
        " AND CASE WHEN json_valid(p.data) THEN p.data ->> '$.type' = 'text' END"
        " ORDER BY m.time_created, m.id, p.id LIMIT ?2",
        (id, FIRST_TEXTS, TEXT_LENGTH),
    )
    return tuple(as_text(text) for (text,) in found)


def kinds(
    store: Store, ids: Iterable[str] | None = None, stop: Event | None = None
) -> Iterator[dict[str, int]]:
    """Octets by kind, of these sessions or of the whole file; the same dict grows and is yielded.

    Short statements, so that it pins nothing and can be stopped between any two.
    """
    result = dict.fromkeys(KINDS, 0)
    found = _by_session(store, list(ids)) if ids is not None else _by_slice(store)
    for counted in found:
        for kind, octets in counted:
            result[kind] += octets or 0
        yield result
        if stop is not None and stop.is_set():
            return


def _by_session(store: Store, ids: list[str]) -> Iterator[list[Any]]:
    for id in ids:
        for table, key, kind in _present(store):
            with store.reading() as db:
                statement = (
                    f'SELECT {kind}, sum(octet_length(data)) FROM "{table}" WHERE "{key}" = ?'
                    " GROUP BY 1"
                )
                yield fetch(db.connection(), statement, (id,))


def _by_slice(store: Store) -> Iterator[list[Any]]:
    for table, _, kind in _present(store):
        for found in slices(store, table, kind):
            yield [(key, octets) for key, _, octets, _ in found]


def _present(store: Store) -> list[tuple[str, str, str]]:
    return [each for each in _TABLES if store.schema.has(each[0], "data")]
