"""Parts that name another session than their message does.

opencode shows a part with its message and counts it for the session it names; no foreign key keeps
the two together. They are compared in sums over two indices; only where those differ the rows are
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from tui.records import Symptom
from tui.store.database import Store, as_text
from tui.store.doctor.walk import SAMPLE, Key, keys_where
from tui.store.query import fetch

STRAY = "part_elsewhere"

_DIFFERS = """(SELECT count(*) || ' ' || total(rowid) FROM part WHERE session_id = k) IS NOT
  (SELECT count(*) || ' ' || total(p.rowid) FROM message m JOIN part p ON p.message_id = m.id
   WHERE m.session_id = k)"""
"""Rows and the sum of their rowids, by what the parts say and by what their messages say."""


def parts_elsewhere(store: Store) -> Iterator[Symptom]:
    """One symptom with all such parts, if there are any; `ids` are those of the parts."""
    if not (store.schema.has("part") and store.schema.has("message")):
        return  # a file that 2.x made has neither
    rows = octets = 0
    ids: list[str] = []
    with store.reading() as db:
        connection = db.connection()
        for hit in keys_where(connection, "part", "session_id", _DIFFERS):
            for id, size in _elsewhere(connection, hit.key):
                rows += 1
                octets += size or 0
                ids += [as_text(id)] if len(ids) < SAMPLE else []
    if rows:
        yield Symptom(STRAY, rows, octets, tuple(ids))


def _elsewhere(connection: apsw.Connection, key: Key) -> list[tuple[bytes, int | None]]:
    return fetch(
        connection,
        "SELECT CAST(p.id AS BLOB), octet_length(p.data) FROM part p JOIN message m"
        f" ON m.id = p.message_id WHERE p.session_id = {key.marker}"
        " AND m.session_id IS NOT p.session_id",
        (key.value,),
    )
