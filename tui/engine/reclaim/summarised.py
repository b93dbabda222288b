"""Level `summarised`: payloads of tool parts before the last finished compaction.

They are never sent to the model again; only a revert or a fork to before the compaction would
bring them back. The mark is set as well, so that even then the usual placeholder appears (facts
on opencode's storage, §4b.4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import data_version, is_as_planned
from tui.engine.reclaim.rewrite import Work, row_deeds
from tui.engine.reclaim.steps import rests, step_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.boundary import boundary_of, boundary_values
from tui.store.steps import OLD_OUTPUT, Span, boundary_in_v2
from tui.store.tool_parts import SUMMARISED


def summarised_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each part, or message of 2.x, before the boundary; none when the session has
    moved on."""
    in_v2 = step_deeds(work, OLD_OUTPUT, item, lambda: _span_in_v2(work, item))
    guard = _Guard(work, item)
    more = guard.look() if work.schema.has("part") else None
    if more is None:
        if not in_v2:
            work.missed(item.id)
        return in_v2
    return [*in_v2, *row_deeds(work, SUMMARISED, item, more, still=guard.still)]


def _span_in_v2(work: Work, item: ReclaimItem) -> Span | None:
    """What lies before the last compaction in 2.x; None when the session has moved on."""
    before = boundary_in_v2(work.connection, item.id)
    return (0, before) if before is not None and rests(work, item) else None


class _Guard:
    """Knows the boundary, and inside a transaction proves that it still is where it was."""

    def __init__(self, work: Work, item: ReclaimItem) -> None:
        self.work = work
        self.item = item
        self.version = -1
        self.more: Mapping[str, object] | None = None

    def still(self) -> Mapping[str, object] | None:
        """The parameters as of now, under the lock."""
        # data_version moves whenever another connection has committed; our own edits leave it.
        if data_version(self.work.connection) != self.version:
            self.look()
        return self.more

    def look(self) -> Mapping[str, object] | None:
        """Read the boundary; None when there is none or the session was active since planned."""
        connection = self.work.connection
        self.version = data_version(connection)
        boundary = boundary_of(connection, self.item.id)
        if boundary is None or not is_as_planned(connection, self.item):
            self.more = None
        else:
            self.more = boundary_values(boundary, now_ms=self.work.now_ms, unmarked=False)
        return self.more
