"""What the app remembers and knows beside the sessions: trash, journal, projects, databases."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from tui.app.asking import Asking
from tui.desk import Freed, JobStory, JournalLine, TrashBatch
from tui.messages import Recovered
from tui.paths import absolute
from tui.places import ProjectRow, Whereabouts
from tui.policy.plan import Plan

if TYPE_CHECKING:
    pass

log = logging.getLogger("ocdu")

MOST_LARGE = 500
"""Rows among the largest that are listed: nobody reads on."""

Answer = TypeVar("Answer")


class Memory(Asking):
    """Blocking questions about what ocdu did, and about where things lie."""

    def read_undoable(self) -> str | None:
        """What `u` would undo, in words; first what an earlier ocdu left half done is put right."""
        from tui.engine.crash_recovery import put_right
        from tui.engine.undo import undo_title

        for sentence in put_right(self.site):
            self.tell(Recovered(sentence))
        return undo_title(self.site)

    def plan_undo(self) -> Plan:
        """Reverse the newest job that can be reversed."""
        from tui.engine.undo import plan_undo

        return plan_undo(self.site)

    def plan_redo(self) -> Plan:
        """Do again what was undone last."""
        from tui.engine.undo import plan_redo

        return plan_redo(self.site)

    def read_trash(self) -> Sequence[TrashBatch]:
        """Batches of this database, newest first."""
        from tui.engine.trash import batches

        return batches(self.site.ledger.trash_folder, self.site.ledger.database)

    def plan_restore(self, names: Sequence[str]) -> Plan:
        """Bring batches or sessions back."""
        from tui.engine.restore import plan_restore

        return plan_restore(self.site, names)

    def plan_empty(self, names: Sequence[str] | None, older_than: timedelta | None) -> Plan:
        """Delete batches for good."""
        from tui.engine.trash import plan_empty

        return plan_empty(self.site, names, older_than, self.now())

    def read_journal(self) -> Sequence[JournalLine]:
        """What ocdu did to this database, newest first."""
        return self.site.ledger.entries()

    def read_job(self, number: int) -> JobStory | None:
        """All about one job of the journal."""
        return self.site.ledger.record(number)

    def read_databases(self) -> tuple[Sequence[Whereabouts], int, int]:
        """Every database of this user, the open one among them."""
        from tui.store.locate import databases, found_at
        from tui.store.whereabouts import never_imported, whereabouts

        found = {each.path: each for each in databases()}
        found.setdefault(self.database, found_at(self.database))
        return list(whereabouts(found.values())), *never_imported(self.site.files)

    def read_projects(self) -> Sequence[ProjectRow]:
        """Every project, and whether its folder exists."""
        from tui.store.projects import projects

        return projects(self.site.store)

    def plan_relink(self, old: str, new: str) -> Plan:
        """Move stored paths."""
        from tui.policy.projects import plan_relink
        from tui.store.holders import holders
        from tui.store.projects import places

        store = self.site.store
        folder = os.path.normpath(absolute(new))
        return plan_relink(
            places(store), old, folder, new_exists=os.path.isdir(folder),
            holders=holders(store.path),
        )  # fmt: skip

    def read_newcomer(self) -> bool:
        """True at the very first start of this user, and never again."""
        return self.site.ledger.greets()

    def read_consent(self) -> tuple[bool | None, str]:
        """The answer for this database so far, and why opencode's configuration forbids it."""
        from tui.store.opencode_config import pruning

        return self.site.ledger.consent(), pruning().why

    def read_history(self) -> Sequence[tuple[int, int]]:
        """(time in ms, octets on disk), oldest first."""
        return self.site.ledger.history()

    def read_freed(self) -> Freed:
        """What was given back today (since local midnight) and ever."""
        local = datetime.fromtimestamp(self.now() / 1000).astimezone()
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        ledger = self.site.ledger
        return Freed(ledger.freed(int(midnight.timestamp() * 1000)), ledger.freed())
