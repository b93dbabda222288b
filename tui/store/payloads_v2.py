"""What the levels of reclaim find in a file that 2.x uses: by session, like `payloads`.

`summarised`: output in the messages of 2.x from before the last completed compaction. `migrated`:
rows of 1.x that are nothing but a copy, the outputs that the importer copied twice, and what 2.x
leaves behind for no session at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event

import apsw

from tui.records import Payload
from tui.store.copies import hashes_of
from tui.store.database import Store, as_text
from tui.store.holders import is_alone
from tui.store.judging import overflow_bytes
from tui.store.migrated import categories, old_rows, removable
from tui.store.orphans import ORPHANS
from tui.store.payloads import MALFORMED
from tui.store.query import fetch, scalar
from tui.store.steps import DUPLICATES, OLD_OUTPUT, Span, StepLevel, boundary_in_v2, judged_steps
from tui.store.superseded import EVENTS

MIGRATED = "migrated"

LEVELS = ("summarised", MIGRATED)
"""Those that look at the rows of 2.x."""

NOBODY = "ocdu:nobody"
"""Stands where a session's id would, for what belongs to none; opencode calls no session that."""

LEFT_OUT = {"diverged": "diverged", "v1_only": "only_copy", "never_imported": "only_copy",
            "ambiguous": "only_copy", "unproven": "only_copy"}  # fmt: skip
"""Category -> why the rows of 1.x stay."""

ROW_COST = 450
"""Octets that a row of 1.x takes beside its data, index entries and half-empty pages included."""

CATALOG = "models-dev:catalog"
"""Row of `kv`: the list of models, which 2.x fetches again when it is not there."""

LEAKED = f"""SELECT rowid, octet_length(hash) + coalesce(octet_length(value), 0)
  FROM instruction_blob WHERE hash NOT IN (SELECT hash FROM ({hashes_of("main")}))"""
"""Texts of instructions that no session names any more."""


def find_in_v2(
    store: Store,
    levels: Sequence[str],
    session_ids: Iterable[str] | None,
    stop: Event,
    known: Iterable[Payload] = (),
) -> list[Payload]:
    """One payload a session and level; those with a reason are what `migrated` must leave.

    `known` is what other levels take of rows of 1.x: where these go as a whole, the rest counts.
    """
    schema = store.schema
    if not schema.importer.is_settled:
        levels = ()
    if not schema.has("session_v2") or not set(levels) & set(LEVELS):
        return []
    chosen = None if session_ids is None else frozenset(session_ids)
    found = _Found(store, stop)
    if MIGRATED in levels:
        found.old_generation(chosen, _taken(known))
    with store.reading() as db:
        found.steps(db.connection(), levels, chosen)
        if MIGRATED in levels and chosen is None:
            found.leftovers(db.connection())
    return found.payloads()


def _taken(known: Iterable[Payload]) -> dict[str, tuple[int, int]]:
    """Session -> octets of rows, and of pages, that other levels take of its rows of 1.x."""
    taken: dict[str, tuple[int, int]] = {}
    for each in known:
        if each.level not in (EVENTS, ORPHANS) and not each.reason:
            octets, pages = taken.get(each.session_id, (0, 0))
            more = each.bytes if each.page_bytes is None else each.page_bytes
            taken[each.session_id] = octets + each.bytes, pages + more
    return taken


class _Found:
    def __init__(self, store: Store, stop: Event) -> None:
        self.store = store
        self.stop = stop
        self.left: list[Payload] = []
        self.sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, id: str, level: str, rows: int, octets: int, pages: int) -> None:
        sums = self.sums[id, level]
        for place, amount in enumerate((rows, octets, pages)):
            sums[place] += amount

    def payloads(self) -> list[Payload]:
        return self.left + [
            Payload(id, level, rows, octets, pages)
            for (id, level), (rows, octets, pages) in self.sums.items()
        ]

    def old_generation(
        self, chosen: Collection[str] | None, taken: Mapping[str, tuple[int, int]]
    ) -> None:
        """Rows of 1.x that may go, and why the others stay."""
        known = categories(self.store, self.stop)
        going = removable(known)
        for id, left in known.items():
            if chosen is not None and id not in chosen:
                continue
            if left.category in LEFT_OUT:
                self.left.append(Payload(id, MIGRATED, 1, 0, reason=LEFT_OUT[left.category]))
            elif left.category != "v2_only" and id not in going:
                self.left.append(Payload(id, MIGRATED, 1, 0, reason="kept"))
        wanted = [id for id in going if chosen is None or id in chosen]
        with self.store.reading() as db:
            rows = old_rows(db.connection(), self.store.schema, wanted)
        for id, (count, octets) in rows.items():
            other, pages = taken.get(id, (0, 0))
            pages = max(0, octets + ROW_COST * count - pages)
            self.add(id, MIGRATED, count, max(0, octets - other), pages)

    def steps(
        self, connection: apsw.Connection, levels: Sequence[str], chosen: Collection[str] | None
    ) -> None:
        """Outputs in the messages of 2.x."""
        page_size = int(scalar(connection, "PRAGMA page_size"))
        question = "SELECT CAST(id AS BLOB) FROM session_v2 ORDER BY id"
        for (stored,) in fetch(connection, question):
            id = as_text(stored)
            if self.stop.is_set() or (chosen is not None and id not in chosen):
                continue
            before = boundary_in_v2(connection, id)
            if "summarised" in levels and before is not None:
                self.judge(connection, "summarised", OLD_OUTPUT, id, (0, before), page_size)
            if MIGRATED in levels:
                # What lies before the boundary counts once.
                after = before if "summarised" in levels and before is not None else 0
                self.judge(connection, MIGRATED, DUPLICATES, id, (after, None), page_size)

    def judge(
        self,
        connection: apsw.Connection,
        name: str,
        level: StepLevel,
        id: str,
        span: Span,
        page_size: int,
    ) -> None:
        """Add what a level takes from one session."""
        for step in judged_steps(connection, level, id, span, self.stop):
            if step.octets < 0:
                self.add(id, MALFORMED, 1, 0, 0)
                continue
            pages = overflow_bytes(step.size, page_size)
            pages -= overflow_bytes(step.size - step.octets, page_size)
            self.add(id, name, 1, step.octets, pages)

    def leftovers(self, connection: apsw.Connection) -> None:
        """What belongs to no session."""
        page_size = int(scalar(connection, "PRAGMA page_size"))
        for _, octets in leftover_rows(connection, self.store.schema.columns):
            self.add(NOBODY, MIGRATED, 1, octets, overflow_bytes(octets, page_size))


def leftover_rows(
    connection: apsw.Connection, tables: Collection[str]
) -> list[tuple[tuple[str, int], int]]:
    """((table, rowid), octets) of what 2.x leaves behind and nobody needs, as of now.

    Texts of instructions only while nobody else has the file open: a server may be about to name
    one that it has just found there.
    """
    found: list[tuple[tuple[str, int], int]] = []
    if "kv" in tables:
        question = "SELECT rowid, octet_length(value) FROM kv WHERE key = ?"
        rows = fetch(connection, question, (CATALOG,))
        found += [(("kv", rowid), octets) for rowid, octets in rows]
    if (
        "instruction_blob" in tables
        and "instruction_state" in tables
        and is_alone(Path(connection.db_filename("main")))
    ):
        rows = fetch(connection, LEAKED)
        found += [(("instruction_blob", rowid), octets) for rowid, octets in rows]
    return found
