"""What belongs to nobody: rows whose session is gone, parts whose message is gone, diff files.

SQL deletes leave `event` and `event_sequence` behind, as no foreign key ties them to a session;
deletes without foreign keys leave more (facts on opencode's storage, §4a, §4d). A session is gone
when neither generation has its row. One whose events still hold a snapshot of it, and no word of
its deletion, can be brought back from them: it is no orphan but the only copy (#47509).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import NamedTuple

import apsw

from tui.records import Payload
from tui.sizes import Cells
from tui.store.database import Store, as_text
from tui.store.orphaned_files import orphaned_files
from tui.store.pages import CELL_HEADER, ID_ENTRY, ID_FILL, Leaves, spilled
from tui.store.query import fetch, scalar
from tui.store.schema import SOFT_LINKS, Owned, Schema

ORPHANS = "orphans"
"""The level these records are of."""

ONLY_COPY = "only_copy"
"""Why a session is no orphan: nothing but its events could bring it back."""

AT_ONCE = 2_000
"""Ids or sizes asked for by one statement: some milliseconds."""

SPAN = 5_000
"""Parts looked through by one statement."""

COUNTED = ("messages", "parts", "events")
"""What a plan counts by name; rows of other tables are few and small."""

ROW, INDEX = 110, 155
"""Octets of a row beside its data, and of its entries in the indices; those of event and part."""

CLOCK = 2**36
"""Milliseconds after which the clock in opencode's ids begins again (facts, §4k)."""

DAY = 86_400_000


class OwnedRow(NamedTuple):
    """One row of an orphan."""

    rowid: int
    octets: int


