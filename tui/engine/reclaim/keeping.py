"""Reclaim with a way back: rows are copied into a trash batch and synced before they are edited.

In groups, as a prune does it: copy the rows of a group, make the batch safe on the disk, then edit
in time-sliced transactions, each row only if it is still what was copied. What a kill leaves behind
is a batch with entries whose rows may never have been touched; these are dropped at the next start,
and undo gives the others their old data back.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import apsw
import psutil

from tui.engine.absent import buried_of, restore_first
from tui.engine.one_by_one import ending_of
from tui.engine.pace import Deed, as_steps, in_slices
from tui.engine.reclaim.rewrite import Edit, Work, written
from tui.errors import NotNow
from tui.format import plural, size
from tui.policy.plan import Outcome, Plan, Step, Totals
from tui.policy.reclaim import kept_bytes
from tui.store import batch, kept_payload
from tui.store.database import SQLITE_EXCEPTIONS, Store, transaction
from tui.store.ledger import Ledger
from tui.store.shelf import put_back, take_down

GROUP_OCTETS = 64_000_000
"""Copied before it is edited: bounds how long a copy may age, and the number of slow fsyncs."""

SPARE_DISK = 50_000_000
"""Octets that must stay free on the disk of the trash."""


@dataclass(frozen=True, slots=True)
class _KeptEdit:
    """An edit whose row has a copy; notes in `done` that it was carried out."""

    edit: Edit
    entry: int
    done: set[int]

    def __call__(self) -> None:
        before = self.edit.work.tally.taken
        self.edit.rewrite_kept(self.entry)
        if self.edit.work.tally.taken != before:
            self.done.add(self.entry)


class Keeper:
    """Carries out deeds with a copy of every row they edit. One for each run."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self.store = store
        self.ledger = ledger
        self.path: Path | None = None
        """The batch, once a row was copied."""
        self.has_kept = False
        self.sessions: frozenset[str] = frozenset()
        """Whose rows the batch brings back; known once it is closed, or given up."""

    def check_disk(self, plan: Plan) -> None:
        """Raises NotNow when the trash's disk has no room for the copies."""
        folder = self.ledger.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = psutil.disk_usage(str(folder)).free
        copies = kept_bytes(plan)
        needed = copies + copies // 5 + SPARE_DISK
        if free < needed:
            raise NotNow(
                f"Keeping a copy in {folder} needs {size(needed)} and its disk has {size(free)} "
                "free: nothing was reclaimed. Reclaim less at a time, or set [reclaim] keep = "
                "false in the configuration (no undo)."
            )

    def slices(self, work: Work, deeds: Sequence[Deed]) -> Iterator[int]:
        """As `in_slices`: the number of deeds done, after every commit."""
        before = 0
        for group in _groups(deeds):
            if work.stop.is_set():
                return
            if not any(isinstance(deed, Edit) for deed in group):
                for number in written(work, group):
                    yield before + number
                before += len(group)
                continue
            path = self._batch(work.connection)
            copies = self._copy(work, path, group)
            with batch.attached(work.connection, path):
                done: set[int] = set()
                ready = [self._ready(deed, copies, done) for deed in group]
                for number in written(work, ready):
                    yield before + number
                self._settle(work.connection, [e for e in copies.values() if e not in done])
            before += len(group)

    def close(self, connection: apsw.Connection, stop: Event) -> Generator[int, None, str | None]:
        """End the batch and pack it; yields octets packed. Its id, or None: nothing was kept."""
        if self.path is None:
            return None
        with batch.attached(connection, self.path), transaction(connection, "BEGIN"):
            kept_payload.note(connection)
            self.sessions = kept_payload.sessions(connection)
        closed = yield from put_back(self.path, stop)
        return closed.stem if closed else None

    def give_up(self, connection: apsw.Connection) -> str | None:
        """After an error: find whose rows went, and leave the rest to the recovery that follows
        every job. The id of the batch, or None: nothing was kept."""
        if self.path is None:
            return None
        # What cannot be settled now, on a full disk, is so later: then it is some sessions more.
        with suppress(*SQLITE_EXCEPTIONS), batch.attached(connection, self.path):
            self.sessions = kept_payload.sessions(connection)
            settle(connection)
            self.sessions = kept_payload.sessions(connection)
        return self.path.stem

    def _batch(self, connection: apsw.Connection) -> Path:
        if self.path is None:
            self.path = batch.new_batch(
                self.ledger.trash_folder, self.ledger.database, self.store.schema,
                now=int(time.time() * 1000), rows=True,
            )  # fmt: skip
            with batch.attached(connection, self.path):
                kept_payload.prepare(connection)
        return self.path

    def _copy(self, work: Work, path: Path, group: Sequence[Deed]) -> dict[int, int]:
        """Deed (by identity) -> entry, all of it on the disk when this returns."""
        copies: dict[int, int] = {}
        # Until the first group is synced at the end, nothing relies on the file; later ones share
        # it with the only copies of what is gone.
        open_batch = batch.attached if self.has_kept else batch.unsynced
        with open_batch(work.connection, path), transaction(work.connection, "BEGIN"):
            for deed in group:
                entry = deed.keep() if isinstance(deed, Edit) else None
                if entry is not None:
                    copies[id(deed)] = entry
        self.has_kept = self.has_kept or bool(copies)
        return copies

    def _ready(self, deed: Deed, copies: dict[int, int], done: set[int]) -> Deed:
        if not isinstance(deed, Edit):
            return deed
        if id(deed) in copies:
            return _KeptEdit(deed, copies[id(deed)], done)
        return lambda: deed.count(None)

    def _settle(self, connection: apsw.Connection, unused: list[int]) -> None:
        """Before the next group: what was copied for nothing goes."""
        if unused:
            with transaction(connection, "BEGIN"):
                kept_payload.drop(connection, unused)


