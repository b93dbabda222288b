"""What an interrupted job left behind, put right at the next start.

A tree noted as `deleting` whose root is still there is rolled back: every row that is gone comes
back from its copy. One whose root is gone was finished but for the bookkeeping. A permanent prune
keeps no copies and is finished. A tree noted as `restoring` is restored to its end. Then the batch
is packed, and what was only half written beside it is removed.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import apsw

from tui.engine.crash_trees import mend
from tui.engine.journal import settle
from tui.engine.leftovers import sweep
from tui.engine.site import Site
from tui.engine.trash import item_of
from tui.errors import OcduError, Refused
from tui.format import plural
from tui.policy.plan import items_as_json
from tui.store import batch, kept_payload
from tui.store.database import SQLITE_EXCEPTIONS, explained, transaction
from tui.store.journal import MAKERS, OF_BATCHES, JournalEntry
from tui.store.kept import drop_dead_weight
from tui.store.packing import look_into
from tui.store.query import scalar
from tui.store.shelf import ABANDONED, drop, lying_in, passing, put_back, remove_passing, shelved


def unfinished(site: Site) -> list[Path]:
    """Batch files on which a job of this database was interrupted. Cheap: goes by the names."""
    found = lying_in(site.ledger.trash_folder, f"*{batch.UNFINISHED}")
    return [path for path in found if _database_of(path) in (site.ledger.database, NOBODY)]


PACKED_AT_ONCE = 256_000_000
"""Octets up to which an interrupted batch is packed at the start of ocdu, in about a second; a
larger one is a finished batch as it is."""

NOBODY = ""
"""The database of a batch that was killed before it could say whose it is: it holds nothing."""


def _database_of(path: Path) -> str | None:
    """Whose batch it is; None when it cannot be read now, and must therefore stay."""
    try:
        with batch.opened(path) as connection:
            if not scalar(connection, "SELECT count(*) FROM trash.sqlite_schema"):
                # Another ocdu, on another database, may be making it at this moment.
                is_old = time.time() - path.stat().st_mtime > ABANDONED
                return NOBODY if is_old else None
            named = "SELECT value FROM trash.ocdu_manifest WHERE name = 'database'"
            found = scalar(connection, named)
            return None if found is None else str(found)
    except (apsw.Error, OSError):
        return None


def put_right(site: Site) -> list[str]:
    """Mend what was interrupted, if there is anything and nobody else is at it; what was done."""
    if site.refusal:
        return []
    said = sweep(site)
    if not (unfinished(site) or passing(site.ledger.trash_folder) or site.ledger.has_running()):
        return said
    try:
        with site.ledger.exclusive(patience=0.1):
            return said + put_right_here(site)
    except Refused:
        return said  # another ocdu is at it: what runs is its, and not interrupted


def put_right_here(site: Site, *, live: bool = False) -> list[str]:
    """The same for whoever holds the ledger's lock: first the batches, then the journal. `live`
    takes a relink back although opencode has the file open."""
    said = recover(site) + _note_finished(site)
    return said + settle(site, _waiting(site), live=live)


def _waiting(site: Site) -> set[int]:
    """Jobs that were killed with a batch which cannot be mended, or not even be read, now."""
    found: set[int | None] = set()
    for path in lying_in(site.ledger.trash_folder, f"*{batch.UNFINISHED}"):
        if _database_of(path) in (site.ledger.database, None):
            found.add(site.ledger.maker_of(batch.made_at(path)))
    return {number for number in found if number is not None}


def recover(site: Site) -> list[str]:
    """Finish or roll back whatever was interrupted; returns a sentence for each tree touched.

    Needs the ledger's lock. A batch that cannot be mended now says so and stays for the next time.
    """
    said: list[str] = []
    # First: whose they are is told by the batch beside them, and they may hold the room needed.
    with suppress(OSError):
        remove_passing(site.ledger.trash_folder, site.ledger.database)
    for path in unfinished(site):
        try:
            said += _mend_batch(site, path)
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            reason = explained(error, site.store.path)
            said.append(f"An interrupted job ({path.stem}) could not be put right yet: {reason}")
    return said


def _note_finished(site: Site) -> list[str]:
    """Note the batches of jobs that were killed when all was done but their line in the journal."""
    said: list[str] = []
    killed = [each for each in site.ledger.left_running() if each.verb in MAKERS]
    for path in shelved(site.ledger.trash_folder) if killed else ():
        is_older = batch.made_at(path) < killed[0].time
        found = None if is_older else look_into(path)
        if found is None or found.facts.database != site.ledger.database:
            continue
        job = _job_at(site, found.facts.created)
        if job is None or job.verb not in MAKERS or site.ledger.knows_batch(path.stem):
            continue
        is_payload = any(line.root == kept_payload.ROOT for line in found.facts.lines)
        memory = (job.undo or {"trees": []}) if is_payload else _trees_in(path)
        said.append(_told_of_finished(job))
        site.ledger.interrupted(path.stem, found.facts.created, memory, said[-1])
    return said


def _told_of_finished(job: JournalEntry) -> str:
    return f"The {job.verb} of {job.title} was interrupted when its work was done: undo knows it."


def _mend_batch(site: Site, path: Path) -> list[str]:
    if _database_of(path) == NOBODY:
        drop(path)
        return []
    said: list[str] = []
    with site.store.writing() as db:
        connection = db.connection()
        with batch.attached(connection, path):
            job = _job_at(site, batch.facts(connection).created)
            sessions = None
            if kept_payload.is_payload(connection):
                said.append(_mend_payloads(connection, job))
                sessions = kept_payload.sessions(connection)
            facts = batch.facts(connection)
            for line in facts.lines:
                said.extend(mend(connection, site, line, facts))
    is_copy = _is_as_packed(path, facts)
    if not said and facts.lines and not is_copy:
        said = [_told_of_whole(job, len(facts.lines))]
    if not facts.rows:
        drop(path)
        site.ledger.interrupted(None, facts.created, message=" ".join(said))
        return said
    kept = _put_away(path, is_copy=is_copy)
    if kept is None or is_copy:
        site.ledger.interrupted(None, facts.created, message=" ".join(said))
    else:
        memory = _trees_in(kept) if sessions is None else _reclaimed(job, sessions)
        site.ledger.interrupted(kept.stem, facts.created, memory, " ".join(said))
    return said


def _job_at(site: Site, created: int) -> JournalEntry | None:
    """The killed job that worked on the batch made then (ms): its maker, else who took it down."""
    running = {entry.id: entry for entry in site.ledger.left_running()}
    others = [
        each for each in running.values() if each.verb in OF_BATCHES and each.verb not in MAKERS
    ]
    return running.get(site.ledger.maker_of(created) or 0, others[-1] if others else None)


def _told_of_whole(job: JournalEntry | None, trees: int) -> str:
    """An interrupted job that has left no tree half done, in its own words."""
    gone = plural(trees, "tree")
    if job is None:
        return f"A job was interrupted: what it worked on is in the trash, {gone}."
    if job.verb in MAKERS:
        return f"A {job.verb} was interrupted after {gone}: they are in the trash, the rest stayed."
    what = f"{_with_article(job.verb)} was interrupted"
    return f"{what}: {gone} stayed in the trash, {job.verb} again to go on."


def _trees_in(kept: Path) -> dict[str, Any]:
    """What an interrupted prune took, as the journal keeps it: to be pruned again after an undo."""
    found = look_into(kept)
    facts = found.facts if found else None
    items = [
        replace(
            item_of(line, line.reason),
            sessions=facts.members.get(line.root, ()),
            # It had not been active later, or it would not have gone.
            seen_active=facts.created,
        )
        for line in (facts.lines if facts else ())
        if facts and line.state == batch.GONE
    ]
    return {"trees": items_as_json(items), "events": bool(facts and facts.events)}


def _reclaimed(job: JournalEntry | None, sessions: frozenset[str]) -> dict[str, Any]:
    """The same of an interrupted reclaim: of what it was to do, the sessions it came to."""
    planned = ((job.undo if job else None) or {}).get("reclaimed", ())
    found = [each for each in planned if each["id"] in sessions]
    return {"reclaimed": found} if found else {"trees": []}


def _mend_payloads(connection: apsw.Connection, job: JournalEntry | None) -> str:
    """An interrupted reclaim, or undo of one: what is in place as it was needs no copy."""
    from tui.engine.reclaim import keeping  # every level comes with it: not for nothing

    left = keeping.settle(connection)
    verb = job.verb if job else "reclaim"
    what, rows = f"{_with_article(verb)} of payloads was interrupted", plural(left.rows, "row")
    if not left.rows:
        return f"{what}: every row is as it was before the reclaim."
    if verb in MAKERS:
        return f"{what} after {rows}: undo brings them back, reclaiming again takes the rest."
    return f"{what}: {rows} are still without theirs, {verb} again to go on."


def _with_article(verb: str) -> str:
    return f"{'An' if verb[0] in 'aeiou' else 'A'} {verb}"


def _is_as_packed(path: Path, facts: batch.Facts) -> bool:
    """True for a batch that was only unpacked: a restore was interrupted before its first row."""
    packed = look_into(path.with_suffix(batch.TRASH))
    return packed is not None and packed.facts == facts


def _put_away(path: Path, *, is_copy: bool) -> Path | None:
    """Back to the shelf, packed if that is quick, without what no line speaks of."""
    if not is_copy:
        # On a full disk it stays in the file: dead weight, no more.
        with suppress(*SQLITE_EXCEPTIONS, OSError):
            with batch.opened(path) as connection, transaction(connection, "BEGIN"):
                dropped = bool(batch.tree_lines(connection)) and drop_dead_weight(connection)
            if dropped:
                batch.shrink(path)
    stop = Event()
    if path.stat().st_size > PACKED_AT_ONCE:
        stop.set()
    packing = put_back(path, stop)
    while True:
        try:
            next(packing)
        except StopIteration as end:
            result: Path | None = end.value
            return result
