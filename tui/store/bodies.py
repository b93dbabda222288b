"""What an entry of a conversation says, a piece at a time: never more than PIECE of a text.

Rows that SQLite may parse are cut by `substr`, as octets: of a text it sees no further than to the
first NUL. In a row over LARGE the place of the text is found by walking over its octets, and a
piece is read from there. Attachments are told by type and size and never decoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import apsw

from tui import format
from tui.records import Body, Entry
from tui.store.bodies_v2 import files_in_v2, said_in_v2
from tui.store.database import Store, as_text
from tui.store.json_places import Path, Row, piece_of, strings_of, whole_characters
from tui.store.query import fetch
from tui.store.transcript import LARGE
from tui.store.transcript_v2 import TABLE

PIECE = 16_000
"""Octets of a text that are read at once."""

INPUT = 4_000
"""Octets of a tool's input that are shown."""

LISTED = 200
"""Files or attachments that are named."""

GONE = Body((("It is gone meanwhile.", "error"),))

_TEXT = f"""SELECT substr(CAST(t AS BLOB), ?2 + 1, {PIECE}), octet_length(t) FROM (SELECT
  coalesce(data ->> '$.text', data ->> '$.prompt') AS t FROM part WHERE rowid = ?1 LIMIT 1)"""

_TOOL = f"""SELECT substr(CAST(i AS BLOB), 1, {INPUT}), octet_length(i),
    substr(CAST(o AS BLOB), ?2 + 1, {PIECE}), octet_length(o), substr(CAST(e AS BLOB), 1, {PIECE}),
    substr(CAST(d AS BLOB), 1, {PIECE}), octet_length(d) FROM (SELECT
  data ->> '$.state.input' AS i, data ->> '$.state.output' AS o, data ->> '$.state.error' AS e,
  CASE WHEN data ->> '$.tool' IN ('edit', 'apply_patch', 'patch')
    THEN data ->> '$.state.metadata.diff' END AS d
  FROM part WHERE rowid = ?1 LIMIT 1)"""

_ATTACHED = f"""SELECT CAST(substr(a.value ->> '$.mime', 1, 80) AS BLOB),
    CAST(substr(a.value ->> '$.filename', 1, 200) AS BLOB), octet_length(a.value ->> '$.url')
  FROM part p, json_each(p.data, '$.state.attachments') a
  WHERE p.rowid = ?1 AND json_type(p.data, '$.state.attachments') = 'array'
    AND a.type = 'object' LIMIT {LISTED}"""

_FILE = """SELECT CAST(substr(data ->> '$.mime', 1, 80) AS BLOB),
    CAST(substr(data ->> '$.filename', 1, 200) AS BLOB), octet_length(data ->> '$.url')
  FROM part WHERE rowid = ?1"""

_DIFFS = f"""SELECT CAST(substr(d.value ->> '$.file', 1, 300) AS BLOB), d.value ->> '$.additions',
    d.value ->> '$.deletions', octet_length(d.value)
  FROM message m, json_each(m.data, '$.summary.diffs') d
  WHERE m.rowid = ?1 AND json_type(m.data, '$.summary.diffs') = 'array'
    AND d.type = 'object' LIMIT {LISTED}"""

_ERROR = f"""SELECT CAST(substr(coalesce(data ->> '$.error.data.message',
    data ->> '$.error.message', data ->> '$.error.name'), 1, {PIECE}) AS BLOB)
  FROM message WHERE rowid = ?1"""

_SIZE = """SELECT octet_length(data), CASE WHEN typeof(data) <> 'text' THEN 0
    WHEN octet_length(data) > {large} THEN 0 ELSE json_valid(data) END
  FROM "{table}" WHERE rowid = ?1 AND id = ?2"""

_SHAPES: dict[str, tuple[Path, ...]] = {
    "text": (("text",), ("prompt",)),
    "reasoning": (("text",),),
    "tool": (("state", "output"), ("state", "error")),
    "error": (("error", "data", "message"),),
}
"""Where in a huge row the text of each kind of entry stands."""


def read_body(store: Store, entry: Entry, at: int = 0) -> Body:
    """What the entry says from `at` on, a number that the piece before gave as `next`."""
    if not entry.table:
        return Body()
    with store.reading() as db:
        connection = db.connection()
        id = entry.key if entry.table == "part" else entry.message_id
        statement = _SIZE.format(large=LARGE, table=entry.table)
        for octets, parsed in fetch(connection, statement, (entry.rowid, id)):
            if entry.table == TABLE:
                whole = parsed and (octets or 0) <= LARGE
                return _of_v2(connection, entry, at) if whole else _raw(connection, entry, at)
            if (octets or 0) > LARGE:
                return _of_large(connection, entry, at)
            if not parsed:
                return _raw(connection, entry, at)
            return _of(connection, entry, at)
    return GONE


def _of(connection: apsw.Connection, entry: Entry, at: int) -> Body:
    if entry.kind == "tool":
        return _tool(connection, entry, at)
    if entry.kind in ("text", "reasoning"):
        look = "muted" if entry.kind == "reasoning" or entry.state == "synthetic" else ""
        text, length = fetch(connection, _TEXT, (entry.rowid, at))[0]
        return _pieced([], text, look, at, length)
    if entry.kind == "file":
        return Body(tuple(_files(fetch(connection, _FILE, (entry.rowid,)))))
    if entry.kind == "diffs":
        return Body(tuple(_changes(fetch(connection, _DIFFS, (entry.rowid,)))))
    if entry.kind == "error":
        found = fetch(connection, _ERROR, (entry.rowid,))
        return Body(tuple((as_text(text), "error") for (text,) in found))
    return _raw(connection, entry, at)


