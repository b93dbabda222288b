"""Level `subagents`: payloads of children at rest whose parent holds their result.

The parent's `task` part is looked at again inside every transaction that follows somebody else's:
while it holds what the child found, the child's own tool output is only how it got there.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import Rest
from tui.engine.reclaim.rewrite import Work, row_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.task_results import parent_of, results_of, still_holds
from tui.store.tool_parts import SUBAGENTS


def subagents_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each tool part of the child; none when its parent holds no result any more."""
    parent = parent_of(work.connection, item.id)
    result = results_of(work.connection, parent, work.stop).get(item.id) if parent else None
    if result is None:
        work.missed(item.id)
        return []
    values = {"unmarked": False, "now": work.now_ms}
    rest = Rest(work, item, values, lambda: still_holds(work.connection, result, item.id))
    return row_deeds(work, SUBAGENTS, item, values, still=rest.still)
