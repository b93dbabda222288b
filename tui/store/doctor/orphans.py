"""Rows whose owner is gone: messages without a session, parts without a message, and so on.

The foreign keys of the file say who owns whom, so a table of tomorrow is not forgotten. They are
only kept by connections that ask for it; a tool that does not leaves orphans behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apsw

from tui.records import Symptom
from tui.store.database import Store
from tui.store.doctor.walk import SAMPLE, Key, keys_where, octets_of
from tui.store.schema import Schema

SESSIONS = ("session", "session_v2")
"""The sessions of either generation: what hangs on a project and is no orphan without one."""

ORPHAN = "orphan_"
"""What these kinds begin with; the table follows."""

OF_SESSIONS = (*SESSIONS, "message")
"""Owners whose orphans belonged to a session."""

UNOWNED = "unowned_"
"""What the kinds of other orphans begin with: those of a project, say."""

WITHOUT_PROJECT = "session_without_project"


class Link(NamedTuple):
    """A column that names an owner."""

    table: str
    column: str
    owner: str
    key: str


def rows_without_owner(store: Store) -> Iterator[Symptom]:
    """One symptom for each table that has orphans; `ids` are the owners that are gone."""
    schema = store.schema
    with store.reading() as db:
        for link in links(schema):
            found = _without_owner(db.connection(), schema, link)
            if found.count:
                yield found


def links(schema: Schema) -> Iterator[Link]:
    """Every ON DELETE CASCADE of the file but that of the events, which have a page of their own.

    Tables that opencode does not have are somebody else's business.
    """
    for owner, children in schema.cascades.items():
        for table, column, key in children:
            if table != "event":
                yield Link(table, column, owner, key)


def _without_owner(connection: apsw.Connection, schema: Schema, link: Link) -> Symptom:
    gone = f'NOT EXISTS (SELECT 1 FROM "{link.owner}" WHERE "{link.key}" = k)'
    keys: list[Key] = []
    rows = octets = 0
    for hit in keys_where(connection, link.table, link.column, gone):
        rows += hit.rows
        octets += octets_of(
            connection, link.table, link.column, schema.columns[link.table], hit.key
        )
        keys += [hit.key] if len(keys) < SAMPLE else []
    kind = UNOWNED + link.table if link.owner not in OF_SESSIONS else ORPHAN + link.table
    kind = WITHOUT_PROJECT if link.table in SESSIONS else kind
    return Symptom(kind, rows, octets, tuple(key.text for key in keys))
