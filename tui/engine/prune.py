"""Move planned trees to the trash, or delete them for good.

In groups: check each tree and copy its rows into the batch file, make that file safe on the disk,
compare every copy with its original, then delete in time-sliced transactions. A tree that changed
since it was planned or copied stays whole. A stop takes effect between two trees. What a kill
leaves behind is noted in the batch file, and `tui.engine.crash_recovery` puts it right at the next
start. At the end the batch is packed.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from threading import Event

import apsw

from tui.engine.burial import Burial, Deletion, Removal
from tui.engine.keeping import Kept, has_moved_on, is_proven, keep_tree
from tui.engine.pace import Deed, in_slices
from tui.engine.prune_job import PruneJob, data_version, outcome_of
from tui.engine.room import check_room, explained_fully
from tui.engine.served import Service
from tui.engine.site import Site
from tui.errors import OcduError
from tui.policy.plan import Item, Outcome, Plan, Step
from tui.policy.prune import PrunePolicy
from tui.store import batch, session_files
from tui.store.database import SQLITE_EXCEPTIONS, transaction
from tui.store.generations import exists
from tui.store.shelf import put_back, reserved

GROUP_BYTES = 64_000_000
"""Payload copied before it is deleted: bounds the time in which a neighbour can change a tree, and
the number of slow fsyncs."""

GROUP_TREES = 200
"""Trees in one group, for the same reasons."""


def apply_prune(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Carry the plan out; the outcome counts what is really gone. Raises OcduError."""
    options = plan.options if isinstance(plan.options, PrunePolicy) else PrunePolicy()
    keeps, events = not options.permanent, options.events
    if keeps:
        check_room(site, plan, events=events)
    before = site.store.sizes()
    with site.store.writing() as db:
        connection = db.connection()
        path = batch.new_batch(
            site.ledger.trash_folder, site.ledger.database, site.store.schema,
            now=int(time.time() * 1000), rows=keeps, events=events,
        )  # fmt: skip
        job = PruneJob(site, plan, stop, connection, path, keeps, events)
        job.service = Service(site.store.path, site.store.schema)
        with reserved(path) if keeps else nullcontext() as job.reserve:
            yield from _prune_groups(job)
    kept = path.stem if keeps and job.gone.sessions else None
    if not job.failure:
        kept = yield from _close(job)
    freed = before.used_bytes - site.store.sizes().used_bytes
    return outcome_of(job, kept, freed)


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


def _prune_groups(job: PruneJob) -> Iterator[Step]:
    """One group after the other; what fails after the first trees went ends the job partial."""
    for number, group in enumerate(_groups(job.plan)):
        if job.stop.is_set():
            break
        try:
            yield from _prune_group(job, group, is_first=number == 0)
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            failure = explained_fully(error, job.site)
            if not job.gone.sessions:
                raise failure from error
            job.failure = str(failure)
            break


def _prune_group(
    job: PruneJob, group: list[Item], *, is_first: bool
) -> Generator[Step, None, None]:
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
        if job.keeps:
            kept = [tree for tree in kept if _is_proven(job, tree)]
            yield job.step("comparing the copies")
        with transaction(job.connection, "BEGIN"):
            for tree in kept:
                batch.write_tree(job.connection, tree.line, tree.item.sessions)
        for tree in kept:
            if not job.stop.is_set():
                _let_serve(job, tree)
        yield from _delete_group(job, kept)


def _keep(job: PruneJob, item: Item) -> Kept | None:
    store = job.site.store
    if job.is_executed(item):
        return None
    return keep_tree(
        job.connection, store.schema, job.site.files, item, rows=job.keeps, events=job.events
    )


def _is_proven(job: PruneJob, tree: Kept) -> bool:
    """Is the copy, as it lies in the synced file, the same as the original?

    A difference means that somebody has written since. Raises OcduError if nobody has: then the
    trash does not keep what it is given.
    """
    if is_proven(job.connection, job.site.store.schema, tree):
        return True
    if data_version(job.connection) == job.version:
        raise OcduError(
            f"The copy of “{tree.item.title}” in {job.path} is not what was written: nothing of it "
            "was deleted. Check that disk."
        )
    job.seen += 1
    job.excluded["changed"] += 1
    return False


