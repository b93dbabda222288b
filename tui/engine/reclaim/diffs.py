"""Level `diffs`: the texts of diffs in user messages of sessions at rest; the entries stay.

Nothing of it is ever sent to a model, and a revert works from snapshots; what is lost is the diff
that the web app shows beside a turn (facts on opencode's storage, §4b.7).
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import Rest
from tui.engine.reclaim.rewrite import Work, row_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.diff_texts import DIFFS


def diffs_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each message with diffs."""
    rest = Rest(work, item, {})
    return row_deeds(work, DIFFS, item, {}, still=rest.still)
