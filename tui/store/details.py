"""What the details panel and `ocdu show` tell about a session: one row and a few bounded texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from peewee import SQL

from tui.format import size
from tui.records import NOTHING, SessionDetail, SessionRow, Usage
from tui.store.database import Store, as_text
from tui.store.generations import Importer
from tui.store.models import Session
from tui.store.models_v2 import SessionV2
from tui.store.query import answers, fetch

FIRST_TEXTS, TEXT_LENGTH = 3, 400
"""How many of the user's first texts the details show, and how many characters of each."""

GLOBAL = "global"
"""opencode's project for folders that are under no version control."""


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
    in_v2 = row.generation != "v1"
    table: type[Session] | type[SessionV2] = SessionV2 if in_v2 else Session
    name = "session_v2" if in_v2 else "session"
    wanted: list[Any] = [
        column.cast("blob") if schema.has(name, column.column_name) else SQL("NULL")
        for column in (table.model, table.agent, table.share_url)
    ]
    counted = [name for name in schema.columns[name] if name.startswith("tokens_")]
    tokens: Any = SQL(" + ".join(f"coalesce({name}, 0)" for name in counted) or "0")
    with store.reading() as db:
        query = table.select(*wanted, tokens).where(table.id == row.id)
        found = answers(query, db)
        ask = BEGINNING_V2 if in_v2 else BEGINNING
        texts = fetch(db.connection(), ask, (row.id, FIRST_TEXTS, TEXT_LENGTH))
        beginning = tuple(as_text(text) for (text,) in texts)
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
        notes=tuple(_notes(row, schema.importer, usage or NOTHING)),
    )


def model_name(stored: str) -> str:
    """The model's id out of the JSON that newer versions store; the text itself otherwise."""
    try:
        found = json.loads(stored)
    except ValueError:
        return stored
    return str(found.get("id", "")) if isinstance(found, dict) else stored


def _notes(row: SessionRow, importer: Importer, usage: Usage) -> Iterator[str]:
    """What two generations in one file mean for this session."""
    if row.diverged:
        yield (
            "1.x went on with it after 2.x had copied it: each of the two has what the other lacks."
        )
    elif row.generation == "both" and usage.copy_bytes:
        yield f"{size(usage.copy_bytes)} of it are the copy that 1.x left behind."
    if row.generation == "v1" and importer.phase == "completed":
        yield "2.x does not show it: only the rows of 1.x are there."
    if row.generation != "v1" and row.project_id == GLOBAL:
        yield "It belongs to no project: 2.x's list leaves it out. It is hidden, not lost."


BEGINNING = """SELECT CAST(substr(json_extract(p.data, '$.text'), 1, ?3) AS BLOB) FROM message m
  JOIN part p ON p.message_id = m.id WHERE m.session_id = ?1
  AND octet_length(m.data) < 1000000 AND octet_length(p.data) < 1000000
  AND m.data LIKE '%"role":"user"%'
  AND CASE WHEN json_valid(p.data) THEN p.data ->> '$.type' = 'text' END
  ORDER BY m.time_created, m.id, p.id LIMIT ?2"""
"""The first texts the user wrote. Malformed rows and huge ones are passed over."""

BEGINNING_V2 = """SELECT CAST(substr(json_extract(data, '$.text'), 1, ?3) AS BLOB)
  FROM session_message WHERE session_id = ?1 AND type = 'user'
  AND octet_length(data) < 1000000 AND json_valid(data) ORDER BY seq LIMIT ?2"""
"""The same as 2.x keeps them."""
