"""What 1.x left in a file that 2.x has upgraded: which of its rows are a copy, and which the only.

2.x copies every session once and never looks again; 1.x goes on working beside it. So "2.x has it,
too" proves nothing: what counts is whether 1.x wrote after the import began, and whether each of
its messages arrived (facts on opencode 2.x, §9). What is not proven is called the only copy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from threading import Event
from typing import Literal, NamedTuple

import apsw

from tui.store.database import Store, as_text
from tui.store.generations import Importer
from tui.store.query import fetch, scalar
from tui.store.schema import Owned, Schema

Category = Literal[
    "v2_only",
    "redundant",
    "diverged",
    "unproven",
    "deleted",
    "v1_only",
    "never_imported",
    "ambiguous",
]
"""Of a session: only 2.x has it; both, and the rows of 1.x are a copy; both, and 1.x went on;
both, but not all of it arrived in 2.x; imported and then deleted in 2.x; made by 1.x after the
import; older, but left out by the import; gone from 2.x or never there, nobody can tell."""

COPIES: tuple[Category, ...] = ("redundant", "deleted")
"""Their rows of 1.x are not needed by anybody. The others' are, or may be."""

SEQUENCED = (1, 17)
"""Since 1.17 every session has a row in `event_sequence` from its first moment on: where it is
missing somebody deleted it. Older ones may never have had one."""

_FOREVER = 2**62
"""A time column that holds no time counts as now: it proves nothing."""

NEWER = f"(max(coalesce(time_created, {_FOREVER}), coalesce(time_updated, {_FOREVER})) > :began)"
"""SQL: a row of 1.x that may have been written since the import began."""

_WROTE_SINCE = f"SELECT 1 FROM {{table}} WHERE session_id = :id AND {NEWER}"

_MISSING = """SELECT count(*) FROM message m WHERE m.session_id = :id
  AND NOT EXISTS (SELECT 1 FROM session_message s WHERE s.id = m.id AND s.session_id = :id)
  AND EXISTS (SELECT 1 FROM part p WHERE p.message_id = m.id)
  AND CASE
    WHEN octet_length(m.data) > 1000000 OR typeof(m.data) <> 'text' OR NOT json_valid(m.data) THEN 1
    WHEN json_extract(m.data, '$.role') IS 'user'
    THEN NOT EXISTS (SELECT 1 FROM part p WHERE p.message_id = m.id AND {marker})
    WHEN json_type(m.data, '$.summary') IS 'true' THEN
      json_extract(m.data, '$.time.completed') IS NOT NULL AND m.data ->> '$.error' IS NULL
      AND NOT EXISTS (SELECT 1 FROM session_message s WHERE s.session_id = :id
        AND s.type = 'compaction' AND s.id = json_extract(m.data, '$.parentID'))
    ELSE NOT EXISTS (SELECT 1 FROM part p
      WHERE p.message_id = json_extract(m.data, '$.parentID') AND {marker}) END"""
_MARKER = """octet_length(p.data) < 100000 AND json_valid(p.data)
  AND p.data ->> '$.type' IN ('compaction', 'subtask')"""
"""Messages that are not in 2.x though they say something, but for those that the importer leaves
out on purpose: a compaction's question is one row with its summary in 2.x, one that failed is none,
and a subtask is a session of its own."""


class Left(NamedTuple):
    """What 1.x keeps of one session."""

    category: Category
    parent: str | None
    """`parent_id` as 1.x has it."""


def categories(store: Store, stop: Event | None = None) -> dict[str, Left]:
    """Every session of the file; {} where 2.x has not finished importing, or `stop` was set.

    Short statements, session by session: some microseconds for each message of 1.x.
    """
    schema = store.schema
    if schema.generation != "both" or schema.importer.phase != "completed":
        return {}
    found: dict[str, Left] = {}
    with store.reading() as db:
        connection = db.connection()
        for (id,) in fetch(connection, "SELECT CAST(id AS BLOB) FROM session_v2"):
            found[as_text(id)] = Left("v2_only", None)
        for id, parent in fetch(
            connection, "SELECT CAST(id AS BLOB), CAST(parent_id AS BLOB) FROM session"
        ):
            if stop is not None and stop.is_set():
                return {}
            name = as_text(id)
            kind = category_of(connection, schema.importer, name)
            found[name] = Left(kind, as_text(parent) or None)
    return found


def category_of(connection: apsw.Connection, importer: Importer, id: str) -> Category:
    """What the rows of 1.x of one session are, as of now."""
    in_v2 = scalar(connection, "SELECT EXISTS (SELECT 1 FROM session_v2 WHERE id = ?)", (id,))
    if not scalar(connection, "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?)", (id,)):
        return "v2_only"
    newer = _wrote_since(connection, importer, id)
    if in_v2:
        return "diverged" if newer else "unproven" if _is_missing(connection, id) else "redundant"
    if newer:
        return "v1_only"
    question = "SELECT EXISTS (SELECT 1 FROM event_sequence WHERE aggregate_id = ?)"
    if scalar(connection, question, (id,)):
        return "never_imported"
    version = scalar(connection, "SELECT CAST(version AS BLOB) FROM session WHERE id = ?", (id,))
    return "deleted" if _had_sequence(as_text(version)) else "ambiguous"


