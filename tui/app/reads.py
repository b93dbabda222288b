"""What screens read through the app: one method a question, each for a thread of its own.

What only a later key needs is imported by the method that needs it: the first picture waits for
nothing it does not show.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tui.app.memory import Memory
from tui.policy.plan import Plan
from tui.records import FileSurvey, LargeRow, Payload, SessionDetail

if TYPE_CHECKING:
    from tui.policy.vacuum import VacuumFacts

log = logging.getLogger("ocdu")

MOST_LARGE = 500
"""Rows among the largest that are listed: nobody reads on."""

Answer = TypeVar("Answer")


class Retained(NamedTuple):
    """What retention wants to do, or says instead of doing it."""

    due: tuple[Plan, ...] = ()
    announcement: str = ""


class Reads(Memory):
    """The blocking half of `Desk` that is about sessions, bytes and what could be done."""

    def read_detail(self, session_id: str) -> SessionDetail:
        """All about one session."""
        from tui.store.details import session_detail

        forest = self.forest
        tree = forest.branch_of(session_id)
        own = forest.usage_of(session_id)
        return session_detail(self.site.store, tree.root, own, tree.usage, len(tree.rows))

    def read_kinds(
        self, stop: Event, ids: Collection[str] | None = None
    ) -> Iterator[dict[str, int]]:
        """Octets by kind, growing; of these sessions or of the whole file."""
        from tui.store.kinds import in_groups, kinds

        return map(in_groups, kinds(self.site.store, ids, stop))

    def read_largest(self, ids: Collection[str], limit: int, stop: Event) -> list[LargeRow]:
        """The largest single rows of these sessions."""
        from tui.store.largest import largest_rows

        return largest_rows(self.site.store, ids, limit, stop=stop)

    def read_large(self, stop: Event) -> Iterator[list[tuple[str, LargeRow]]]:
        """(session id, row) of the rows over 1 MB of the whole file, the largest first, growing.

        Session by session, the largest first: what matters comes at once, and on 7.7 GB all of it
        in a quarter of the time that a run through the tables takes.
        """
        from tui.store.largest import OVER, largest_rows

        forest = self.forest
        usage = {row.id: forest.usage_of(row.id) for row in forest.rows}
        sizes = {id: OVER + 1 if each is None else each.bytes for id, each in usage.items()}
        found: list[tuple[str, LargeRow]] = []
        floor = OVER
        for id in sorted(sizes, key=lambda id: -sizes[id]):
            if sizes[id] <= floor or stop.is_set():
                break  # not one row of those that follow can be among the largest
            rows = largest_rows(self.site.store, [id], MOST_LARGE, floor, stop)
            if rows:
                found = [*found, *((id, row) for row in rows)]
                found = sorted(found, key=lambda each: -each[1].bytes)[:MOST_LARGE]
                floor = found[-1][1].bytes if len(found) == MOST_LARGE else floor
                yield found
        yield found

    def read_preview(self, row: LargeRow) -> str:
        """The first characters of what makes a row large; as they stand in the database."""
        from tui.store.largest import preview

        return preview(self.site.store, row)

    def read_payloads(
        self, levels: Sequence[str], ids: Collection[str] | None, stop: Event
    ) -> list[Payload]:
        """What the reclaim levels could drop; incomplete when `stop` was set."""
        from tui.store.reclaimable import find_reclaimable

        site = self.site
        return find_reclaimable(site.store, levels, session_ids=ids, files=site.files, stop=stop)

    def read_rescue(self, stop: Event) -> tuple[list[Payload], VacuumFacts]:
        """What the steps of a rescue could take, and what a vacuum depends on."""
        from tui.engine.rescue import rescue_facts
        from tui.policy.rescue import rescue_levels

        found = self.read_payloads(rescue_levels(), None, stop)
        return found, rescue_facts(self.site.store, found)

    def read_retention(self) -> Retained:
        """What the configured policies want now; new ones are announced first, in the journal."""
        from tui.engine.retention import announce, is_announced, prepare_retention
        from tui.policy.policies import policies_of

        policies = policies_of(self.config)
        if not policies.active:
            return Retained()
        found = prepare_retention(self.site, policies, self.now(), self.stop)
        if not is_announced(self.site, policies):
            return Retained(announcement=announce(self.site, found, policies).message)
        return Retained(found.due)

    def plan_vacuum(self, to_incremental: bool = False) -> Plan:
        """What a vacuum would do now; it waits for its turn where it must."""
        from tui.engine.vacuum import vacuum_facts
        from tui.policy.vacuum import Wish, plan_vacuum

        wish = Wish(patient=True, to_incremental=to_incremental)
        return plan_vacuum(vacuum_facts(self.site.store, wish=wish))

    def read_waiting_vacuum(self) -> Plan | None:
        """The vacuum that an earlier ocdu could not begin, as a plan of now; None without one."""
        from tui.engine.waiting import taken_up

        return taken_up(self.site)

    def plan_checkpoint(self) -> Plan:
        """What folding the write-ahead log in would give."""
        from tui.policy.vacuum import plan_checkpoint

        return plan_checkpoint(self.site.store.sizes())

    def read_files(self, stop: Event) -> Iterator[FileSurvey]:
        """The rest of the data directory, growing."""
        from tui.store.files import survey_files

        return survey_files(self.site.store, self.site.files, self.now(), stop)