def find_orphans(
    store: Store,
    session_ids: Iterable[str] | None = None,
    stop: Event | None = None,
    *,
    now_ms: int | None = None,
    files: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[Payload]:
    """One record for each id that owns rows or a file and no session, the largest first.

    `files` is opencode's data directory. Parts without a message count for the session they name,
    although that one may live. What is the only copy comes with that reason, without bytes.
    """
    stop, now = stop or Event(), now_ms or time.time_ns() // 1_000_000
    beside = dict(orphaned_files(store.path, files, now)) if files is not None else {}
    found: list[Payload] = []
    with store.reading() as db:
        connection, schema = db.connection(), store.schema
        ids = set(beside) if session_ids is None else set(session_ids)
        if session_ids is None:
            ids.update(*(_strangers(connection, schema, link, stop) for link in _links(schema)))
            if schema.has("part") and schema.has("message"):
                ids.update(_stray_parts(connection, stop))
        for done, id in enumerate(sorted(ids), start=1):
            if stop.is_set():
                break
            record = _record(connection, schema, id, beside.get(id, 0), now)
            found += [record] if record else []
            if on_progress:
                on_progress(done / len(ids))
    return sorted(found, key=lambda each: (-each.bytes, each.session_id))


def _links(schema: Schema) -> list[tuple[str, str]]:
    """(table, column) of everything that names a session."""
    keys = [*schema.cascades.get("session", ()), *schema.cascades.get("session_v2", ())]
    links = [(table, column) for table, column, _ in keys]
    links += [link for link in (*SOFT_LINKS, ("part", "session_id")) if schema.has(*link)]
    return list(dict.fromkeys(link for link in links if link[0] not in ("session", "session_v2")))


def is_gone(schema: Schema, id: str) -> str:
    """SQL: true when no generation has the session that this expression names."""
    return " AND ".join(
        f'NOT EXISTS (SELECT 1 FROM main."{table}" ocdu WHERE ocdu.id = {id})'
        for table in ("session", "session_v2")
        if schema.has(table)
    )


def _strangers(
    connection: apsw.Connection, schema: Schema, link: tuple[str, str], stop: Event
) -> Iterator[str]:
    """Ids in this column that are no session's: one step in the index for each id."""
    table, column = link
    following = f'SELECT min("{column}") FROM "{table}" WHERE "{column}" >'
    statement = f"""WITH RECURSIVE named(id) AS ({following} CAST(:after AS TEXT) UNION ALL
        SELECT ({following} named.id) FROM named WHERE named.id IS NOT NULL LIMIT {AT_ONCE})
        SELECT CAST(id AS BLOB), {is_gone(schema, "named.id")} FROM named WHERE id IS NOT NULL"""
    if not _is_indexed(connection, table, column):
        statement = f"""SELECT CAST(d.id AS BLOB), {is_gone(schema, "d.id")} FROM (
            SELECT DISTINCT "{column}" AS id FROM "{table}"
            WHERE "{column}" > CAST(:after AS TEXT)) d ORDER BY d.id"""
    after = b""
    while not stop.is_set():
        found = fetch(connection, statement, {"after": after})
        for id, gone in found:
            if gone and as_text(id).encode() == id:  # an id that cannot be written is left alone
                yield as_text(id)
        if len(found) < AT_ONCE:
            return
        after = found[-1][0]


def _is_indexed(connection: apsw.Connection, table: str, column: str) -> bool:
    statement = (
        "SELECT 1 FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i"
        " WHERE i.seqno = 0 AND i.name = ?"
    )
    return bool(fetch(connection, statement, (table, column)))


def _stray_parts(connection: apsw.Connection, stop: Event) -> Iterator[str]:
    """For every part whose message is gone the session it names, in the order of messages."""
    statement = """SELECT CAST(session_id AS BLOB) FROM part
        WHERE message_id >= CAST(:first AS TEXT)
          AND (:last IS NULL OR message_id < CAST(:last AS TEXT))
          AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = part.message_id)"""
    later = """SELECT CAST(message_id AS BLOB) FROM part WHERE message_id > CAST(? AS TEXT)
        ORDER BY message_id LIMIT 1 OFFSET ?"""
    first: bytes | None = b""
    while first is not None and not stop.is_set():
        last = scalar(connection, later, (first, SPAN))
        for (id,) in fetch(connection, statement, {"first": first, "last": last}):
            if id is not None and as_text(id).encode() == id:
                yield as_text(id)
        first = last


def _record(
    connection: apsw.Connection, schema: Schema, id: str, file_bytes: int, now: int
) -> Payload | None:
    lives = not scalar(connection, f"SELECT {is_gone(schema, ':id')}", {"id": id})
    if not lives and is_only_copy(connection, schema, id):
        return Payload(id, ORPHANS, 0, 0, 0, reason=ONLY_COPY)
    counts: Counter[str] = Counter()
    octets = pages = rows = 0
    page_size = int(scalar(connection, "PRAGMA page_size"))
    cells: list[Cells] = []
    for owned in estate_of(schema, lives):
        found = rows_of(connection, schema, owned, id)
        rows += len(found)
        counts[owned.table + "s"] += len(found)
        octets += sum(each.octets for each in found)
        if schema.has(owned.table, "data"):
            pages += _page_bytes(found, page_size)
            cells.append(_cells(owned.table, found, page_size))
    if not rows and not file_bytes:
        return None
    known = counts["messages"] + counts["parts"] + counts["events"]
    pages += file_bytes
    told = [(name, counts[name]) for name in COUNTED if counts[name]]
    told += [("files", 1)] if file_bytes else []
    told += [("rows", rows - known)] if rows > known else []
    active = 0 if lives else newest_time(connection, schema, id, now)
    total = octets + file_bytes
    return Payload(
        id, ORPHANS, rows, total, pages, counts=tuple(told), active=active, cells=tuple(cells)
    )


def _cells(table: str, rows: list[OwnedRow], page_size: int) -> Cells:
    """What these rows take in their leaves, and beyond."""
    lie = [spilled(row.octets + ROW, page_size) for row in rows]
    leaves = [local + CELL_HEADER for local, _ in lie]
    overflow, squares = sum(pages for _, pages in lie), float(sum(each**2 for each in leaves))
    return Cells(table, len(rows), sum(leaves), overflow, squares)


def _page_bytes(rows: list[OwnedRow], page_size: int) -> int:
    """Bytes of pages that become free with these rows: whoever lies between them stays.

    Indices that begin with the session or the message hold them side by side; the table and the
    index of its ids hold them as they were written, among those of other sessions.
    """
    leaves, ids = Leaves(page_size), Leaves(page_size, ID_FILL)
    overflowing = 0
    before = rows[0].rowid - 1 if rows else 0
    for row in rows:
        local, overflow = spilled(row.octets + ROW, page_size)
        between = row.rowid - before - 1
        if between:
            leaves.add(min(between * local, page_size), goes=False)
            ids.add(min(between * ID_ENTRY, page_size), goes=False)
        leaves.add(local, goes=True)
        ids.add(ID_ENTRY, goes=True)
        overflowing += overflow
        before = row.rowid
    freed = leaves.freed + ids.freed + len(rows) * (INDEX - ID_ENTRY) // page_size
    return overflowing + freed * page_size


def estate_of(schema: Schema, lives: bool) -> list[Owned]:
    """What goes: everything of a session that is gone, only stray parts of one that lives."""
    owned = [each for each in schema.estate if each.table not in ("session", "session_v2")]
    return [each for each in owned if each.where == each.check] if lives else owned


def rows_of(connection: apsw.Connection, schema: Schema, owned: Owned, id: str) -> list[OwnedRow]:
    """The rows of one table, in the order of the file; sizes come without the bodies."""
    statement = f'SELECT rowid FROM main."{owned.table}" WHERE {owned.where} ORDER BY rowid'
    rowids = [rowid for (rowid,) in fetch(connection, statement, {"id": id})]
    if not schema.has(owned.table, "data"):
        return [OwnedRow(rowid, 0) for rowid in rowids]
    sizes = (
        f'SELECT rowid, coalesce(octet_length(data), 0) FROM main."{owned.table}"'
        " WHERE rowid IN (SELECT value FROM json_each(?)) ORDER BY rowid"
    )
    pieces = (rowids[at : at + AT_ONCE] for at in range(0, len(rowids), AT_ONCE))
    found = (fetch(connection, sizes, (json.dumps(piece),)) for piece in pieces)
    return [OwnedRow._make(row) for rows in found for row in rows]


def is_only_copy(connection: apsw.Connection, schema: Schema, id: str) -> bool:
    """True when the events hold a snapshot of the session and do not say that it was deleted."""
    if not schema.has("event", "type"):
        return False
    created, updated, deleted = (
        # A range, so that the index of (aggregate_id, type, seq) answers, however long the log is.
        "EXISTS (SELECT 1 FROM main.event WHERE aggregate_id = :id"
        f" AND type >= 'session.{word}' AND type < 'session.{word}/')"
        for word in ("created", "updated", "deleted")
    )
    statement = f"SELECT ({created} OR {updated}) AND NOT {deleted}"
    return bool(scalar(connection, statement, {"id": id}))


def newest_time(connection: apsw.Connection, schema: Schema, id: str, now: int) -> int:
    """When the newest of an orphan was written (ms), as its rows and ids tell; 0 when none does."""
    times = [_of_clock(id.removeprefix("ses_"), now, descends=True)]
    for owned in schema.estate:
        column = next((c for c in ("time_updated", "time_created") if c in owned.columns), None)
        if column is not None and owned.table not in ("session", "session_v2"):
            statement = f'SELECT max("{column}") FROM main."{owned.table}" WHERE {owned.where}'
            newest = scalar(connection, statement, {"id": id})
            times.append(newest if isinstance(newest, int) else 0)
    if schema.has("event", "seq"):
        statement = (
            "SELECT CAST(id AS BLOB) FROM main.event WHERE aggregate_id = ?"
            " ORDER BY seq DESC LIMIT 1"
        )
        event = as_text(scalar(connection, statement, (id,)))
        times.append(_of_clock(event.removeprefix("evt_"), now))
    return max(times)


def _of_clock(name: str, now: int, *, descends: bool = False) -> int:
    """The time in an id without its prefix, ms; 0 when it is none of opencode's."""
    try:
        clock = int(name[:12], 16) if len(name) >= 26 else None
    except ValueError:
        clock = None
    if clock is None:
        return 0
    if descends:
        clock = ~clock & (2**48 - 1)
    made = clock >> 12
    rounds = (now + DAY - made) // CLOCK
    return made + rounds * CLOCK
