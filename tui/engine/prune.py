"""Move planned trees to the trash, or delete them for good.

In groups: check each tree and copy its rows into the batch file, make that file safe on the disk,
then delete in time-sliced transactions. A tree that changed since it was planned or copied stays
whole. A stop takes effect between two trees. What a kill leaves behind is noted in the batch file,
and `tui.engine.recovery` puts it right at the next start.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import apsw
import psutil

from tui.engine.burial import Burial, Deletion, Removal
from tui.engine.keeping import Kept, has_moved_on, keep_tree
from tui.engine.pace import Deed, in_slices
from tui.engine.served import Service, equals_copy
from tui.engine.site import Site
from tui.errors import OcduError, Refused
from tui.format import plural, size
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals
from tui.policy.prune import PrunePolicy
from tui.store import batch, session_files
from tui.store.database import SQLITE_EXCEPTIONS, explained, transaction
from tui.store.generations import exists, importer_of
from tui.store.query import scalar

GROUP_BYTES = 64_000_000
"""Payload copied before it is deleted: bounds the time in which a neighbour can change a tree, and
the number of slow fsyncs."""

GROUP_TREES = 200
"""Trees in one group, for the same reasons."""

SPARE_DISK = 50_000_000
"""Octets that must stay free on the disk of the trash."""


@dataclass
class _Job:
    """What one prune knows while it runs."""

    site: Site
    plan: Plan
    stop: Event
    connection: apsw.Connection
    path: Path
    keeps: bool
    gone: Totals = field(default_factory=Totals)
    excluded: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    failure: str = ""
    """What ended the job before its time, as a sentence."""
    version: int = 0
    """data_version at the copy of the group under way."""
    shape: int = 0
    """schema_version at the same time."""
    others_wrote: bool = False
    service: Service | None = None
    """The server of 2.x, for a file that 2.x uses."""
    left_behind: int = 0
    """Rows of changed trees that could not be put back; their copies stay in the batch."""

    def begin_group(self) -> None:
        """From here on a commit by anybody else means: compare before deleting."""
        self.version, self.others_wrote = _data_version(self.connection), False
        self.shape = _shape(self.connection)

    def is_executed(self, item: Item) -> bool:
        """True when the server of 2.x works for one of the sessions: nobody may touch those."""
        return self.service is not None and not self.service.active.isdisjoint(item.sessions)

    def step(self, phase: str) -> Step:
        return Step(self.seen, len(self.plan), self.gone.bytes, phase)

    def look(self) -> None:
        """Called with the write lock held: has anybody committed since the group was copied?"""
        self.others_wrote = self.others_wrote or _data_version(self.connection) != self.version
        if _shape(self.connection) != self.shape:
            raise Refused("opencode is changing this database's schema: prune again afterwards.")
        if self.others_wrote:
            columns = self.site.store.schema.columns
            if not importer_of(self.connection, columns).is_settled:
                raise Refused("opencode 2.x imports sessions of 1.x now: prune again afterwards.")


def apply_prune(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Carry the plan out; the outcome counts what is really gone. Raises OcduError."""
    keeps = not (isinstance(plan.options, PrunePolicy) and plan.options.permanent)
    if keeps:
        _check_disk(site, plan)
    before = site.store.sizes()
    with site.store.writing() as db:
        connection = db.connection()
        path = batch.new_batch(
            site.ledger.trash_folder, site.ledger.database, site.store.schema,
            now=int(time.time() * 1000), rows=keeps,
        )  # fmt: skip
        job = _Job(site, plan, stop, connection, path, keeps)
        job.service = Service(site.store.path, site.store.schema)
        for number, group in enumerate(_groups(plan)):
            if stop.is_set():
                break
            try:
                yield from _prune_group(job, group, is_first=number == 0)
            except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
                if not job.gone.sessions:
                    raise
                job.failure = _sentence(error, site)
                break
        kept = None if job.failure else _close(job)
    freed = before.used_bytes - site.store.sizes().used_bytes
    return _outcome(job, path.stem if keeps and job.gone.sessions else kept, freed)


def _check_disk(site: Site, plan: Plan) -> None:
    folder = site.ledger.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = psutil.disk_usage(str(folder)).free
    needed = plan.totals.bytes + plan.totals.bytes // 10 + SPARE_DISK
    if free < needed:
        raise Refused(
            f"The trash in {folder} needs {size(needed)} and its disk has {size(free)} free: "
            "nothing was pruned. Prune less at a time, or use --permanent (no undo)."
        )


def _groups(plan: Plan) -> Iterator[list[Item]]:
    group: list[Item] = []
    octets = 0
    for item in plan:
        if group and (len(group) >= GROUP_TREES or octets + item.bytes > GROUP_BYTES):
            yield group
            group, octets = [], 0
        group.append(item)
        octets += item.bytes
    if group:
        yield group


