"""The edit that levels share in the messages of 2.x: drop the payload of tool calls, row by row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import apsw

from tui.engine.pace import Deed
from tui.engine.reclaim.rewrite import Work
from tui.policy.reclaim import ReclaimItem
from tui.store.query import scalar
from tui.store.steps import NOWHERE, Span, StepLevel, judged_steps, rewrite_step

Limits = Callable[[], Span]
"""Between which numbers rows may be edited, as of now; asked with the lock held."""


def step_deeds(work: Work, level: StepLevel, item: ReclaimItem, limits: Limits) -> list[Deed]:
    """One deed for each row of the session that qualifies now; none in a file of 1.x."""
    if not work.schema.has("session_v2"):
        return []
    if item.id in work.executed:
        work.tally = work.tally.missed(item.id)
        return []
    still = _Still(work, limits)
    judged = judged_steps(work.connection, level, item.id, still.span(), work.stop)
    rowids = [step.rowid for step in judged if step.octets > 0]
    return [partial(_rewrite, work, level, item.id, rowid, still) for rowid in rowids]


class _Still:
    """The limits, asked for again whenever somebody else has written."""

    def __init__(self, work: Work, limits: Limits) -> None:
        self.work = work
        self.ask = limits
        self.version = -1
        self.known = NOWHERE

    def span(self) -> Span:
        """As of now."""
        version = data_version(self.work.connection)
        if version != self.version:
            self.version, self.known = version, self.ask()
        return self.known


def _rewrite(work: Work, level: StepLevel, session_id: str, rowid: int, still: _Still) -> None:
    octets = rewrite_step(work.connection, level, session_id, rowid, still.span())
    if octets is None:
        work.tally = work.tally.missed(session_id)
    else:
        work.tally = work.tally.took(session_id, octets)


def data_version(connection: apsw.Connection) -> int:
    """Moves whenever another connection has committed; our own edits leave it."""
    version: Any = scalar(connection, "PRAGMA data_version")
    return int(version)
