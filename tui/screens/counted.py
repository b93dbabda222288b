"""What the dashboard is made of, counted in threads: kinds of bytes, sums, the past."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from tui.desk import Jobs, this_thread
from tui.forest import Forest
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.quantity import parse_age
from tui.screens.board import Past
from tui.screens.files import STALE
from tui.screens.page import Page
from tui.screens.tally import Share, by_age, by_project, largest_trees

DRIFT = 0.05
"""Share by which the payload must have changed for its kinds to be counted again: that reads all
of the file."""

GROWS_EVERY = 0.5
"""Seconds between two pictures of a count under way."""

REST_FACTOR = 10
"""How many times as long as counting the files took they are not counted again."""


class Sums(NamedTuple):
    """What is summed over all sessions."""

    largest: Sequence[Share] = ()
    projects: Sequence[Share] = ()
    ages: Sequence[Share] = ()
    idle: Plan | None = None


class Counted(Page):
    """Counts again what changed, while it is looked at; subclasses show it."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, int] = {}
        self._counted: int | None = None
        """Payload octets when the kinds were last counted; None asks for counting."""
        self._kinds_done = self._telling = False
        self.past = Past()
        self.sums = Sums()
        self.stale = True

    def show_live(self) -> None:
        """Show what may change at any time."""
        raise NotImplementedError

    def show_sums(self) -> None:
        """Show the sums over all sessions."""
        raise NotImplementedError

    def forest_changed(self) -> None:
        """The sums are no longer true."""
        self.stale = True

    def payloads_changed(self) -> None:
        """Nor is what could be got back."""
        self.stale = True
        self.tick()
        self.show_live()

    def job_changed(self, before: Jobs, after: Jobs) -> None:
        """After a job everything is counted again."""
        if before.running is not None and after.running is None:
            self.stale = True
            self._counted = None  # what the kinds were no longer holds
            self.read_past()

    # threads

    def tick(self) -> None:
        """Count what is no longer true, while it is looked at."""
        if not (self.is_current and self.is_attached):
            return
        desk = self.desk
        desk.survey(max(STALE, desk.surveyed.took * REST_FACTOR))
        if self.stale:
            self.stale = False
            forest, done = desk.forest, desk.measure.done
            desk.ask(lambda: self._sum(forest, done), self._sums_came, group="sums")
        payload = sum(desk.measure.tables.values())
        if desk.measure.done and (
            self._counted is None or abs(payload - self._counted) > DRIFT * self._counted
        ):
            self._counted = payload
            desk.ask(self._count_kinds, self._kinds_came, group="kinds")

    def read_past(self) -> None:
        """History and what was freed."""
        desk = self.desk
        desk.ask(
            lambda: Past(desk.read_history(), desk.read_freed()), self._past_came, group="past"
        )

    def _past_came(self, past: Past) -> None:
        self.past = past
        self.show_live()

    def _sum(self, forest: Forest, done: bool) -> Sums:
        """Over 100,000 sessions this takes longer than a frame."""
        desk, now = self.desk, self.desk.now()
        filled = desk.live.sizes.filled_bytes if desk.live else 0
        policy = PrunePolicy(older_than=parse_age(desk.config.prune.older_than))
        idle = plan_prune(forest, policy, now, desk.running, filled_bytes=filled) if done else None
        return Sums(largest_trees(forest), by_project(forest), by_age(forest, now), idle)

    def _sums_came(self, sums: Sums) -> None:
        self.sums = sums
        self.show_sums()
        self.show_live()

    def _count_kinds(self) -> dict[str, int]:
        """The octets by kind: reads every part once. The first count grows on screen."""
        desk, stop = self.desk, this_thread()
        found: dict[str, int] = {}
        told = 0.0
        for found in desk.read_kinds(stop):
            waits = self._telling or self._kinds_done or stop.is_set()
            if not waits and time.monotonic() - told > GROWS_EVERY:
                self._telling, told = True, time.monotonic()
                desk.hand_over(self._kinds_grew, dict(found))
        return found

    def _kinds_grew(self, kinds: dict[str, int]) -> None:
        self._telling = False
        if not self._kinds_done:
            self.kinds = kinds
            self.show_live()

    def _kinds_came(self, kinds: dict[str, int]) -> None:
        self.kinds, self._kinds_done = kinds, True
        self.show_live()
