"""Searching in a batch of the trash: what was said in it, whose that is, and what brings it back.

A packed batch is unpacked beside itself for as long as it is searched, in blocks; the search is the
one of the database, with the rows' owner in another column. Nobody is kept waiting by it: the batch
itself is only read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event

import apsw

from tui.places import Buried
from tui.records import Hit
from tui.store import batch
from tui.store.batch import DELETING, Facts, TreeLine
from tui.store.elsewhere import was_read
from tui.store.newest import any_time
from tui.store.query import fetch
from tui.store.search import Ground, Since, Wanted, search_ground
from tui.store.shelf import unpacked_beside

UNPACKING = 0.6
"""Share of the whole that unpacking a batch takes, about."""

Found = tuple[tuple[Buried, ...], float]


def search_batch(
    path: Path, wanted: Wanted, stop: Event, since: Since = any_time
) -> Iterator[Found]:
    """(hits, share done) of one batch, growing; ends early when `stop` is set; see `search`.

    Raises Refused when there is no room to unpack it, OcduError when it is damaged, apsw.Error and
    OSError for what cannot be read.
    """
    unpacking = unpacked_beside(path, stop)
    plain = path
    try:
        plain = yield from _shares(unpacking)
        if not stop.is_set():
            yield from _searched(plain, path.stem, wanted, stop, since)
    finally:
        unpacking.close()
        if plain != path:
            was_read(plain)


def _shares(unpacking: Generator[float, None, Path]) -> Generator[Found, None, Path]:
    while True:
        try:
            share = next(unpacking)
        except StopIteration as end:
            plain: Path = end.value
            return plain
        yield (), share * UNPACKING


def _searched(plain: Path, id: str, wanted: Wanted, stop: Event, since: Since) -> Iterator[Found]:
    connection = apsw.Connection(str(plain), flags=apsw.SQLITE_OPEN_READONLY)
    with closing(connection):
        with batch.opened(plain) as attached:
            facts = batch.facts(attached)
        roots, lines = _roots(facts), {line.root: line for line in facts.lines}
        tables = _tables(connection)
        both = {"message", "session_message"} <= tables
        ground = Ground(connection, tables, both, is_buried=True)
        for step in search_ground(ground, wanted, stop, since):
            hits = [hit for hit in step.hits if hit.session_id in roots]
            told = _told(plain, hits)
            buried = (_buried(id, lines, roots, told, hit) for hit in hits)
            yield tuple(buried), UNPACKING + (1 - UNPACKING) * step.share


def _roots(facts: Facts) -> dict[str, str]:
    """Session -> root, of the trees that can be brought back."""
    whole = {line.root for line in facts.lines if line.state != DELETING}
    return {id: root for root, ids in facts.members.items() if root in whole for id in ids}


def _tables(connection: apsw.Connection) -> frozenset[str]:
    """Those with bodies; a batch of 1.x has no messages of 2.x."""
    found = set()
    for table in ("part", "message", "session_message"):
        with suppress(apsw.SQLError):
            fetch(connection, f'SELECT data, ocdu_session FROM "{table}" LIMIT 0')
            found.add(table)
    return frozenset(found)


def _told(plain: Path, hits: list[Hit]) -> dict[str, tuple[str, str]]:
    if not hits:
        return {}
    with batch.opened(plain) as attached:
        return batch.told(attached, {hit.session_id for hit in hits})


def _buried(
    id: str,
    lines: dict[str, TreeLine],
    roots: dict[str, str],
    told: dict[str, tuple[str, str]],
    hit: Hit,
) -> Buried:
    root = roots[hit.session_id]
    line = lines[root]
    title = told.get(hit.session_id, (line.title, ""))[0]
    return Buried(id, root, title, line.project, hit)