def _prune_group(job: _Job, group: list[Item], *, is_first: bool) -> Generator[Step, None, None]:
    kept: list[Kept] = []
    # The first group may be copied without waiting for the disk: until it is synced at the end,
    # nothing relies on the file. Later ones share it with the only copies of what is gone.
    with (batch.unsynced if is_first else batch.attached)(job.connection, job.path):
        job.begin_group()
        with nullcontext() if is_first else transaction(job.connection, "BEGIN"):
            for item in group:
                with transaction(job.connection, "BEGIN") if is_first else nullcontext():
                    tree = _keep(job, item)
                if tree:
                    kept.append(tree)
                elif job.is_executed(item):
                    job.seen += 1
                    job.excluded["running"] += 1
                else:
                    job.seen += 1
                    job.excluded["changed"] += 1
    yield job.step("to trash" if job.keeps else "checking")
    with batch.attached(job.connection, job.path):
        with transaction(job.connection, "BEGIN"):
            for tree in kept:
                batch.write_tree(job.connection, tree.line, tree.item.sessions)
        for tree in kept:
            if not job.stop.is_set():
                _let_serve(job, tree)
        yield from _delete_group(job, kept)


def _keep(job: _Job, item: Item) -> Kept | None:
    store = job.site.store
    if job.is_executed(item):
        return None
    return keep_tree(job.connection, store.schema, job.site.files, item, rows=job.keeps)


def _delete_group(job: _Job, kept: list[Kept]) -> Generator[Step, None, None]:
    """Delete copied trees one after the other; note which are gone and which stay."""
    begun: dict[str, Deletion] = {}

    def deeds() -> Iterator[Deed]:
        for tree in kept:
            if job.stop.is_set():
                return
            if job.is_executed(tree.item):
                continue
            deletion = begun[tree.item.id] = _deletion(job, tree)
            yield from deletion.deeds()

    # The stop is obeyed between trees, inside `deeds`: a tree once begun is finished.
    for _ in in_slices(job.connection, deeds(), Event(), at_start=job.look):
        yield job.step("deleting")
    job.site.store.sync()
    with transaction(job.connection, "BEGIN"):
        for tree in kept:
            _settle(job, tree, begun.get(tree.item.id))
    yield job.step("deleting")


def _let_serve(job: _Job, tree: Kept) -> None:
    """Let the server of 2.x delete its rows, if the tree still is what was copied."""
    connection, schema, item = job.connection, job.site.store.schema, tree.item
    if job.service is None or not job.service.is_there:
        return
    job.service.look()
    if job.is_executed(item) or has_moved_on(connection, item):
        return
    if not job.keeps or equals_copy(connection, schema, item.sessions):
        job.service.delete(connection, item)


def _deletion(job: _Job, tree: Kept) -> Deletion:
    schema, ids = job.site.store.schema, tree.item.sessions
    served = job.service is not None and tree.item.id in job.service.asked
    if job.keeps:
        return Burial(job.connection, schema, ids, lambda: job.others_wrote, served=served)
    return Removal(
        job.connection,
        schema,
        ids,
        lambda: job.others_wrote and has_moved_on(job.connection, tree.item, served=served),
    )


def _settle(job: _Job, tree: Kept, deletion: Deletion | None) -> None:
    root = tree.item.id
    if exists(job.connection, root):
        if deletion is not None or job.is_executed(tree.item):
            job.seen += 1
            job.excluded["changed" if deletion else "running"] += 1
        if deletion is not None and deletion.refused:
            batch.set_state(job.connection, root, batch.KEPT)
            job.left_behind += len(deletion.refused)
        else:
            batch.forget_tree(job.connection, root)
        return
    job.seen += 1
    for id in tree.item.sessions:
        session_files.remove_file(job.site.files, id)
    batch.set_state(job.connection, root, batch.GONE)
    job.gone += tree.totals


def _close(job: _Job) -> str | None:
    """End the batch; without copies it was only there for the case of an interruption."""
    if not job.keeps:
        job.path.unlink()
        return None
    path = batch.close(job.path)
    return path.stem if path else None


def _sentence(error: Exception, site: Site) -> str:
    return str(error if isinstance(error, OcduError) else explained(error, site.store.path))


def _outcome(job: _Job, kept: str | None, freed: int) -> Outcome:
    gone, plan = job.gone, job.plan
    share = gone.bytes / plan.totals.bytes if plan.totals.bytes else 0.0
    changed, left = job.excluded["changed"], len(plan) - job.seen
    stayed = sum(job.excluded.values()) + left
    ending: Ending = "done" if gone.sessions and not stayed else "partial"
    if not gone.sessions:
        ending = "refused" if left and not changed else "nothing"
    where = "moved to the trash" if job.keeps else "deleted for good"
    message = f"{plural(gone.sessions, 'session')} ({size(gone.bytes)}) {where}"
    message += "; the file itself shrinks with a vacuum." if gone.sessions else "."
    if changed:
        message += f" {plural(changed, 'tree')} changed meanwhile and stayed."
    if job.excluded["running"]:
        message += f" {plural(job.excluded['running'], 'tree')} at work stayed."
    if job.left_behind:
        rows = plural(job.left_behind, "row")
        message += f" {rows} could not be put back; the copies stay in the trash as {kept}."
    if job.failure:
        message += f" {job.failure} {plural(left, 'tree')} left."
    elif left:
        message += f" Stopped: {plural(left, 'tree')} left untouched."
    return Outcome(
        ending, message, done=gone, excluded=dict(job.excluded),
        predicted_bytes=int(plan.predicted_bytes * share), freed_bytes=max(0, freed), batch=kept,
    )  # fmt: skip


def _shape(connection: apsw.Connection) -> int:
    return int(scalar(connection, "PRAGMA main.schema_version"))


def _data_version(connection: apsw.Connection) -> int:
    return int(scalar(connection, "PRAGMA main.data_version"))