def _wrote_since(connection: apsw.Connection, importer: Importer, id: str) -> bool:
    """Has 1.x written to the session since the import began? A session that was imported early
    may have gone on in 1.x before the last one was."""
    values = {"id": id, "began": importer.began}
    session = _WROTE_SINCE.replace("session_id", "id")
    for table, question in (
        ("session", session),
        ("message", _WROTE_SINCE),
        ("part", _WROTE_SINCE),
        ("todo", _WROTE_SINCE),
    ):
        asked = question.format(table=table)
        if scalar(connection, f"SELECT EXISTS ({asked})", values):
            return True
    return False


def _is_missing(connection: apsw.Connection, id: str) -> bool:
    """Is there a message of 1.x that did not arrive in 2.x, or was taken back there?"""
    return bool(scalar(connection, _MISSING.format(marker=_MARKER), {"id": id}))


def _had_sequence(version: str) -> bool:
    numbers = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= SEQUENCED


def removable(found: Mapping[str, Left]) -> frozenset[str]:
    """Sessions whose rows of 1.x may go: copies, but no ancestor of something that must stay."""
    going = {id for id, left in found.items() if left.category in COPIES}
    for left in found.values():
        above = left.parent if left.category not in (*COPIES, "v2_only") else None
        while above in going:
            going.discard(above)
            above = found[above].parent
    return frozenset(going)


def removable_now(connection: apsw.Connection, importer: Importer, id: str) -> bool:
    """The same of one session, as of now: a copy, with nothing below it that must stay."""
    below, seen = [id], {id}
    while below:
        name = below.pop()
        kind = category_of(connection, importer, name)
        if kind not in (*COPIES, "v2_only") or (name == id and kind == "v2_only"):
            return False
        question = "SELECT CAST(id AS BLOB) FROM session WHERE parent_id = ?"
        children = {as_text(child) for (child,) in fetch(connection, question, (name,))} - seen
        seen |= children
        below += children
    return True


class Signs(NamedTuple):
    """What moves when a session goes on, in either generation; read through indices."""

    old: tuple[object, ...]
    """The session as 1.x has it, the newest message there, and its counter while 2.x has none."""
    new: tuple[object, ...]
    """The session as 2.x has it, and how many messages there."""
    children: frozenset[str]
    """Sessions below it in 1.x."""

    def still(self, now: Signs) -> bool:
        """True when nothing happened but that rows of 1.x went away."""
        *mine, newest = self.old
        *theirs, latest = now.old
        is_older = isinstance(latest, int) and isinstance(newest, int) and latest <= newest
        return (mine, self.new) == (theirs, now.new) and is_older and now.children <= self.children


def signs_of(connection: apsw.Connection, id: str) -> Signs:
    """Some index steps, whatever the size of the session."""
    old = fetch(
        connection,
        "SELECT time_updated, parent_id, EXISTS (SELECT 1 FROM event_sequence"
        " WHERE aggregate_id = s.id AND NOT EXISTS (SELECT 1 FROM session_v2 WHERE id = s.id)),"
        " coalesce((SELECT max(time_created) FROM message WHERE session_id = s.id), 0)"
        " FROM session s WHERE id = ?",
        (id,),
    )
    new = fetch(
        connection,
        'SELECT time_updated, "revert", (SELECT count(*) FROM session_message'
        " WHERE session_id = s.id) FROM session_v2 s WHERE id = ?",
        (id,),
    )
    question = "SELECT CAST(id AS BLOB) FROM session WHERE parent_id = ?"
    children = frozenset(as_text(child) for (child,) in fetch(connection, question, (id,)))
    return Signs(old[0] if old else (None,), new[0] if new else (), children)


def old_estate(schema: Schema) -> tuple[Owned, ...]:
    """What 1.x keeps of a session, children first: without the counter, which 2.x uses as well."""
    mine = {"session"}
    waiting = ["session"]
    while waiting:
        for child, _, _ in schema.cascades[waiting.pop()]:
            if child not in mine:
                mine.add(child)
                waiting.append(child)
    return tuple(owned for owned in schema.estate if owned.table in mine)


def old_rows(
    connection: apsw.Connection, schema: Schema, ids: Iterable[str]
) -> dict[str, tuple[int, int]]:
    """Rows and payload octets that 1.x keeps of these sessions."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for id in ids:
        for owned in old_estate(schema):
            octets = "sum(octet_length(data))" if "data" in owned.columns else "0"
            question = f'SELECT count(*), coalesce({octets}, 0) FROM "{owned.table}"'
            [(rows, size)] = fetch(connection, f"{question} WHERE {owned.where}", {"id": id})
            found[id] = (found[id][0] + rows, found[id][1] + size)
    return found
