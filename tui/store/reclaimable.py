"""What every level of reclaim would take: each search is a page of its own, here they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event

from tui.records import Payload
from tui.store.database import Store
from tui.store.orphans import ORPHANS, find_orphans
from tui.store.payloads import find_payloads
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
    ordinary = [level for level in levels if level not in (EVENTS, ORPHANS)]
    searches: list[Callable[[Tell], list[Payload]]] = []
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
    found: list[Payload] = []
    for done, search in enumerate(searches):
        found += search(_part_of(on_progress, done, len(searches)))
    return found


def _part_of(tell: Tell | None, done: int, number: int) -> Tell:
    """Progress of one search as progress of all."""
    return lambda share: tell((done + share) / number) if tell else None