def _of_v2(connection: apsw.Connection, entry: Entry, at: int) -> Body:
    """An entry of a row of 2.x."""
    if entry.kind == "file":
        return Body(tuple(_files(files_in_v2(connection, entry))))
    if entry.kind == "other":
        return _raw(connection, entry, at)
    said = said_in_v2(connection, entry, at, PIECE)
    if said is None:
        return GONE
    before: list[tuple[str, str]] = []
    if at == 0:
        before += _given(as_text(said.given), cut=(said.given_length or 0) > PIECE)
        before += [(as_text(said.error), "error")] if said.error else []
    look = "muted" if entry.kind == "reasoning" or entry.state == "synthetic" else ""
    return _pieced(before, said.text, look, at, said.length)


def _pieced(
    before: list[tuple[str, str]], raw: bytes | None, look: str, at: int, octets: int | None
) -> Body:
    """A piece of a longer text, behind what comes before it."""
    if not raw:
        return Body(tuple(before))
    whole = raw if at + len(raw) >= (octets or 0) else whole_characters(raw) or raw
    end = at + len(whole)
    left = max(0, (octets or 0) - end)
    return Body((*before, (as_text(whole), look)), end if left else None, left)


def _tool(connection: apsw.Connection, entry: Entry, at: int) -> Body:
    given, given_length, output, length, error, diff, diff_length = fetch(
        connection, _TOOL, (entry.rowid, at)
    )[0]
    before: list[tuple[str, str]] = []
    if at == 0:
        before += _given(as_text(given), cut=(given_length or 0) > INPUT)
        if diff:
            before.append((as_text(diff), ""))
            if (diff_length or 0) > PIECE:
                before.append(("… the rest of the diff is not shown", "muted"))
        before += _files(fetch(connection, _ATTACHED, (entry.rowid,)))
        if error:
            before.append((as_text(error), "error"))
    if entry.reclaimed:
        return Body((*before, ("output reclaimed: it can no longer be seen", "warning")))
    return _pieced(before, output, "muted" if entry.compacted else "", at, length)


def _given(text: str, *, cut: bool) -> Iterator[tuple[str, str]]:
    """A tool's input, a line for each of its keys."""
    try:
        found = json.loads(text, strict=False) if not cut else None
    except ValueError:
        found = None
    if isinstance(found, dict):
        for key, value in found.items():
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{key}: {said}", "heading"
    elif text:
        yield text + ("…" if cut else ""), "heading"


def _files(rows: Iterable[tuple[Any, Any, Any]]) -> Iterator[tuple[str, str]]:
    """Attachments by type, name and size."""
    for mime, name, octets in rows:
        named = as_text(name)
        about = f"attachment {as_text(mime) or 'of unknown type'}"
        yield f"{about} · {format.size(octets or 0)}{' · ' + named if named else ''}", "muted"


def _changes(rows: Iterable[tuple[Any, Any, Any, Any]]) -> Iterator[tuple[str, str]]:
    """Changed files, each with its lines and its size."""
    count = 0
    for count, (file, added, deleted, octets) in enumerate(rows, 1):  # noqa: B007
        lines = f"+{added or 0} −{deleted or 0}"
        yield f"{as_text(file) or '(unnamed)'}  {lines}  {format.size(octets or 0)}", "muted"
    if count == LISTED:
        yield "… and more", "muted"


def _raw(connection: apsw.Connection, entry: Entry, at: int) -> Body:
    """A row that is no JSON, or of a kind nobody knows: as it stands."""
    try:
        row = Row(connection, entry.table, entry.rowid)
    except apsw.SQLError:
        return GONE
    try:
        text = as_text(row.read(at, PIECE))
        left = max(0, row.octets - at - PIECE)
        return Body(((text, "muted"),), at + PIECE if left else None, left)
    finally:
        row.close()


# rows that must not be parsed


def _of_large(connection: apsw.Connection, entry: Entry, at: int) -> Body:
    try:
        row = Row(connection, entry.table, entry.rowid)
    except apsw.SQLError:
        return GONE
    try:
        if entry.kind == "diffs":
            return Body(tuple(_changed_files(row)))
        if entry.kind in _SHAPES:
            return _walked(row, entry, at)
        about = f"{entry.tool or 'a file'} · {format.size(row.octets)}, not decoded"
        return Body((("attachment " + about, "muted"),))
    finally:
        row.close()


def _changed_files(row: Row) -> Iterator[tuple[str, str]]:
    """Names of changed files; their patches pass by."""
    count = 0
    for place in strings_of(row.read):
        if place.path[:2] == ("summary", "diffs") and place.path[3:] == ("file",):
            count += 1
            if count > LISTED:
                yield "… and more", "muted"
                return
            yield piece_of(row.read, place, 0, 300).text, "muted"


def _walked(row: Row, entry: Entry, at: int) -> Body:
    before: list[tuple[str, str]] = []
    shapes = _SHAPES[entry.kind]
    shown = 0
    for place in strings_of(row.read):
        given = entry.kind == "tool" and place.path[:2] == ("state", "input")
        if given and at == 0 and shown < INPUT:
            said = piece_of(row.read, place, 0, INPUT - shown)
            shown += len(said.text)
            key = " ".join(map(str, place.path[2:]))
            before.append((f"{key}: {said.text}{'…' if said.next < place.end else ''}", "heading"))
        if place.path in shapes:
            piece = piece_of(row.read, place, at, PIECE)
            look = "error" if place.path[-1] == "error" else ""
            look = "muted" if entry.kind == "reasoning" else look
            left = place.end - piece.next
            return Body((*before, (piece.text, look)), piece.next if left else None, left)
    return Body((*before, ("no text was found in this row", "muted")))
