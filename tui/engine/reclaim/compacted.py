"""Level `compacted`: payloads of tool parts that opencode marked `state.time.compacted`.

The model gets a placeholder for these whatever their output says (facts on opencode's storage,
§4b.2), so the session may go on working meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.pace import Deed
from tui.engine.reclaim.rewrite import Work, row_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.tool_parts import COMPACTED


def compacted_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each marked part of the session."""
    return row_deeds(work, COMPACTED, item, {}, still=dict)
