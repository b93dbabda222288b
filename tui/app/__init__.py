"""The app: owns the worker, the screens and the facts they watch. No SQL, no layout.

What the first picture does not show is imported by whoever needs it: the sessions stand on the
screen before the engines are read.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.filter import LineFilter

from tui.actions import ACTIONS, EVERYWHERE
from tui.app.census import Census
from tui.app.exporting import Exporting
from tui.app.log import keep_log, noted
from tui.app.looks import HIGH_CONTRAST, Ascii, readable
from tui.app.modes import MODES
from tui.config import Config
from tui.engine.site import Site, open_site
from tui.keys import Keys, bindings
from tui.policy.plan import Plan
from tui.screens.page import Page
from tui.screens.palette import Actions
from tui.screens.sessions import SessionsScreen

PATIENCE = 1.0
"""Seconds that leaving waits for a thread to come to the end of its step."""

OF_SCREENS = {
    "archive", "prune_tree", "delete", "pin", "copy_id", "filter", "next_sort", "reverse_sort",
    "next_bars", "next_view", "next_grouping", "details", "open", "half_down",
    "half_up", "export",
}  # fmt: skip
"""Actions that need a tree of sessions in front of them."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class OcduApp(Exporting):
    """See, decide, do: screens read facts here, hand in plans, and are told what came of them."""

    TITLE = "ocdu"
    CSS_PATH = "app.tcss"
    MODES: ClassVar = MODES
    DEFAULT_MODE = "sessions"
    COMMANDS: ClassVar = {Actions}
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            action.id
            for action in ACTIONS
            if action.group in EVERYWHERE and action.id not in OF_SCREENS
        )
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-narrow"),
        (60, "-middle"),
        (100, "-wide"),
    ]

    def __init__(
        self, site: Site, config: Config | None = None, *, clock: Callable[[], int] = _now_ms
    ) -> None:
        """`clock` gives milliseconds UTC."""
        super().__init__()
        self.site = site
        self.config = config or Config()
        self.keys = Keys(self.config.keys, ascii=self.config.look.ascii)
        self.clock = clock
        self.database: Path = site.store.path
        self.generation = site.store.schema.generation
        self.next_database: Path | None = None
        """Where to go on after this one was left."""
        self.census = Census(site, clock)
        self.stop = Event()
        self.set_keymap(dict(self.config.keys))

    # life

    def on_mount(self) -> None:
        """The frame stands; only now the database is asked."""
        self.register_theme(HIGH_CONTRAST)
        self.register_theme(readable(self.available_themes["textual-light"]))
        if self.config.look.theme in self.available_themes:
            self.theme = self.config.look.theme
        else:
            known = f"`{self.keys['command_palette']}` lists them"
            self.say(f"There is no theme {self.config.look.theme}: {known}.", "warning")
        if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
            # Like `q`: the terminal is given back, and a job stops between two of its steps.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.load()

    async def action_quit(self) -> None:
        """Leave at once: a job stops between two of its steps."""
        self.stop.set()
        self.exit()

    def on_unmount(self) -> None:
        """Nobody reads or writes after we are gone."""
        self.stop.set()
        if self._watcher is not None:
            self._watcher.close(PATIENCE)
        if "worker" in self.__dict__:  # made with the first job
            self.worker.close(PATIENCE)

    def _handle_exception(self, error: Exception) -> None:
        """A defect of ours: the traceback goes to the log, the user gets a sentence."""
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self.panic(Content(noted(error)))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What is done to every line that is drawn."""
        found = super().get_line_filters()
        return [*found, Ascii()] if self.config.look.ascii else found

    def now(self) -> int:
        """Milliseconds UTC."""
        return self.clock()

    # what keys do everywhere

    def action_show_sessions(self) -> None:
        """The sessions as a tree."""
        self.switch_mode("sessions")

    def action_show_dashboard(self) -> None:
        """Where the disk space goes."""
        self.switch_mode("dashboard")

    def action_show_files(self) -> None:
        """The rest of the data directory."""
        self.switch_mode("files")

    def action_show_trash(self) -> None:
        """What was pruned."""
        self.switch_mode("trash")

    def action_show_jobs(self) -> None:
        """What runs, waits and was done."""
        self.switch_mode("jobs")

    def action_show_projects(self) -> None:
        """What each project takes."""
        self.switch_mode("projects")

    def action_databases(self) -> None:
        """Other databases, and where a history can be."""
        from tui.screens.databases import DatabasesDialog

        self.push_screen(DatabasesDialog(), self._switch)

    def _switch(self, path: Path | None) -> None:
        """Leave this database for another: `run_app` opens it."""
        if path is None:
            return
        if self.jobs.running is not None:
            cancel = self.keys["cancel"]
            self.say(f"A job is at work here: let it end, or cancel it with {cancel}, first.")
            return
        self.next_database = path
        self.stop.set()
        self.exit()

    def show_session(self, session_id: str) -> None:
        """Go to a session in the tree."""
        self.switch_mode("sessions")
        page = self.screen
        if isinstance(page, SessionsScreen) and not page.show_session(session_id):
            self.say("This session is gone meanwhile.")

    def action_prune(self) -> None:
        """Prune by policy."""
        from tui.screens.prune import PruneDialog

        page = self.screen
        project = page.project_here() if isinstance(page, Page) else None
        self.push_screen(PruneDialog(project), self._decided)

    def action_reclaim(self, level: str = "") -> None:
        """Drop payloads, at this level or at the one that fits where one is."""
        from tui.screens.reclaim import ReclaimDialog
        from tui.screens.scope import ALL, scopes

        page, choices, narrow = self.screen, [ALL], False
        if isinstance(page, Page):
            here = page.ids_here(), page.tree_here(), page.project_here()
            choices, narrow = scopes(self.forest, *here), page.is_narrow()
            level = level or page.level_here()
        first = 0 if narrow else len(choices) - 1
        self.push_screen(ReclaimDialog([level or "compacted"], choices, first), self._decided)

    def action_rescue(self) -> None:
        """Get back as much as possible without deleting a session."""
        from tui.screens.rescue import RescueDialog

        self.push_screen(RescueDialog(), self._decided)

    def action_vacuum(self) -> None:
        """Give free pages back."""
        from tui.screens.vacuum import VacuumDialog

        self.push_screen(VacuumDialog(), self._decided)

    def _decided(self, plan: Plan | None) -> None:
        if plan is not None:
            self.submit(plan)

    def action_checkpoint(self) -> None:
        """Fold the write-ahead log in."""
        self.ask(self.plan_checkpoint, self._decided, group="order")

    def action_undo(self) -> None:
        """Undo what was done last."""
        self.ask(self.plan_undo, self._decided, group="order")

    def action_redo(self) -> None:
        """Do again what was undone last."""
        self.ask(self.plan_redo, self._decided, group="order")

    def action_rescan(self) -> None:
        """Read and measure everything again."""
        self._looked = False  # what was found stands until it is looked for again
        self.load()
        self.measure_all()

    def action_pause(self) -> None:
        """Pause the running job, or let it go on; nothing begins by itself meanwhile."""
        (self.worker.resume if self.worker.paused else self.worker.pause)()
        self._queue_changed()
        if self.jobs.running is None:
            rests = (
                f"rests until {self.keys['pause']} is pressed again"
                if self.worker.paused
                else "goes on"
            )
            self.say(f"The work in the background {rests}.")

    def action_cancel(self) -> None:
        """Stop the running job; where none runs, take the first waiting one back."""
        waiting = self.jobs.waiting
        if self.jobs.running is None and self.stop_writing():
            return
        self.cancel(waiting[0][0] if self.jobs.running is None and waiting else None)

    def action_help(self) -> None:
        """Every key."""
        from tui.screens.help import HelpDialog

        self.push_screen(HelpDialog())


def run_app(site: Site, config: Config | None = None) -> int:
    """Open the app and stay until it is left; returns the exit code."""
    keep_log(site.ledger.folder / "ocdu.log")
    while True:
        app = OcduApp(site, config)
        app.run()
        if app.next_database is None:
            return app.return_code or 0
        store = site.store
        site = open_site(app.next_database, read_only=store.read_only, force=store.force)
