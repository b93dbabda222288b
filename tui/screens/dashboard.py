"""Where the disk space goes, live, and which key gives how much of it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from tui import format
from tui.desk import Freed, Jobs, freeable, last_of, this_thread
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.quantity import parse_age
from tui.screens.page import Page
from tui.screens.tally import (
    Share,
    by_age,
    by_project,
    composition,
    growth,
    largest_trees,
    sparkline,
)
from tui.widgets.composition_bar import CompositionBar
from tui.widgets.get_back_table import GetBack, GetBackTable
from tui.widgets.key_bar import Key

TICK = 1.0
"""Seconds between two repaints; nothing is computed while the screen is hidden."""


class Past(NamedTuple):
    """What the ledger knows."""

    history: Sequence[tuple[int, int]] = ()
    freed: Freed = Freed(0, 0)


class DashboardScreen(Page):
    """Only reads; Enter on a line opens the action of that line."""

    table = query_one(GetBackTable)

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[str, int] = {}
        self._counting = False
        self._past = Past()
        self._idle: Plan | None = None
        self._dirty = True

    def body(self) -> Iterable[Widget]:
        """Totals, curve, composition, what can be got back, three columns of sums."""
        yield VerticalScroll(
            Static(id="total", markup=False),
            Static(id="curve", markup=False),
            CompositionBar(id="composition"),
            GetBackTable(id="get-back"),
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
        self.watch(self.app, "forest", self._forest_changed, init=False)
        self.watch(self.app, "payloads", self._forest_changed, init=False)
        self.watch(self.app, "jobs", self._job_changed, init=False)
        self.set_interval(TICK, self._tick)

    def on_screen_resume(self) -> None:
        """Everything anew."""
        self._dirty = True
        self.read_past()
        self._tick()
        self._show_live()

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self._dirty = True
        self._tick()

    def _forest_changed(self) -> None:
        self._dirty = True

    def _job_changed(self, before: Jobs, after: Jobs) -> None:
        if before.running is not None and after.running is None:
            self._dirty = True
            self._counting = False  # what the kinds were no longer holds
            self.read_past()

    # threads

    def read_past(self) -> None:
        """History and what was freed."""
        desk = self.desk
        desk.ask(
            lambda: Past(desk.read_history(), desk.read_freed()), self._past_came, group="past"
        )

    def _past_came(self, past: Past) -> None:
        self._past = past
        self._show_live()

    def count_kinds(self) -> None:
        """The octets by kind: reads every part once."""
        desk = self.desk
        desk.ask(lambda: last_of(desk.read_kinds(this_thread())), self._kinds_came, group="kinds")

    def _kinds_came(self, kinds: dict[str, int]) -> None:
        self._kinds = kinds
        self._show_live()

    # showing

    def _tick(self) -> None:
        if not (self._dirty and self.is_current and self.is_attached):
            return
        self._dirty = False
        desk = self.desk
        if desk.measure.done and not self._counting:
            self._counting = True
            self.count_kinds()
        idle = parse_age(desk.config.prune.older_than)
        self._idle = (
            plan_prune(desk.forest, PrunePolicy(older_than=idle), desk.now(), desk.running)
            if desk.measure.done
            else None
        )
        self._show_sums()
        self._show_live()

    def _show_live(self) -> None:
        if not (self.is_attached and self.is_current):
            return
        desk, live = self.desk, self.desk.live
        self.query_one("#total", Static).update(self._total())
        width = max(10, min(40, self.size.width // 3))
        self.query_one("#curve", Static).update(
            Content.assemble(
                (sparkline(self._past.history, width), "$primary"),
                "  " if len(self._past.history) > 1 else "",
                (growth(self._past.history, live.free_disk if live else None), "$foreground-muted"),
            )
        )
        self.query_one(CompositionBar).portions = composition(
            self._kinds, desk.measure.tables, live
        )
        self.table.offer(self.get_back())

    def _total(self) -> Content:
        live, freed = self.desk.live, self._past.freed
        if live is None:
            return Content.styled("Looking …", "$foreground-muted")
        parts = (
            (f"   database {format.size(live.sizes.bytes)}", "$foreground-muted"),
            (f" · log {format.size(live.sizes.wal_bytes)}", "$foreground-muted"),
            (f" · free disk {format.size(live.free_disk)}", "$foreground-muted"),
        )
        return Content.assemble(
            ("On disk now  ", "$foreground-muted"),
            (format.size(live.on_disk), "bold"),
            *(parts if self.size.width >= 100 else ()),
            ("   freed today ", "$foreground-muted"),
            (format.size(freed.today), "$text-success"),
            (" · ever ", "$foreground-muted"),
            (format.size(freed.ever), "$text-success"),
        )

    def get_back(self) -> list[GetBack]:
        """One line per action; None where it is still being counted."""
        desk, live = self.desk, self.desk.live
        levels: dict[str, int] | None = None
        if desk.payloads is not None:
            levels = {"compacted": 0, "summarised": 0}
            for payload in desk.payloads:
                levels[payload.level] = levels.get(payload.level, 0) + freeable(payload)
        days = format.plural(parse_age(desk.config.prune.older_than) // timedelta(days=1), "day")
        trees = len(self._idle.items) if self._idle else 0
        idle = self._idle.totals.bytes if self._idle else None
        return [
            GetBack("reclaim:compacted", "r", "tool output marked compacted",
                    None if levels is None else levels["compacted"],
                    "cannot be read again; the model no longer gets it"),
            GetBack("reclaim:summarised", "r", "tool output before a summary",
                    None if levels is None else levels["summarised"],
                    "cannot be read again, nor by a revert"),
            GetBack("prune", "p", f"{format.plural(trees, 'tree')} idle for {days}", idle,
                    "goes to the trash; u brings it back"),
            GetBack("vacuum", "V", "free pages",
                    live.sizes.free_bytes if live else None,
                    "nothing" if live and live.sizes.free_pages
                    else "no free pages yet: prune or reclaim first, then V"),
            GetBack("checkpoint", "c", "write-ahead log",
                    live.sizes.wal_bytes if live else None,
                    "nothing" if live and live.sizes.wal_bytes else "the log is empty"),
        ]  # fmt: skip

    def _show_sums(self) -> None:
        forest, now = self.desk.forest, self.desk.now()
        width = self.size.width - 6
        column = width if self.size.width < 100 else width // 3 - 2
        for id, heading, shares in (
            ("#largest", "Top trees", largest_trees(forest)),
            ("#projects", "By project", by_project(forest)),
            ("#ages", "By last activity", by_age(forest, now)),
        ):
            self.query_one(id, Static).update(sums_text(heading, shares, column, id != "#largest"))

    # keys

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
                ("prune", "reclaim", "vacuum", "checkpoint", "undo", "show_sessions",
                 "show_trash", "show_jobs", "help", "quit")
            ),
        )  # fmt: skip

    def action_open(self) -> None:
        """What the line under the cursor names."""
        self.table.action_choose()


def sums_text(heading: str, shares: Sequence[Share], width: int, bars: bool) -> Content:
    """A heading and one line for each share: bytes, bar, name."""
    most = max((share.bytes for share in shares), default=0)
    lines = [Content.styled(heading, "bold $text-accent")]
    bar = 8 if bars and width >= 30 else 0
    for share in shares:
        name = format.clip(
            format.clean(share.name) or "(no title)",
            max(4, width - format.SIZE_CELLS - 2 - (bar + 1 if bar else 0)),
        )
        part = share.bytes / most if most else 0.0
        lines.append(
            Content.assemble(
                (
                    format.fit(format.size(share.bytes), format.SIZE_CELLS, right=True),
                    "bold" if share.bytes else "$foreground-muted",
                ),
                (" " + format.share_bar(part, bar) if bar else "", "$primary"),
                "  ",
                (name, "" if share.bytes else "$foreground-muted"),
            )
        )
    return Content("\n").join(lines)
