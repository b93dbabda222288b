"""What one prune knows while it runs, and what it comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import apsw

from tui.engine.burial import Deletion
from tui.engine.served import Service
from tui.engine.site import Site
from tui.errors import NotNow
from tui.format import plural, size
from tui.policy.plan import Ending, Item, Outcome, Plan, Step, Totals, items_as_json
from tui.store.generations import importer_of
from tui.store.query import scalar


@dataclass
class PruneJob:
    """What one prune knows while it runs."""

    site: Site
    plan: Plan
    stop: Event
    connection: apsw.Connection
    path: Path
    keeps: bool
    events: bool
    """True when the trash keeps event rows as well."""
    gone: Totals = field(default_factory=Totals)
    left_out: int = 0
    """Octets of event rows that went without a copy."""
    excluded: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    failure: str = ""
    """What ended the job before its time, as a sentence."""
    version: int = 0
    """data_version at the copy of the group under way."""
    shape: int = 0
    """schema_version at the same time."""
    others_wrote: bool = False
    seen_version: int = 0
    """data_version at the last look."""
    deletion: Deletion | None = None
    """The tree that is going."""
    reserve: Path | None = None
    """Room kept back on the disk of the trash."""
    service: Service | None = None
    """The server of 2.x, for a file that 2.x uses."""
    at_work: set[str] = field(default_factory=set)
    """Roots of trees that were left because the server works for them, or may."""
    gone_roots: set[str] = field(default_factory=set)
    left_behind: int = 0
    """Rows of changed trees that could not be put back; their copies stay in the batch."""

    def begin_group(self) -> None:
        """From here on a commit by anybody else means: compare before deleting."""
        self.version, self.others_wrote = data_version(self.connection), False
        self.seen_version = self.version
        self.shape = _shape(self.connection)

    def is_executed(self, item: Item) -> bool:
        """True when the server of 2.x works for one of the sessions, or may: nobody touches those.

        Once said of a tree it holds for the whole job.
        """
        if self.service is not None and self.service.works_for(self.connection, item.sessions):
            self.at_work.add(item.id)
        return item.id in self.at_work

    def was_served(self, item: Item) -> bool:
        """True when the server was asked to delete the tree: rows of it may be gone."""
        return self.service is not None and item.id in self.service.asked

    def step(self, phase: str) -> Step:
        """How far it is."""
        return Step(self.seen, len(self.plan), self.gone.bytes, phase)

    def look(self) -> None:
        """Called with the write lock held: has anybody committed since the group was copied?"""
        version = data_version(self.connection)
        self.others_wrote = self.others_wrote or version != self.version
        if _shape(self.connection) != self.shape:
            raise NotNow("opencode is changing this database's schema: prune again afterwards.")
        if version != self.seen_version:
            self._look_closer()
        self.seen_version = version

    def _look_closer(self) -> None:
        columns = self.site.store.schema.columns
        if not importer_of(self.connection, columns).is_settled:
            raise NotNow("opencode 2.x imports sessions of 1.x now: prune again afterwards.")
        if self.deletion is not None:
            self.deletion.look()


def outcome_of(job: PruneJob, kept: str | None, freed: int) -> Outcome:
    """What it came to; `kept` is the batch, `freed` the bytes of pages that became free."""
    gone, plan = job.gone, job.plan
    share = gone.bytes / plan.totals.bytes if plan.totals.bytes else 0.0
    changed, left = job.excluded["changed"], len(plan) - job.seen
    stayed = sum(job.excluded.values()) + left
    ending: Ending = "done" if gone.sessions and not stayed else "partial"
    if not gone.sessions:
        is_silent = job.service is not None and job.service.is_silent and job.at_work
        ending = "refused" if (left and not changed) or is_silent else "nothing"
    where = "moved to the trash" if job.keeps else "deleted for good"
    message = f"{plural(gone.sessions, 'session')} ({size(gone.bytes)}) {where}"
    if job.left_out:
        message += f" without {size(job.left_out)} of event history"
    message += "."
    if changed:
        message += f" {plural(changed, 'tree')} changed meanwhile and stayed."
    if job.excluded["running"] and job.service:
        message += f" {job.service.told(plural(job.excluded['running'], 'tree'), 'prune')}"
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
        details=_details(job, kept),
    )  # fmt: skip


def _details(job: PruneJob, kept: str | None) -> dict[str, object]:
    """What the journal needs to do it again, and for the contract whether event rows were kept."""
    if not job.keeps:
        return {}
    # What stayed was not asked of redo.
    gone = items_as_json(item for item in job.plan if item.id in job.gone_roots)
    undo = {"undo": {"trees": gone, "events": job.events}} if kept else {}
    return {"events_kept": job.events, **undo}


def _shape(connection: apsw.Connection) -> int:
    return int(scalar(connection, "PRAGMA main.schema_version"))


def data_version(connection: apsw.Connection) -> int:
    """Changes whenever another connection has committed to the database."""
    return int(scalar(connection, "PRAGMA main.data_version"))
