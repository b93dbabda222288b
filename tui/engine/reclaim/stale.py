"""Level `stale`: what opencode's own prune would mark in a session at rest is marked and cleared.

The parts are taken from the oldest on: opencode stops looking at the first marked part it meets, so
a run that ends early must leave no unmarked part behind a marked one.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import Rest
from tui.engine.reclaim.rewrite import Work, row_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.prune_rule import prunable_parts
from tui.store.session_levels import stale_values
from tui.store.tool_parts import STALE


def stale_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each part the rule picks, the oldest first; none when the session moved on."""
    values: dict[str, object] = {}
    rest = Rest(work, item, values)
    rowids = prunable_parts(work.connection, item.id, work.stop)
    values.update(stale_values(rowids, work.now_ms))
    if rest.still() is None or not rowids:
        work.missed(item.id)
        return []
    places = {rowid: place for place, rowid in enumerate(rowids)}
    deeds = row_deeds(work, STALE, item, values, still=rest.still)
    return sorted(deeds, key=lambda deed: places.get(deed.rowid, -1))
