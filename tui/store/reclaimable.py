"""What every level of reclaim would take: each search is a page of its own, here they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event

from tui.records import Payload
from tui.store.database import Store
from tui.store.orphans import ORPHANS, find_orphans
from tui.store.payloads import find_payloads
from tui.store.payloads_v2 import MIGRATED, find_in_v2
from tui.store.superseded import EVENTS, find_superseded

Tell = Callable[[float], None]
"""Takes the share that is done, 0 to 1."""


def find_reclaimable(
    store: Store,
    levels: Sequence[str],
    *,
    session_ids: Iterable[str] | None = None,
    files: Path | None = None,
    stop: Event | None = None,
    on_progress: Tell | None = None,
) -> list[Payload]:
    """Payloads of these levels, of these sessions or of all; incomplete when `stop` was set.

    `files` is opencode's data directory; without it no file is an orphan.
    """
    only = None if session_ids is None else sorted(set(session_ids))
    ordinary = [level for level in levels if level not in (EVENTS, ORPHANS, MIGRATED)]
    searches: list[Callable[[Tell], list[Payload]]] = []
    found: list[Payload] = []
    if ordinary:
        searches.append(
            lambda tell: find_payloads(
                store, ordinary, session_ids=only, stop=stop, on_progress=tell
            )
        )
    if EVENTS in levels:
        searches.append(lambda tell: find_superseded(store, only, stop, tell))
    if ORPHANS in levels:
        searches.append(lambda tell: find_orphans(store, only, stop, files=files, on_progress=tell))
    if store.schema.has("session_v2"):
        # The last one: what the others take of rows that go as a whole counts once.
        searches.append(lambda _: find_in_v2(store, levels, only, stop or Event(), tuple(found)))
    for done, search in enumerate(searches):
        found += search(_part_of(on_progress, done, len(searches)))
    return united(found) if store.schema.has("session_v2") else found


def united(payloads: Iterable[Payload]) -> list[Payload]:
    """One payload a session, level and reason, the largest first: two generations may have some."""
    sums: dict[tuple[str, str, str], Payload] = {}
    for each in payloads:
        key = each.session_id, each.level, each.reason
        sums[key] = _sum(sums[key], each) if key in sums else each
    return sorted(sums.values(), key=lambda each: (-each.bytes, each.session_id, each.level))


def _sum(one: Payload, two: Payload) -> Payload:
    # Without hints: a deed takes them for all there is.
    return one._replace(
        parts=one.parts + two.parts,
        bytes=one.bytes + two.bytes,
        page_bytes=(one.page_bytes or 0) + (two.page_bytes or 0),
        rowids=(),
    )


def _part_of(tell: Tell | None, done: int, number: int) -> Tell:
    """Progress of one search as progress of all."""
    return lambda share: tell((done + share) / number) if tell else None
