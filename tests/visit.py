"""The app on a small database, driven by keys; what counts is then looked up on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.notifications import Notification
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button

from tests.factories import NOW, days_ago, execute, make_database, session
from tests.stylesheets import share
from tui.app import OcduApp
from tui.config import Compaction, Config
from tui.engine.site import open_site
from tui.widgets.session_tree import SessionTree

SIZES = [(120, 40), (80, 24), (50, 20)]
"""Terminals that must look right: wide, ordinary, narrow."""

LOOK = 0.001
"""Seconds between two looks whether the app has come to rest."""

QUIET = 3
"""Looks in a row that must find nothing to do: a handler may just be about to post something."""

LONGEST_WORK = 10.0
"""Seconds after which the app counts as at rest although a thread works: far more than one needs.

A test whose thread goes on until it is stopped makes it short.
"""

LONGEST_REST = 15.0
"""Seconds after which it does so although messages wait: a machine that is busy, or a loop."""

LONGEST_NOTICE = 3600.0
"""Seconds that a notice stays: on a busy machine it would be gone before the test looks."""

PATIENCE = 20.0
"""Seconds a test waits for something that takes milliseconds, on a machine that is busy."""

share()


@dataclass
class Visit:
    """An open app with the database it shows."""

    app: OcduApp
    pilot: Pilot[Any]
    path: Path
    patience: float = PATIENCE

    async def press(self, *keys: str) -> None:
        """Press keys and let the app come to rest."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; the failure names nothing better than the caller's line."""
        waited = 0.0
        while not holds():
            assert waited < self.patience, "it did not happen in time"
            await self.pilot.pause(0.005)
            waited += 0.005

    async def idle(self) -> None:
        """Wait until no job runs or waits and the tree shows the result."""
        app = self.app
        await self.pilot.pause()
        await self.until(lambda: app.worker.running is None and not app.worker.waiting())
        await self.until(lambda: app.jobs.running is None)
        busy = {"load", "measure", "order"}
        await self.until(lambda: not any(w.is_running for w in app.workers if w.group in busy))
        await self.pilot.pause()

    async def go_to(self, id: str) -> None:
        """Put the cursor on a session."""
        assert self.tree.select(id), id
        await self.pilot.pause()

    @property
    def tree(self) -> SessionTree:
        """The tree of the first screen."""
        return self.app.screen_stack[0].query_one(SessionTree)

    @property
    def screen(self) -> Screen[Any]:
        """What is in front."""
        return self.app.screen

    @property
    def toasts(self) -> list[str]:
        """What the user was told."""
        return [note.message for note in self.app._notifications]

    def button(self) -> str:
        """What the second button of the dialog says."""
        return str(self.screen.query_one("#act", Button).label)

    def sessions(self) -> set[str]:
        """Ids of the sessions in the file."""
        return {id for (id,) in execute(self.path, "SELECT id FROM session")}

    def archived(self) -> set[str]:
        """Ids of the archived ones."""
        found = execute(self.path, "SELECT id FROM session WHERE time_archived IS NOT NULL")
        return {id for (id,) in found}


def garden(path: Path) -> Path:
    """Five trees of two projects: old, new, shared, archived, and one with children."""
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Old roses", active=days_ago(90), octets=40_000, events=1),
            session(
                "Plant trees",
                active=days_ago(40),
                octets=20_000,
                children=[
                    session("Dig holes", active=days_ago(41), octets=30_000),
                    session("Buy apples", active=days_ago(42), octets=10_000),
                ],
            ),
            session("Fresh cress", active=days_ago(2), octets=5_000),
            session("Shared beds", active=days_ago(60), share=True, octets=8_000),
            session("Kitchen [red]sink[/red]", project="house", active=days_ago(35), octets=9_000),
            session("Put away", project="house", archived=days_ago(10), active=days_ago(50)),
        ],
    )


@asynccontextmanager
async def hurried(app: OcduApp) -> AsyncIterator[None]:
    """Textual waits after each key until the process used no processor for 20 ms, three times.

    Here it goes on as soon as no message waits, no thread works and the screen is drawn.
    """

    async def settled(*_: object) -> None:
        quiet, began = 0, time.monotonic()
        while quiet < QUIET and (waited := time.monotonic() - began) < LONGEST_REST:
            await asyncio.sleep(LOOK)
            if has_messages(app) or (waited < LONGEST_WORK and has_threads(app)):
                quiet = 0
            elif is_undrawn(app):
                app.screen._on_timer_update()  # what the clock would do within a 60th of a second
                quiet = 0
            else:
                quiet += 1

    with (
        patch("textual.app.wait_for_idle", settled),
        patch("textual.pilot.wait_for_idle", settled),
        patch.object(Notification, "time_left", LONGEST_NOTICE),
    ):
        yield


def has_threads(app: OcduApp) -> bool:
    """True while a thread answers a question."""
    return any(not worker.is_finished for worker in app.workers)


def has_messages(app: OcduApp) -> bool:
    """True while a message waits anywhere."""
    if app.message_queue_size:
        return True
    return any(
        each.message_queue_size
        for screen in app.screen_stack
        for each in screen.walk_children(with_self=True)
    )


def is_undrawn(app: OcduApp) -> bool:
    """True while the screen in front has a layout or a picture to make.

    Textual makes them by its clock: a test that goes on before would meet them later.
    """
    front = app.screen
    return bool(
        front.is_current
        and not app._batch_count
        and (front._layout_required or front._scroll_required or front._callbacks)
    )


@asynccontextmanager
async def visit(
    path: Path,
    size: tuple[int, int] = (120, 40),
    config: Config | None = None,
    *,
    patience: float = PATIENCE,
    toasts: bool = False,
) -> AsyncIterator[Visit]:
    """Open the app on this database and wait until everything is measured; `toasts` draws them."""
    app = OcduApp(
        open_site(path),
        config or Config(compaction=Compaction(reclaim=False)),
        clock=lambda: NOW,
    )
    async with hurried(app), app.run_test(size=size, notifications=toasts) as pilot:
        here = Visit(app, pilot, path, patience)
        await here.until(lambda: app.measure.done and app.live is not None)
        await here.idle()
        yield here
