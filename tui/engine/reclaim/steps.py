"""The edit that levels share in the messages of 2.x: drop the payload of tool calls, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tui.engine.reclaim.resting import data_version
from tui.engine.reclaim.rewrite import Edit, Work
from tui.policy.reclaim import ReclaimItem
from tui.store.generations import updated_of
from tui.store.steps import Span, StepLevel, judged_steps, limits

Ask = Callable[[], Span | None]
"""Between which numbers rows may be edited, as of now; None: nowhere. Asked with the lock held."""


def step_deeds(work: Work, level: StepLevel, item: ReclaimItem, ask: Ask) -> list[Edit]:
    """One deed for each row of the session that qualifies now; none in a file of 1.x."""
    if not work.schema.has("session_v2"):
        return []
    if work.service is not None and work.service.works_for(work.connection, (item.id,)):
        work.at_work.add(item.id)
        return []
    still = _Still(work, ask)
    span = still.span()
    if span is None:
        return []
    judged = judged_steps(work.connection, level, item.id, span, work.stop)
    rowids = [step.rowid for step in judged if step.octets > 0]
    return [Edit(work, level, item.id, rowid, still.values) for rowid in rowids]


def rests(work: Work, item: ReclaimItem) -> bool:
    """True unless the session was written to after the plan saw it (0: the plan does not mind)."""
    return not item.seen_active or updated_of(work.connection, item.id) <= item.seen_active


class _Still:
    """The limits, asked for again whenever somebody else has written."""

    def __init__(self, work: Work, ask: Ask) -> None:
        self.work = work
        self.ask = ask
        self.version = -1
        self.known: Span | None = None

    def span(self) -> Span | None:
        """As of now."""
        version = data_version(self.work.connection)
        if version != self.version:
            self.version, self.known = version, self.ask()
        return self.known

    def values(self) -> Mapping[str, object] | None:
        """The same, as the statements of a level take it."""
        span = self.span()
        return None if span is None else limits(span)
