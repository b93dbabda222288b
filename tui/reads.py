"""What screens read through the app: one method a question, each for a thread of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from threading import Event

from tui.desk import Freed, JournalLine, TrashBatch
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty, plan_restore
from tui.engine.vacuum import vacuum_facts
from tui.forest import Forest
from tui.policy.plan import Plan
from tui.policy.vacuum import plan_checkpoint, plan_vacuum
from tui.records import Payload, SessionDetail
from tui.store.details import kinds, session_detail
from tui.store.payloads import find_payloads


class Reads:
    """The blocking half of `Desk`; whoever inherits it gives the site, the forest and the time."""

    site: Site
    forest: Forest

    def now(self) -> int:
        """Milliseconds UTC."""
        raise NotImplementedError

    def read_detail(self, session_id: str) -> SessionDetail:
        """All about one session."""
        return session_detail(self.site.store, self.forest, session_id)

    def read_kinds(
        self, stop: Event, ids: Collection[str] | None = None
    ) -> Iterator[dict[str, int]]:
        """Octets by kind, growing; of these sessions or of the whole file."""
        return kinds(self.site.store, ids, stop)

    def read_payloads(
        self, levels: Sequence[str], ids: Collection[str] | None, stop: Event
    ) -> list[Payload]:
        """What the reclaim levels could drop; incomplete when `stop` was set."""
        return find_payloads(self.site.store, levels, session_ids=ids, stop=stop)

    def plan_vacuum(self) -> Plan:
        """What a vacuum would do now."""
        return plan_vacuum(vacuum_facts(self.site.store))

    def plan_checkpoint(self) -> Plan:
        """What folding the write-ahead log in would give."""
        return plan_checkpoint(self.site.store.sizes())

    def read_trash(self) -> Sequence[TrashBatch]:
        """Batches of this database, newest first."""
        return batches(self.site.ledger.trash_folder)

    def plan_restore(self, names: Sequence[str]) -> Plan:
        """Bring batches or sessions back."""
        return plan_restore(self.site, names)

    def plan_empty(self, names: Sequence[str] | None, older_than: timedelta | None) -> Plan:
        """Delete batches for good."""
        return plan_empty(self.site, names, older_than, self.now())

    def read_journal(self) -> Sequence[JournalLine]:
        """What ocdu did to this database, newest first."""
        return self.site.ledger.entries()

    def read_history(self) -> Sequence[tuple[int, int]]:
        """(time in ms, octets on disk), oldest first."""
        return self.site.ledger.history()

    def read_freed(self) -> Freed:
        """What was given back today (since local midnight) and ever."""
        local = datetime.fromtimestamp(self.now() / 1000).astimezone()
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        ledger = self.site.ledger
        return Freed(ledger.freed(int(midnight.timestamp() * 1000)), ledger.freed())
