"""Whose child a session is, and where it was at work: cycles, missing parents, missing folders."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import apsw

from tui.records import NOTHING, Symptom, Usage
from tui.store.database import Store, as_text
from tui.store.doctor.walk import SAMPLE
from tui.store.query import fetch

ROWS = 10_000
"""Sessions of one read: some ten milliseconds."""


class Kin(NamedTuple):
    """What a session says about where it belongs."""

    id: str
    parent: str
    directory: str


def lost_kin(store: Store, usage: Mapping[str, Usage] | None = None) -> Iterator[Symptom]:
    """Sessions in a cycle of parents, without the parent they name, and without their folder.

    `usage` of all sessions gives the symptoms their octets.
    """
    known: dict[str, Kin] = {}
    with store.reading() as db:
        for table in ("session_v2", "session"):
            if store.schema.has(table, "parent_id"):
                known |= {each.id: each for each in _sessions(db.connection(), table)}
    parents = {each.id: each.parent for each in known.values() if each.parent}
    for kind, ids in (("cycle", in_cycles(parents)), ("missing_parent", _dangling(parents, known))):
        if ids:
            says = tuple(parents[id] for id in ids[:SAMPLE])
            yield Symptom(kind, len(ids), _octets(ids, usage), tuple(ids[:SAMPLE]), says)
    yield from _homeless(known, usage)


def _octets(ids: Iterable[str], usage: Mapping[str, Usage] | None) -> int | None:
    return None if usage is None else sum(usage.get(id, NOTHING).bytes for id in ids)


def _sessions(connection: apsw.Connection, table: str) -> Iterator[Kin]:
    last = -(2**63)
    statement = (
        "SELECT rowid, CAST(id AS BLOB), CAST(parent_id AS BLOB), CAST(directory AS BLOB)"
        f' FROM "{table}" WHERE rowid > ? ORDER BY rowid LIMIT ?'
    )
    while found := fetch(connection, statement, (last, ROWS)):
        last = found[-1][0]
        for _, *texts in found:
            yield Kin(*map(as_text, texts))


def in_cycles(parents: Mapping[str, str]) -> list[str]:
    """Sessions that are their own ancestors, in the order of the ids."""
    found: set[str] = set()
    seen: dict[str, str] = {}
    """Session -> the walk that came by first."""
    for start in parents:
        id = start
        while id in parents and id not in seen:
            seen[id] = start
            id = parents[id]
        if seen.get(id) == start and id not in found:  # this walk came back to where it had been
            found.add(id)
            up = parents[id]
            while up != id:
                found.add(up)
                up = parents[up]
    return sorted(found)


def _dangling(parents: Mapping[str, str], known: Mapping[str, Kin]) -> Sequence[str]:
    return sorted(id for id, parent in parents.items() if parent not in known)


def _homeless(known: Mapping[str, Kin], usage: Mapping[str, Usage] | None) -> Iterator[Symptom]:
    """Folders that are gone; the count is that of the sessions, each id is one of a folder."""
    at: defaultdict[str, list[str]] = defaultdict(list)
    for each in known.values():
        if each.directory:
            at[each.directory].append(each.id)
    missing = {folder: ids for folder, ids in at.items() if not os.path.isdir(folder)}
    if missing:
        shown = sorted(missing, key=lambda folder: (-len(missing[folder]), folder))[:SAMPLE]
        homeless = [id for ids in missing.values() for id in ids]
        ids = tuple(missing[folder][0] for folder in shown)
        octets = _octets(homeless, usage)
        yield Symptom("missing_directory", len(homeless), octets, ids, tuple(shown))
