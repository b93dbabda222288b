"""Where the disk space goes, live, and which key gives how much of it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Region, Spacing
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.quantity import parse_age
from tui.screens.board import advice_text, altogether_text, curve_text, sums_text, total_text
from tui.screens.counted import Counted
from tui.screens.gains import (
    Known,
    advice,
    get_back,
    outside_bytes,
    total,
)
from tui.screens.tally import (
    composition,
    verdict,
)
from tui.widgets.composition_bar import CompositionBar
from tui.widgets.get_back_table import GetBackTable
from tui.widgets.key_bar import Key
from tui.widgets.line_list import HEADING
from tui.widgets.row_table import RowTable

TICK = 1.0
"""Seconds between two repaints; nothing is computed while the screen is hidden."""


class DashboardScreen(Counted):
    """Only reads; Enter on a line opens the action of that line."""

    table = query_one(GetBackTable)

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
        self.watch(self.app, "live", self.show_live)
        self.watch(self.app, "surveyed", self.show_live, init=False)
        self.watch(self.app, "promise", self.show_live, init=False)
        self.watch(self.app, "forest", self.forest_changed, init=False)
        self.watch(self.app, "payloads", self.payloads_changed, init=False)
        self.watch(self.app, "jobs", self.job_changed, init=False)
        self.set_interval(TICK, self.tick)

    def on_screen_resume(self) -> None:
        """Everything anew."""
        self.stale = True
        self.read_past()
        self.tick()
        self.show_live()

    def on_screen_suspend(self) -> None:
        """Nobody looks any more."""
        if self.app.current_mode != "dashboard":
            self.desk.stop_survey()

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self.show_sums()
        self.show_live()

    # showing

    def known(self) -> Known:
        """What the lines of the table are made of."""
        desk = self.desk
        days = parse_age(desk.config.prune.older_than) // timedelta(days=1)
        survey = desk.surveyed.survey
        return Known(
            desk.live,
            desk.payloads,
            self.sums.idle,
            format.plural(days, "day"),
            survey if survey.done else None,
            desk.keys,
        )

    def show_live(self) -> None:
        if not (self.is_attached and self.is_current):
            return
        desk, live, known = self.desk, self.desk.live, self.known()
        outside, width = self._outside(), self.size.width
        self.query_one("#total", Static).update(
            total_text(live, self.past.freed, desk.surveyed.survey, outside, width)
        )
        self.query_one("#curve", Static).update(curve_text(live, self.past.history, width))
        portions = composition(self.kinds, desk.measure.tables, live, outside)
        self.query_one(CompositionBar).portions = portions
        said = verdict(portions, live.sizes.free_bytes if live else 0)
        self.query_one("#words", Static).update(Content(said))
        self.table.offer(get_back(known))
        self._show_hint()
        self.query_one("#altogether", Static).update(altogether_text(total(known), desk.promise))
        found = advice(known, desk.promise)
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

    def show_sums(self) -> None:
        if not self.is_attached:
            return
        width = self.size.width - 6
        column = width if self.size.width < 100 else width // 3 - 2
        for id, heading, shares in (
            ("#largest", "Top trees", self.sums.largest),
            ("#projects", "By project", self.sums.projects),
            ("#ages", "By last activity", self.sums.ages),
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
            Key(self.desk.keys.sign("enter"), "Open", "screen.open"),
            *self.table_keys(
                ("prune", "reclaim", "rescue", "vacuum", "checkpoint", "undo", "show_sessions",
                 "show_files", "show_trash", "show_jobs", "largest", "help", "quit")
            ),
        )  # fmt: skip

    def action_open(self) -> None:
        """What the line under the cursor names."""
        self.table.action_choose()
