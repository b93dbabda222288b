"""The app: owns the worker, the screens and the facts they watch. No SQL, no layout."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.reactive import var

from tui.actions import ACTIONS, bindings
from tui.census import Census
from tui.config import Config
from tui.desk import Live, Measure
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.engine.watch import Watch
from tui.engine.worker import Worker
from tui.forest import Forest
from tui.messages import (
    Changed,
    Loaded,
    Measured,
    Watched,
)
from tui.orders import Orders, keep_log, noted
from tui.policy.plan import Plan
from tui.policy.reclaim import LEVELS
from tui.records import Payload
from tui.screens.dashboard import DashboardScreen
from tui.screens.help import HelpDialog
from tui.screens.jobs import JobsScreen
from tui.screens.page import Page
from tui.screens.palette import Actions
from tui.screens.prune import PruneDialog
from tui.screens.reclaim import ReclaimDialog
from tui.screens.sessions import SessionsScreen
from tui.screens.trash import TrashScreen
from tui.screens.vacuum import VacuumDialog

PATIENCE = 1.0
"""Seconds that leaving waits for a thread to come to the end of its step."""

SETTLE = 2.0
"""Seconds between two reloads while opencode writes: it writes many times a second."""

OF_SCREENS = {
    "archive", "prune_tree", "delete", "pin", "copy_id", "filter", "next_sort", "reverse_sort",
    "next_bars", "next_view", "next_grouping", "details",
}  # fmt: skip
"""Actions that need a tree of sessions in front of them."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class OcduApp(Orders):
    """See, decide, do: screens read facts here, hand in plans, and are told what came of them."""

    TITLE = "ocdu"
    CSS_PATH = "app.tcss"
    MODES: ClassVar = {
        "sessions": SessionsScreen,
        "dashboard": DashboardScreen,
        "trash": TrashScreen,
        "jobs": JobsScreen,
    }
    DEFAULT_MODE = "sessions"
    COMMANDS: ClassVar = {Actions}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(action.id for action in ACTIONS if action.id not in OF_SCREENS)
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-narrow"),
        (60, "-middle"),
        (100, "-wide"),
    ]

    forest: var[Forest] = var(Forest.of(()), init=False)
    live: var[Live | None] = var(None, init=False)
    measure: var[Measure] = var(Measure({}, False), init=False)
    payloads: var[tuple[Payload, ...] | None] = var(None, init=False)
    undoable: var[str | None] = var(None, init=False)

    def __init__(
        self, site: Site, config: Config | None = None, *, clock: Callable[[], int] = _now_ms
    ) -> None:
        """`clock` gives milliseconds UTC."""
        super().__init__()
        self.site = site
        self.config = config or Config()
        self.clock = clock
        self.database: Path = site.store.path
        self.generation = site.store.schema.generation
        self.census = Census(site, clock)
        self.stop = Event()
        self.worker = Worker(site, self._from_worker)
        self.watcher = Watch(
            site,
            self.tell_change,
            self.tell_look,
            self.tell_found,
            search=self.config.compaction.reclaim,
        )
        self._quiet: set[int] = set()
        self._waits_for_reload = False
        self._watching = False
        self.set_keymap(dict(self.config.keys))

    # life

    def on_mount(self) -> None:
        """The frame stands; only now the database is asked."""
        self.theme = self.config.look.theme
        self.load()

    async def action_quit(self) -> None:
        """Leave at once: a job stops between two of its steps."""
        self.stop.set()
        self.exit()

    def on_unmount(self) -> None:
        """Nobody reads or writes after we are gone."""
        self.stop.set()
        self.watcher.close(PATIENCE)
        self.worker.close(PATIENCE)

    def _handle_exception(self, error: Exception) -> None:
        """A defect of ours: the traceback goes to the log, the user gets a sentence."""
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.panic(Content(noted(error)))

    def now(self) -> int:
        """Milliseconds UTC."""
        return self.clock()

    @property
    def running(self) -> frozenset[str]:
        """Sessions opencode is working on."""
        return self.census.running

    # reading, in threads

    @work(thread=True, group="load", exclusive=True, exit_on_error=False)
    def load(self, touched: Collection[str] = (), *, again: bool = False) -> None:
        """Read the sessions, then measure: all of them at first, later what moved."""
        with self._sentences():
            first = not self.census.complete
            forest = self.forest
            for loaded in self.census.load(quickly=first and not len(forest)):
                forest = loaded
                self._pass_on(Loaded(forest))
            fresh = None if first or again else self.census.catch_up(forest, touched)
            if fresh is not None:
                self._pass_on(Measured(fresh, dict(self.census.tables), True))
                return
            for sized, done in self.census.measure(forest, self.stop):
                self._pass_on(Measured(sized, dict(self.census.tables), done))

    @work(thread=True, group="payloads", exclusive=True, exit_on_error=False)
    def look_for_payloads(self) -> None:
        """What a reclaim would drop at each level."""
        with self._sentences():
            found = self.read_payloads(list(LEVELS), None, self.stop)
            if not self.stop.is_set():
                self.call_from_thread(setattr, self, "payloads", tuple(found))

    @work(thread=True, group="undo", exclusive=True, exit_on_error=False)
    def look_back(self) -> None:
        """What `u` would undo."""
        with self._sentences():
            self.call_from_thread(setattr, self, "undoable", undo_title(self.site))

    @on(Loaded)
    def _loaded(self, message: Loaded) -> None:
        self.forest = message.forest
        if not self._watching:  # the sessions come first, all else after them
            self._watching = True
            self.watcher.start()
            self.look_back()

    @on(Measured)
    def _measured(self, message: Measured) -> None:
        # First the word that all is measured: with it the tree sorts what it is given.
        self.measure = Measure(message.tables, message.done)
        self.forest = message.forest
        if message.done and self.payloads is None:
            self.look_for_payloads()

    @on(Watched)
    def _watched(self, message: Watched) -> None:
        self.live = Live(message.sizes, message.holders, message.free_disk)

    @on(Changed)
    def _changed(self) -> None:
        if not self._waits_for_reload:
            self._waits_for_reload = True
            self.set_timer(SETTLE, self._reload)

    def _reload(self) -> None:
        self._waits_for_reload = False
        self.load()

    # what keys do everywhere

    def action_show_sessions(self) -> None:
        """The sessions as a tree."""
        self.switch_mode("sessions")

    def action_show_dashboard(self) -> None:
        """Where the disk space goes."""
        self.switch_mode("dashboard")

    def action_show_trash(self) -> None:
        """What was pruned."""
        self.switch_mode("trash")

    def action_show_jobs(self) -> None:
        """What runs, waits and was done."""
        self.switch_mode("jobs")

    def action_prune(self) -> None:
        """Prune by policy."""
        page = self.screen
        project = page.project_here() if isinstance(page, Page) else None
        self.push_screen(PruneDialog(project), self._decided)

    def action_reclaim(self, level: str = "compacted") -> None:
        """Drop payloads."""
        page = self.screen
        ids = page.ids_here() if isinstance(page, Page) else None
        self.push_screen(ReclaimDialog([level], ids), self._decided)

    def action_vacuum(self) -> None:
        """Give free pages back."""
        self.push_screen(VacuumDialog(), self._decided)

    def _decided(self, plan: Plan | None) -> None:
        if plan is not None:
            self.submit(plan)

    def action_checkpoint(self) -> None:
        """Fold the write-ahead log in."""
        self._order(self.plan_checkpoint)

    def action_undo(self) -> None:
        """Undo the last archive or prune."""
        self._order(lambda: plan_undo(self.site))

    def action_redo(self) -> None:
        """Do again what was undone last."""
        self._order(lambda: plan_redo(self.site))

    @work(thread=True, group="order", exit_on_error=False)
    def _order(self, plan: Callable[[], Plan]) -> None:
        """Make a plan that needs the disk, then submit it."""
        with self._sentences():
            self.call_from_thread(self.submit, plan())

    def action_rescan(self) -> None:
        """Read and measure everything again."""
        self.payloads = None
        self.load(again=True)

    def action_pause(self) -> None:
        """Pause the running job, or let it go on."""
        (self.worker.resume if self.worker.paused else self.worker.pause)()
        self._queue_changed()

    def action_cancel(self) -> None:
        """Stop the running job."""
        self.cancel()

    def action_help(self) -> None:
        """Every key."""
        self.push_screen(HelpDialog())


def run_app(site: Site, config: Config | None = None) -> int:
    """Open the app and stay until it is left; returns the exit code."""
    keep_log(site.ledger.folder / "ocdu.log")
    app = OcduApp(site, config)
    app.run()
    return app.return_code or 0