def _delete_group(job: PruneJob, kept: list[Kept]) -> Generator[Step, None, None]:
    """Delete copied trees one after the other; note which are gone and which stay."""
    begun: dict[str, Deletion] = {}

    def deeds() -> Iterator[Deed]:
        for tree in kept:
            # What the server was asked for is begun: half of it may be gone.
            if not job.was_served(tree.item) and (job.stop.is_set() or job.is_executed(tree.item)):
                continue
            job.deletion = begun[tree.item.id] = _deletion(job, tree)
            yield from job.deletion.deeds()
            job.deletion = None

    # The stop is obeyed between trees, inside `deeds`: a tree once begun is finished.
    for _ in in_slices(job.connection, deeds(), Event(), at_start=job.look):
        yield job.step("deleting")
    job.site.store.sync()
    gone = _settled(job, kept, begun)
    for tree in kept:
        if tree.item.id in gone:
            job.gone += tree.gone
            job.gone_roots.add(tree.item.id)
            job.left_out += tree.gone.bytes - tree.line.bytes
        elif tree.item.id in begun:
            job.excluded["changed"] += 1
        elif tree.item.id in job.at_work:
            job.excluded["running"] += 1
        job.seen += tree.item.id in gone | begun.keys() | job.at_work
    yield job.step("deleting")


def _let_serve(job: PruneJob, tree: Kept) -> None:
    """Let the server of 2.x delete its rows, if the tree still is what was copied."""
    connection, schema, item = job.connection, job.site.store.schema, tree.item
    if job.service is None:
        return
    job.service.look()
    if not job.service.deletes:
        return
    if job.is_executed(item) or has_moved_on(connection, item):
        return
    if not job.keeps or is_proven(connection, schema, tree):
        job.service.delete(connection, item)


def _deletion(job: PruneJob, tree: Kept) -> Deletion:
    schema, ids = job.site.store.schema, tree.item.sessions
    served = job.was_served(tree.item)
    if job.keeps:
        return Burial(
            job.connection, schema, ids, tree.history, lambda: job.others_wrote, served=served
        )
    return Removal(
        job.connection,
        schema,
        ids,
        lambda: job.others_wrote and has_moved_on(job.connection, tree.item, served=served),
    )


def _settled(job: PruneJob, kept: list[Kept], begun: Mapping[str, Deletion]) -> set[str]:
    """Note in the batch what became of each tree; returns the roots that are gone."""
    try:
        with transaction(job.connection, "BEGIN"):
            return {tree.item.id for tree in kept if _settle(job, tree, begun.get(tree.item.id))}
    except apsw.FullError:
        if job.reserve is None or not job.reserve.exists():
            raise
        job.reserve.unlink()
        return _settled(job, kept, begun)


def _settle(job: PruneJob, tree: Kept, deletion: Deletion | None) -> bool:
    root = tree.item.id
    if exists(job.connection, root):
        refused = deletion.refused if deletion is not None else []
        if refused or (deletion is None and job.was_served(tree.item)):
            batch.set_state(job.connection, root, batch.KEPT)
            job.left_behind += len(refused)
        else:
            batch.forget_tree(job.connection, root)
        return False
    for id in tree.item.sessions:
        session_files.remove_file(job.site.files, id, job.connection if job.keeps else None)
    batch.set_state(job.connection, root, batch.GONE)
    return True


def _close(job: PruneJob) -> Generator[Step, None, str | None]:
    """Pack the batch; without copies it was only there for the case of an interruption."""
    if not job.keeps:
        job.path.unlink()
        return None
    packing = put_back(job.path, job.stop)
    while True:
        try:
            next(packing)
        except StopIteration as end:
            path: Path | None = end.value
            return path.stem if path else None
        yield job.step("packing")
