"""What the details panel and `ocdu show` tell about a session: one row and a few bounded texts."""

from __future__ import annotations

import json
import math
from typing import Any

from peewee import SQL

from tui.records import NOTHING, SessionDetail, SessionRow, Usage
from tui.store.database import Store, as_text
from tui.store.models import Session
from tui.store.query import answers, fetch

FIRST_TEXTS, TEXT_LENGTH = 3, 400
"""How many of the user's first texts the details show, and how many characters of each."""


def session_detail(
    store: Store,
    row: SessionRow,
    usage: Usage | None = None,
    tree_usage: Usage = NOTHING,
    tree_sessions: int = 1,
) -> SessionDetail:
    """Everything about a session but its bytes by kind.

    What it takes alone and with its `tree_sessions` descendants (itself among them) is known to
    the caller and passed through.
    """
    schema = store.schema
    wanted: list[Any] = [
        column.cast("blob") if schema.has("session", column.column_name) else SQL("NULL")
        for column in (Session.model, Session.agent, Session.share_url)
    ]
    counted = [name for name in schema.columns["session"] if name.startswith("tokens_")]
    tokens: Any = SQL(" + ".join(f"coalesce({name}, 0)" for name in counted) or "0")
    with store.reading() as db:
        query = Session.select(*wanted, tokens).where(Session.id == row.id)
        found = answers(query, db)
        beginning = _beginning(db.connection(), row.id)
    model, agent, share, total = found[0] if found else (None, None, None, 0)
    return SessionDetail(
        row=row,
        model=model_name(as_text(model)),
        agent=as_text(agent),
        tokens=int(total) if isinstance(total, int | float) and math.isfinite(total) else 0,
        share_url=as_text(share) or None,
        usage=usage or NOTHING,
        tree_usage=tree_usage,
        tree_sessions=tree_sessions,
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
