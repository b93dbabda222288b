"""Fold the write-ahead log into the database file, so that both shrink, without anybody noticing.

First PASSIVE, which does the bulk and locks nobody out. Then TRUNCATE, which empties the log but
holds the write lock for as long as it waits for readers: opencode would stand still that long, so
its patience is short.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from threading import Event
from typing import Any

import apsw

from tui.engine.background import in_background, interrupting
from tui.format import size
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.vacuum_words import held_by
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained, file_size, wal_of
from tui.store.holders import holders, reader_of, writer_of

PATIENCE_MS = 200
"""How long TRUNCATE may wait for readers: the write lock is held meanwhile."""

TRIES = 5
"""Attempts to truncate; a reader that is done within a second is waited for."""

REST = 0.2
"""Seconds between two attempts, so that waiting writers get their turn."""


FOLDING = Step(0, 1, phase="folding in the log")


@dataclass(frozen=True, slots=True)
class Folded:
    """What a checkpoint achieved, in frames of the log, as SQLite reports it."""

    busy: bool
    log: int
    checkpointed: int


def apply_checkpoint(plan: Plan, store: Store, stop: Event) -> Generator[Step, None, Outcome]:
    """Empty the write-ahead log; "partial" with the names of the readers that hold it back.

    `freed_bytes` is what database and log shrank by together. Raises OcduError when SQLite fails.
    """
    if store.refusal:
        return Outcome("refused", store.refusal)
    if not plan.items:
        return Outcome("nothing", plan.message)
    before = on_disk(store)
    try:
        with store.writing() as db:
            folded = yield from fold_in(db.connection(), stop)
    except SQLITE_EXCEPTIONS as error:
        raise explained(error, store.path) from error
    after = on_disk(store)
    freed = max(0, before["db"] + before["wal"] - after["db"] - after["wal"])
    partial = folded.busy and after["wal"] > 0
    return Outcome(
        ending="partial" if partial else "done",
        message=(
            blocked_sentence(store)
            if partial
            else f"The write-ahead log was folded in: it shrank by "
            f"{size(max(0, before['wal'] - after['wal']))}."
        ),
        done=plan.totals,
        predicted_bytes=plan.predicted_bytes,
        freed_bytes=freed,
        details={
            "before": before,
            "after": after,
            "busy": folded.busy,
            "log": folded.log,
            "checkpointed": folded.checkpointed,
            "holders": [holder._asdict() for holder in holders(store.path)] if partial else [],
        },
    )


def fold_in(connection: apsw.Connection, stop: Event) -> Generator[Step, None, Folded]:
    """Checkpoint on this connection: PASSIVE, then TRUNCATE with short patience.

    Never fails because somebody reads or writes: then `busy` is true and the rest stays in the log.
    """
    patience = connection.execute("PRAGMA busy_timeout").fetchall()[0][0]
    folded = yield from fold_bulk(connection, stop)
    try:
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}").fetchall()
        for attempt in range(TRIES):
            if stop.is_set() or (attempt and stop.wait(REST)):
                break
            folded = _checkpoint(connection, "TRUNCATE")
            if not folded.busy:
                break
            yield FOLDING
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}").fetchall()
    return folded


def fold_bulk(connection: apsw.Connection, stop: Event) -> Generator[Step, None, Folded]:
    """PASSIVE alone: copies what no reader needs any more; locks nobody out."""
    folded = yield from in_background(
        lambda: _checkpoint(connection, "PASSIVE"),
        interrupting(connection),
        stop,
        lambda: FOLDING,
    )
    return folded or Folded(True, 0, 0)


def blocked_sentence(store: Store) -> str:
    """Who keeps the log from being emptied, and what to do."""
    later = "`ocdu checkpoint` gives it back later, and closing that program does so too."
    reader, writer = reader_of(store.path), writer_of(store.path)
    # Whoever writes reads too.
    if writer and (reader is None or reader.pid == writer.pid):
        who = held_by((writer,))
        return f"{who} writing at this moment, so the write-ahead log stays for now: {later}"
    if reader:
        who = held_by((reader,))
        return f"{who} still reading an older state, so the write-ahead log stays for now: {later}"
    found = holders(store.path)
    who = held_by(found) if found else "another window of ocdu is"
    return (
        f"A reader is still on an older state, so the write-ahead log stays for now ({who} using "
        f"the database): {later}"
    )


def on_disk(store: Store) -> dict[str, int]:
    """Octets of the database file and its log, by stat()."""
    return {"db": file_size(store.path), "wal": file_size(wal_of(store.path))}


def _checkpoint(connection: apsw.Connection, mode: str) -> Folded:
    try:
        found: Any = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
    except (apsw.BusyError, apsw.LockedError):
        return Folded(True, 0, 0)
    busy, log, checkpointed = found[0]
    return Folded(bool(busy), log, checkpointed)
