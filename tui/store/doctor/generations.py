"""Where a file stands between opencode 1.x and 2.x, and what 2.x leaves behind in it."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from tui.records import Symptom
from tui.store.database import Store, as_text
from tui.store.doctor.walk import SAMPLE
from tui.store.generations import IMPORT_KEY
from tui.store.query import fetch

_STATE = """SELECT CAST(CASE WHEN json_valid(value) THEN json_extract(value, '$.phase') END AS BLOB)
  FROM kv WHERE key = ? AND octet_length(value) < 100000"""

_BLOBS = """SELECT CAST(hash AS BLOB), octet_length(value) FROM instruction_blob WHERE hash NOT IN (
  SELECT value FROM named WHERE value IS NOT NULL)"""

_NAMED = """WITH named AS (
  SELECT v.value FROM instruction_state i, json_each(i.initial_values) v
   WHERE json_valid(i.initial_values) UNION
  SELECT v.value FROM instruction_state i, json_each(i.current_values) v
   WHERE json_valid(i.current_values)) """


def between_generations(store: Store) -> Iterator[Symptom]:
    """The importer's state, and content-addressed blobs that no session names any more."""
    schema = store.schema
    with store.reading() as db:
        connection = db.connection()
        if schema.has("session_v2") and schema.has("session"):
            yield _importer(connection, schema.has("kv", "value"))
        if schema.has("instruction_blob", "hash") and schema.has("instruction_state"):
            yield from _leaked_blobs(connection)


def _importer(connection: apsw.Connection, has_memory: bool) -> Symptom:
    """What the importer says of itself: done, in the middle, or not begun."""
    found = fetch(connection, _STATE, (IMPORT_KEY,)) if has_memory else []
    phase = as_text(found[0][0]) if found else ""
    left = fetch(connection, "SELECT count(*) FROM session WHERE id NOT IN"
                             " (SELECT id FROM session_v2)")[0][0]  # fmt: skip
    kinds = {
        "completed": "importer_done",
        "sessions": "importer_interrupted",
        "": "importer_not_run",
    }
    return Symptom(kinds.get(phase, "importer_unknown"), left, None, (), (phase,) if phase else ())


def _leaked_blobs(connection: apsw.Connection) -> Iterator[Symptom]:
    broken = "SELECT 1 FROM instruction_state WHERE NOT json_valid(initial_values) OR"
    if fetch(connection, f"{broken} NOT json_valid(current_values) LIMIT 1"):
        return  # what cannot be read may name any of them
    found = fetch(connection, _NAMED + _BLOBS)
    if found:
        octets = sum(size or 0 for _, size in found)
        ids = tuple(as_text(hash) for hash, _ in found[:SAMPLE])
        yield Symptom("leaked_blob", len(found), octets, ids)
