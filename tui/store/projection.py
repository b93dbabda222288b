"""Proof that rows hold what the newest events say, in SQL: only then may older events go.

opencode writes an event and the row it is about in one transaction; on real files of 1.17 and 1.18
every message and part equals the object of its newest event but for the order of keys. So the two
are compared as objects: laid over the row by `json_patch`, the event must change nothing, and both
must be of one length. A row whose payload was reclaimed is compared without what a reclaim takes,
on both sides alike; times at which a message began and ended say nothing about its state.

Rows over LARGE are not parsed, which would take several times their size in memory: they must be
as long as the event, to the byte, or have been written no earlier (opencode stamps them then).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from threading import Event

import apsw

from tui.store.database import as_text
from tui.store.event_log import MESSAGE, PART, SESSION, Log, Newest
from tui.store.pieces import LARGE
from tui.store.query import fetch, scalar
from tui.store.tool_parts import MARKER

SLICE = 0.030
"""Seconds one read may last; a single row may take longer."""

FIRST_PIECE, SMALLEST_PIECE, LARGEST_PIECE = 400_000, 20_000, 20_000_000
"""Octets of snapshots compared by one statement: at first, and the limits time may move it to."""

ROW_COST = 2_000
"""Octets that comparing a row costs beside its length."""

ASKED_AT_ONCE = 2_000
"""Rows whose absence is proved by one statement."""

CLOCK = 2**36
"""Milliseconds after which the clock in opencode's ids begins again (facts, §4k)."""

_MARK = "'$.state.time.compacted'"
_EMPTIED = f"'$.state.output', '$.state.attachments', {_MARK}" + "".join(
    f", '$.state.metadata.{copy}'" for copy in ("output", "preview", "display.text")
)

_WITHOUT = {
    # The mark says nothing about the words, and is set on outputs too short to be emptied as well.
    PART: f"""CASE WHEN json_extract(held, '$.state.output') IS '{MARKER}'
      THEN jsonb_remove({{0}}, {_EMPTIED}) ELSE jsonb_remove({{0}}, {_MARK}) END""",
    MESSAGE: """jsonb_replace({0}, '$.time.created', 0, '$.time.completed', 0,
      CASE json_type({0}, '$.summary.diffs') WHEN 'array' THEN '$.summary.diffs' ELSE '$.no' END,
      (SELECT jsonb_group_array(jsonb_array(value -> '$.file', value -> '$.additions',
         value -> '$.deletions', value -> '$.status')) FROM json_each({0}, '$.summary.diffs')))""",
}
"""What of a snapshot is compared where it does not equal the row in full."""

_IDS = {PART: "'$.id', '$.sessionID', '$.messageID'", MESSAGE: "'$.id', '$.sessionID'"}
_OBJECT = {PART: "$.part", MESSAGE: "$.info"}

_SAME = """octet_length(json({0})) = octet_length(json({1})) AND json_patch({1}, {0}) = json({1})"""

_LEAVES = "SELECT fullkey, type, atom FROM json_tree({})"
_ALIKE = f"""(SELECT count(*) FROM json_tree({{0}})) = (SELECT count(*) FROM json_tree({{1}}))
  AND NOT EXISTS ({_LEAVES.format("{0}")} EXCEPT {_LEAVES.format("{1}")})"""
"""For nulls, and objects inside of arrays, which a patch replaces as a whole."""


def _valid(column: str) -> str:
    return (
        f"typeof({column}) = 'text' AND octet_length({column}) <= {LARGE} AND json_valid({column})"
    )


def _lagging(kind: str) -> str:
    """SQL: places of those asked for whose row does not hold the newest snapshot."""
    without = _WITHOUT[kind]
    return f"""SELECT place FROM (
      SELECT place, CASE WHEN newest IS NULL OR held IS NULL THEN 0
        WHEN {_SAME.format("newest", "held")} THEN 1
        ELSE (SELECT CASE WHEN {_SAME.format("n", "h")} THEN 1 ELSE {_ALIKE.format("n", "h")} END
          FROM (SELECT {without.format("newest")} AS n, {without.format("held")} AS h LIMIT -1))
        END AS same FROM (
        SELECT a.key AS place,
          CASE WHEN {_valid("e.data")} AND json_type(e.data, '{_OBJECT[kind]}') = 'object'
            THEN jsonb_remove(jsonb_extract(e.data, '{_OBJECT[kind]}'), {_IDS[kind]}) END AS newest,
          CASE WHEN {_valid("r.data")} AND json_type(r.data) = 'object'
            THEN jsonb(r.data) END AS held
        FROM json_each(:asked) a CROSS JOIN event e ON e.rowid = a.value ->> 0
        LEFT JOIN "{kind}" r ON r.id = a.value ->> 1 AND r.session_id = :session
        LIMIT -1) LIMIT -1) WHERE same IS NOT 1"""


_LAGGING = {kind: _lagging(kind) for kind in (MESSAGE, PART)}

