"""Where the disk space goes, live, and which key gives how much of it back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Region, Spacing
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Jobs, this_thread
from tui.forest import Forest
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.quantity import parse_age
from tui.screens.board import Past, advice_text, altogether_text, curve_text, sums_text, total_text
from tui.screens.files import STALE
from tui.screens.gains import (
    Known,
    advice,
    get_back,
    outside_bytes,
    rescued,
    total,
)
from tui.screens.page import Page
from tui.screens.tally import (
    Share,
    by_age,
    by_project,
    composition,
    largest_trees,
    verdict,
)
from tui.widgets.composition_bar import CompositionBar
from tui.widgets.get_back_table import GetBackTable
from tui.widgets.key_bar import Key
from tui.widgets.line_list import HEADING
from tui.widgets.row_table import RowTable

TICK = 1.0
"""Seconds between two repaints; nothing is computed while the screen is hidden."""

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
    rescue: int | None = None
    """Octets that a rescue would give back."""


class DashboardScreen(Page):
    """Only reads; Enter on a line opens the action of that line."""

    table = query_one(GetBackTable)

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, int] = {}
        self._counted: int | None = None
        """Payload octets when the kinds were last counted; None asks for counting."""
        self._kinds_done = self._telling = False
        self._past = Past()
        self._sums = Sums()
        self._dirty = True

    def body(self) -> Iterable[Widget]:
        """Totals, curve, composition, what can be got back, three columns of sums."""
        yield VerticalScroll(
            Static(id="total", markup=False),
            Static(id="words", markup=False),
            Static(id="advice", markup=False),
            Static(id="curve", markup=False),
            CompositionBar(id="composition"),
            GetBackTable(id="get-back"),
            Static(id="hint", markup=False),
            Static(id="altogether", markup=False),
            Horizontal(
                Static(id="largest", markup=False),
                Static(id="projects", markup=False),
                Static(id="ages", markup=False),
                id="sums",
            ),
            id="board",
            can_focus=False,
        )

    def on_mount(self) -> None:
        """Follow the facts."""
        self.table.focus(scroll_visible=False)
        self.watch(self.app, "live", self._show_live)
        self.watch(self.app, "surveyed", self._show_live, init=False)
        self.watch(self.app, "forest", self._forest_changed, init=False)
        self.watch(self.app, "payloads", self._payloads_changed, init=False)
        self.watch(self.app, "jobs", self._job_changed, init=False)
        self.set_interval(TICK, self._tick)

    def on_screen_resume(self) -> None:
        """Everything anew."""
        self._dirty = True
        self.read_past()
        self._tick()
        self._show_live()

    def on_screen_suspend(self) -> None:
        """Nobody looks any more."""
        if self.app.current_mode != "dashboard":
            self.desk.stop_survey()

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self._show_sums()
        self._show_live()

    def _forest_changed(self) -> None:
        self._dirty = True

    def _payloads_changed(self) -> None:
        self._dirty = True
        self._tick()
        self._show_live()

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is not None and after.running is None:
            self._dirty = True
            self._counted = None  # what the kinds were no longer holds
            self.read_past()

    # threads

    def _tick(self) -> None:
        if not (self.is_current and self.is_attached):
            return
        desk = self.desk
        desk.survey(max(STALE, desk.surveyed.took * REST_FACTOR))
        if self._dirty:
            self._dirty = False
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
        self._past = past
        self._show_live()

    def _sum(self, forest: Forest, done: bool) -> Sums:
        """Over 100,000 sessions this takes longer than a frame."""
        desk, now = self.desk, self.desk.now()
        filled = desk.live.sizes.filled_bytes if desk.live else 0
        policy = PrunePolicy(older_than=parse_age(desk.config.prune.older_than))
        idle = plan_prune(forest, policy, now, desk.running, filled_bytes=filled) if done else None
        rescue = rescued(forest, desk.payloads, desk.live, now, desk.running)
        return Sums(largest_trees(forest), by_project(forest), by_age(forest, now), idle, rescue)

    def _sums_came(self, sums: Sums) -> None:
        self._sums = sums
        self._show_sums()
        self._show_live()

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
            self._kinds = kinds
            self._show_live()

    def _kinds_came(self, kinds: dict[str, int]) -> None:
        self._kinds, self._kinds_done = kinds, True
        self._show_live()

    # showing

    def known(self) -> Known:
        """What the lines of the table are made of."""
        desk = self.desk
        days = parse_age(desk.config.prune.older_than) // timedelta(days=1)
        survey = desk.surveyed.survey
        return Known(
            desk.live,
            desk.payloads,
            self._sums.idle,
            format.plural(days, "day"),
            survey if survey.done else None,
            desk.keys,
        )

    def _show_live(self) -> None:
        if not (self.is_attached and self.is_current):
            return
        desk, live, known = self.desk, self.desk.live, self.known()
        outside, width = self._outside(), self.size.width
        self.query_one("#total", Static).update(
            total_text(live, self._past.freed, desk.surveyed.survey, outside, width)
        )
        self.query_one("#curve", Static).update(curve_text(live, self._past.history, width))
        portions = composition(self._kinds, desk.measure.tables, live, outside)
        self.query_one(CompositionBar).portions = portions
        said = verdict(portions, live.sizes.free_bytes if live else 0)
        self.query_one("#words", Static).update(Content(said))
        self.table.offer(get_back(known))
        self._show_hint()
        self.query_one("#altogether", Static).update(
            altogether_text(total(known), self._sums.rescue)
        )
        found = advice(known, self._sums.rescue)
        keys = [desk.keys[each] for each in found.actions]
        self.query_one("#advice", Static).update(advice_text(found, keys))

    def _outside(self) -> int | None:
        """Octets of the files outside the database, as far as they are counted."""
        desk = self.desk
        if not desk.surveyed.survey.rows and not desk.surveyed.survey.done:
            return None
        return outside_bytes(desk.surveyed.survey, desk.database.name)

    def _show_hint(self) -> None:
        """What the line under the cursor costs, where the table has no room for it."""
        table = self.table
        row = table.rows[table.cursor] if table.cursor < table.count else None
        text = row.cells[-1][0] if row and table.is_cut(table.cursor) else ""
        self.query_one("#hint", Static).update(Content.styled(f" {text}", "$foreground-muted"))

    def _show_sums(self) -> None:
        if not self.is_attached:
            return
        width = self.size.width - 6
        column = width if self.size.width < 100 else width // 3 - 2
        for id, heading, shares in (
            ("#largest", "Top trees", self._sums.largest),
            ("#projects", "By project", self._sums.projects),
            ("#ages", "By last activity", self._sums.ages),
        ):
            self.query_one(id, Static).update(sums_text(heading, shares, column, id != "#largest"))

    # keys

    @on(RowTable.Moved)
    def _follow(self) -> None:
        """The table is part of what scrolls: its cursor stays on the screen."""
        self._show_hint()
        if self.table.cursor:
            at = self.table.virtual_region.y + HEADING + self.table.cursor
            self.query_one("#board").scroll_to_region(
                Region(0, at, 1, 1), spacing=Spacing(1, 0, 2, 0), animate=False
            )

    @on(GetBackTable.Left)
    def _scroll_board(self, event: GetBackTable.Left) -> None:
        self.query_one("#board").scroll_relative(y=event.by, animate=False)

    @on(GetBackTable.Chosen)
    async def _chosen(self, event: GetBackTable.Chosen) -> None:
        action, _, argument = event.key.partition(":")
        await self.run_action(f"app.{action}('{argument}')" if argument else f"app.{action}")

    def keys(self) -> Iterable[Key]:
        """What gives space back, then the rest."""
        return (
            Key("↵", "Open", "screen.open"),
            *self.table_keys(
                ("prune", "reclaim", "rescue", "vacuum", "checkpoint", "undo", "show_sessions",
                 "show_files", "show_trash", "show_jobs", "largest", "help", "quit")
            ),
        )  # fmt: skip

    def action_open(self) -> None:
        """What the line under the cursor names."""
        self.table.action_choose()
