"""Level `events` and the vacuum at once: the history that nobody reads is left out of a copy.

For files that are mostly history, and that nobody has open. The superseded events are judged anew
inside the snapshot that is copied, by the same proof as in `events`; what stays is compared row by
row before it is written back (`engine.copy_out`).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from threading import Event

from tui.engine.copy_out import copy_out
from tui.engine.reclaim.resting import is_as_planned
from tui.engine.site import Site
from tui.engine.survivors import Survivors
from tui.format import count, size
from tui.policy.copy_out import Rescue, prefers_copy_out
from tui.policy.plan import Outcome, Plan, Step, Totals
from tui.policy.reclaim import ReclaimItem
from tui.policy.vacuum import VacuumFacts
from tui.store.event_log import Log
from tui.store.superseded import superseded

AT_ONCE = 5000
"""Rows named by one statement."""


@dataclass(slots=True)
class _Judge:
    """Leaves the superseded events of the planned sessions out; knows what it left out last."""

    plan: Plan
    site: Site
    stop: Event
    gone: Totals = field(default_factory=Totals)
    changed: set[str] = field(default_factory=set)

    def __call__(self, survivors: Survivors) -> None:
        """Called anew for every attempt: what counts is the moment that is copied."""
        self.gone, self.changed = Totals(), set()
        for item in self.plan:
            if isinstance(item, ReclaimItem) and not self.stop.is_set():
                self._judge(survivors, item)

    def _judge(self, survivors: Survivors, item: ReclaimItem) -> None:
        connection = survivors.connection
        log = None
        if is_as_planned(connection, item):
            log = superseded(connection, self.site.store.schema, item.id, self.stop)
        if not isinstance(log, Log):
            self.changed.add(item.id)
            return
        rows = 0
        for some in _chunks(log.rowids):
            rows += survivors.leave_out(
                "event",
                "aggregate_id = :id AND rowid IN (SELECT value FROM json_each(:rows))",
                {"id": item.id, "rows": json.dumps(some)},
            )
        if rows:
            self.gone += Totals(sessions=1, events=rows, bytes=sum(log.octets))


def _chunks(rowids: array[int]) -> Iterator[list[int]]:
    for first in range(0, len(rowids), AT_ONCE):
        yield rowids[first : first + AT_ONCE].tolist()


@dataclass(frozen=True, slots=True)
class CopyOut:
    """Options of such a plan."""

    expected: int
    """Octets of the result, estimated."""


def copy_out_plan(plan: Plan, facts: VacuumFacts) -> Plan | None:
    """The same reclaim of `events` by copying out; None where deleting is the better way."""
    goes = plan.predicted_bytes
    stays = max(0, facts.sizes.used_bytes - goes)
    held = bool(facts.holders)
    rescue = Rescue(stays, goes, held, facts.write_speed, facts.free_disk, facts.same_device)
    if held or not prefers_copy_out(rescue):
        return None
    return replace(plan, verb="copy_out", options=CopyOut(stays))


def copy_out_history(plan: Plan, site: Site, stop: Event) -> Generator[Step, None, Outcome]:
    """Rebuild the file without the planned sessions' superseded events.

    Ends as `copy_out` does; "refused" where another way has to be taken. Raises OcduError.
    """
    assert isinstance(plan.options, CopyOut)
    judge = _Judge(plan, site, stop)
    outcome = yield from copy_out(site, judge, stop, expected=plan.options.expected)
    if outcome.ending != "done":
        return outcome
    taken = f"{size(judge.gone.bytes)} in {count(judge.gone.events)} events"
    return replace(
        outcome,
        message=f"Left {taken} out of the rebuilt file. {outcome.message}",
        done=judge.gone,
        excluded={"changed": len(judge.changed)} if judge.changed else {},
        predicted_bytes=plan.predicted_bytes,
    )