_LARGE = """SELECT octet_length(r.data), r.time_updated, CAST(e.id AS BLOB)
  FROM event e JOIN "{}" r ON r.id = ? AND r.session_id = ? WHERE e.rowid = ?"""

_ENVELOPE = {MESSAGE: 47, PART: 83}
"""Octets an event has beside those of its row and of its ids; it names the session twice. True of
every event of 1.17 and 1.18 that was looked at."""

_SESSION = """SELECT coalesce(s.time_updated >= CASE WHEN typeof(e.data) = 'text'
    AND octet_length(e.data) <= {} AND json_valid(e.data)
  THEN json_extract(e.data, '$.info.time.updated') END, 0)
  FROM event e JOIN session s ON s.id = ? WHERE e.rowid = ?"""


def lagging(connection: apsw.Connection, session_id: str, log: Log, stop: Event) -> Newest | None:
    """The first message or part of which older events would go although its row does not hold its
    newest snapshot; None when all do.

    The session's own row is another matter: see `session_row_holds`. Short reads, no lock.
    """
    newest = log.replacing
    gone = {each.id for each in log.newest if each.kind == MESSAGE and each.removed}
    absent = [each for each in newest if each.removed and each.kind != SESSION]
    for kind in (MESSAGE, PART):
        kept = [each for each in newest if each.kind == kind and not each.removed]
        # The parts of a removed message go with it, without an event of their own.
        absent += [each for each in kept if each.message in gone]
        kept = [each for each in kept if each.message not in gone]
        for each in _unlike(connection, session_id, kind, kept, stop):
            return each
    return next(_present(connection, absent), None)


def _unlike(
    connection: apsw.Connection,
    session_id: str,
    kind: str,
    newest: Iterable[Newest],
    stop: Event,
) -> Iterator[Newest]:
    budget = float(FIRST_PIECE)
    waiting = list(newest)
    while waiting and not stop.is_set():
        piece: list[Newest] = []
        cost = 0
        while waiting and (not piece or cost + waiting[-1].octets + ROW_COST <= budget):
            piece.append(waiting.pop())
            cost += piece[-1].octets + ROW_COST
        began = time.perf_counter()
        asked = [(each.rowid, each.id) for each in piece]
        given = {"asked": json.dumps(asked), "session": session_id}
        found = fetch(connection, _LAGGING[kind], given)
        took = time.perf_counter() - began
        budget = min(cost * SLICE / max(took, 1e-6), budget * 4, LARGEST_PIECE)
        budget = max(budget, SMALLEST_PIECE)
        for (place,) in found:
            if not _large_holds(connection, session_id, piece[place]):
                yield piece[place]


def _large_holds(connection: apsw.Connection, session_id: str, newest: Newest) -> bool:
    """What is told of a snapshot that is too large to be parsed."""
    if newest.octets <= LARGE:
        return False
    values = (newest.id, session_id, newest.rowid)
    found = fetch(connection, _LARGE.format(newest.kind), values)
    if not found or not isinstance(found[0][0], int):
        return False
    octets, updated, event = found[0]
    ids = 2 * len(session_id.encode()) + len(newest.id) + len(newest.message)
    if newest.octets - octets == _ENVELOPE[newest.kind] + ids:
        return True
    return octets < newest.octets and not _is_older(updated, as_text(event))


def _is_older(updated: object, event: str) -> bool:
    """True when a row was written before the event whose id this is, or when nobody can tell."""
    try:
        made = int(event.removeprefix("evt_")[:12], 16) >> 12
    except ValueError:
        return True
    if not isinstance(updated, int) or not event.startswith("evt_"):
        return True
    return (updated - made) % CLOCK > CLOCK // 2


def _present(connection: apsw.Connection, newest: Sequence[Newest]) -> Iterator[Newest]:
    """Those whose row is there although they were removed."""
    for kind in (MESSAGE, PART):
        rows = {each.id: each for each in newest if each.kind == kind}
        ids = sorted(rows)
        for at in range(0, len(ids), ASKED_AT_ONCE):
            statement = (
                f'SELECT CAST(id AS BLOB) FROM "{kind}" WHERE id IN'
                " (SELECT value FROM json_each(?))"
            )
            for (id,) in fetch(connection, statement, (json.dumps(ids[at : at + ASKED_AT_ONCE]),)):
                yield rows[as_text(id)]


def session_row_holds(
    connection: apsw.Connection, session_id: str, newest: Iterable[Newest]
) -> bool:
    """True when the session's row is not older than its newest snapshot.

    Its columns are not compared: cost and tokens go on without an event, and archiving by ocdu, a
    new title or another directory set by a tool make the row newer than the log.
    """
    for each in newest:
        if each.kind == SESSION and not each.removed:
            statement = _SESSION.format(LARGE)
            return bool(scalar(connection, statement, (session_id, each.rowid)))
    return False