def _groups(deeds: Sequence[Deed]) -> Iterator[list[Deed]]:
    group: list[Deed] = []
    octets = 0
    for deed in deeds:
        weight = deed.octets if isinstance(deed, Edit) else 0
        if group and octets + weight > GROUP_OCTETS:
            yield group
            group, octets = [], 0
        group.append(deed)
        octets += weight
    if group:
        yield group


# the way back


def bring_back(connection: apsw.Connection, store: Store, stop: Event) -> Iterator[int]:
    """Give the rows of the attached batch their old data; yields how many were looked at.

    A row that was changed since stays as it is, and its copy stays in the batch. Doing it twice
    changes nothing.
    """
    deeds = (
        lambda entry=entry, table=table: kept_payload.bring_back(connection, entry, table)
        for entry, table in kept_payload.entries(connection)
    )
    yield from in_slices(connection, deeds, stop)
    store.sync()  # the copies go next
    settle(connection)


def settle(connection: apsw.Connection) -> kept_payload.Tally:
    """Forget entries of the attached batch whose rows are as they were; what is left in it."""
    with transaction(connection, "BEGIN"):
        kept_payload.drop_what_is_there(connection)
        return kept_payload.note(connection)


def undo_reclaim(
    store: Store, ledger: Ledger, name: str, stop: Event
) -> Generator[Step, None, Outcome]:
    """Bring back what a reclaim kept as this batch. Raises OcduError, or what SQLite raises."""
    unpacking = take_down(ledger.trash_folder / f"{name}{batch.TRASH}")
    path = yield from as_steps(unpacking, Step(0, 1, phase="unpacking"))
    with store.writing() as db:
        connection = db.connection()
        with batch.attached(connection, path):
            before = kept_payload.note(connection)
            for done in bring_back(connection, store, stop):
                yield Step(done, before.rows, phase="bringing back")
            left = kept_payload.note(connection)
            buried = buried_of(connection, ledger, kept_payload.sessions(connection))
            waiting = kept_payload.rows_of(connection, buried)
    yield from as_steps(put_back(path, stop), Step(1, 1, phase="packing"))
    outcome = _outcome(before, left, waiting, name, stop.is_set())
    if not waiting:
        return outcome
    # It is no undo that failed for good: what it needs is in the trash.
    return replace(
        outcome,
        ending="partial" if outcome.done.parts else "refused",
        message=f"{outcome.message} {restore_first(buried, 'undo')}",
        details={"unfinished": True},
    )


def _outcome(
    before: kept_payload.Tally, left: kept_payload.Tally, waiting: int, name: str, stopped: bool
) -> Outcome:
    """`waiting` rows are of sessions in the trash."""
    back, kept = before.rows - left.rows, left.rows - waiting
    octets = before.octets - left.octets
    sessions = before.sessions - left.sessions
    message = f"{size(octets)} in {plural(back, 'row')} brought back."
    if kept:
        why = "were not reached" if stopped else "had changed since and stay as they are"
        message += f" {plural(kept, 'row')} {why}; their copies stay in the trash as {name}."
    done = Totals(sessions=max(sessions, int(back > 0)), parts=back, bytes=octets)
    excluded = {} if stopped or not kept else {"changed": kept}
    return Outcome(
        ending_of(back, left.rows),
        message, done=done, excluded=excluded,
        details={"unfinished": stopped and bool(left.rows)},
    )  # fmt: skip
