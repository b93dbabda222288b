"""Level `diffs`: the texts of diffs in user messages of sessions at rest; the entries stay.

The newest event of a message holds them once more and loses them with it: no event goes, and none
changes its place.

Nothing of it is ever sent to a model, and a revert works from snapshots; what is lost is the diff
that the web app shows beside a turn (facts on opencode's storage, §4b.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import Rest
from tui.engine.reclaim.rewrite import Edit, Work, row_deeds
from tui.policy.plan import Totals
from tui.policy.reclaim import ReclaimItem
from tui.store import kept_payload
from tui.store.diff_stream import Slim, large_messages, put, slim
from tui.store.diff_texts import DIFFS, EVENT_DIFFS
from tui.store.event_diffs import snapshots
from tui.store.row_level import LARGEST
from tui.store.superseded import is_owned


def diffs_deeds(work: Work, item: ReclaimItem) -> Sequence[Deed]:
    """One deed for each message with diffs, and one for each newest event that has them."""
    rest = Rest(work, item, {})
    large = set(large_messages(work.connection, item.id))
    edits = row_deeds(work, DIFFS, item, {}, still=rest.still)
    deeds: list[Edit] = [edit for edit in edits if edit.rowid not in large]
    for rowid in sorted(large):
        new = slim(work.connection, rowid, work.stop)
        if new is not None and len(new.data) < new.size:
            deeds.append(LargeEdit(work, DIFFS, item.id, rowid, rest.still, new))
    return [*deeds, *_event_deeds(work, item, {edit.rowid for edit in deeds})]


def _event_deeds(work: Work, item: ReclaimItem, messages: set[int]) -> list[Edit]:
    """After the messages with these rowids: whoever is stopped between them has lost nothing."""
    connection, schema = work.connection, work.store.schema
    rest = Rest(work, item, {}, lambda: not is_owned(connection, schema, item.id))
    deeds: list[Edit] = []
    for each in snapshots(connection, schema, item.id, work.stop):
        if not each.octets:
            continue
        row = Totals(messages=int(each.message not in messages))
        place = (work, EVENT_DIFFS, item.id, each.rowid, rest.still)
        if each.slim is None:
            deeds.append(Edit(*place, row=row))
        else:
            deeds.append(LargeEdit(*place, each.slim, row=row))
    return deeds


@dataclass(frozen=True, slots=True)
class LargeEdit(Edit):
    """The deed on a row of many megabytes: what it becomes was worked out without the lock.

    Its pages have to be freed in one transaction, which takes opencode's time: 0.1 s for 100 MB.
    """

    new: Slim

    def __call__(self) -> None:
        """Put the new data in place, if the row still is what was read."""
        is_done = self.still() is not None and put(self.work.connection, self.session_id, self.new)
        self.count(self.new.size - len(self.new.data) if is_done else None)

    def keep(self) -> int | None:
        """Copy it as well; a copy passes through memory, so there is a limit."""
        if self.new.size > LARGEST or self.still() is None:
            return None
        return kept_payload.copy_large(self.work.connection, self.session_id, self.new)

    def rewrite_kept(self, entry: int) -> None:
        """The copy was made from the row of the same size and time."""
        self()
