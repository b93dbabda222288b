"""What the five screens have in common: the header, the job bar, the keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets._toast import ToastRack

from tui import format
from tui.actions import ACTIONS, Action
from tui.desk import Desk, Jobs, Live, desk_of
from tui.talks import Writing
from tui.widgets.job_bar import JobBar
from tui.widgets.key_bar import Key, KeyBar
from tui.widgets.status_header import Status, StatusHeader

UNDO_CELLS = 26
"""Of what `u` would undo, so many cells in the last line: other keys need room as well."""


class Page(Screen[None]):
    """A screen of its own, reached by its digit; Escape leads back to the sessions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]

    AUTO_FOCUS = ""
    """Each page gives the focus itself, without scrolling anything."""

    def compose(self) -> ComposeResult:
        """The frame around `body`."""
        yield StatusHeader()
        yield from self.body()
        yield JobBar()
        yield KeyBar()

    def body(self) -> Iterable[Widget]:
        """What is between the header and the job bar."""
        raise NotImplementedError

    @property
    def desk(self) -> Desk:
        """The app, as this screen sees it."""
        return desk_of(self)

    def on_mount(self) -> None:
        """Follow the app's facts."""
        self.watch(self.app, "live", self._show_status)
        self.watch(self.app, "promise", self._show_status)
        self.watch(self.app, "jobs", self._show_jobs)
        self.watch(self.app, "undecided", self._show_undecided)
        self.watch(self.app, "writing", self._show_writing)
        self.watch(self.app, "undoable", self.show_keys)

    def on_screen_resume(self) -> None:
        """What was changed elsewhere shows at once."""
        self.show_keys()

    def on_screen_suspend(self) -> None:
        """What is in front now shows the notices: here they would be seen beside a dialog."""
        self.query(ToastRack).set(display=False)

    async def action_back(self) -> None:
        """To the sessions."""
        await self.run_action("app.show_sessions")

    def project_here(self) -> tuple[str, str] | None:
        """(id, name) of the project the cursor is in, where there is one."""
        return None

    def tree_here(self) -> str | None:
        """A session of the tree under the cursor, where there is one."""
        return None

    def ids_here(self) -> frozenset[str] | None:
        """Sessions chosen by marks; None means everything."""
        return None

    def is_narrow(self) -> bool:
        """True where a reclaim is rather about the first of what there is here than about all."""
        return False

    def level_here(self) -> str:
        """At which level a reclaim from here begins."""
        return "compacted"

    def _show_status(self) -> None:
        self.query_one(StatusHeader).status = status_of(self.desk, self.desk.live)

    def _show_jobs(self, jobs: Jobs) -> None:
        bar = self.query_one(JobBar)
        bar.action_keys, bar.now = self.desk.keys, self.desk.now()
        bar.jobs = jobs

    def _show_undecided(self, octets: int) -> None:
        bar = self.query_one(JobBar)
        bar.action_keys, bar.undecided = self.desk.keys, octets

    def _show_writing(self, writing: Writing | None) -> None:
        bar = self.query_one(JobBar)
        bar.action_keys, bar.writing = self.desk.keys, writing

    def show_keys(self) -> None:
        """Write the last line anew."""
        self.query_one(KeyBar).keys = tuple(self.keys())

    def keys(self) -> Iterable[Key]:
        """The keys of this screen in order of importance; the table's footer keys by default."""
        return self.table_keys(action.id for action in ACTIONS if action.footer)

    def table_keys(self, ids: Iterable[str]) -> list[Key]:
        """These actions of the table as entries of the last line, with the user's own keys."""
        wanted = set(ids)
        return [
            Key(self.desk.keys[action.id], self._title(action), self.address(action))
            for action in ACTIONS
            if action.id in wanted and (action.id != "undo" or self.desk.undoable)
        ]

    def address(self, action: Action) -> str:
        """Where an action lives: on this screen, else on the app."""
        here = hasattr(self, action.method)
        return f"screen.{action.call}" if here else f"app.{action.call}"

    def _title(self, action: Action) -> str:
        if action.id == "undo" and self.desk.undoable:
            return f"Undo {format.clip(format.clean(self.desk.undoable), UNDO_CELLS)}"
        return action.title


def status_of(desk: Desk, live: Live | None) -> Status:
    """The header's facts."""
    path = homely(desk.database)
    if live is None:
        return Status(path, desk.generation)
    return Status(
        path=path,
        generation=desk.generation,
        bytes=live.sizes.bytes,
        wal_bytes=live.sizes.wal_bytes,
        free_disk=live.free_disk,
        holders=tuple((holder.name, holder.pid) for holder in live.holders),
        get_back=desk.promise.told if desk.promise and desk.promise.bytes else "",
        trash_bytes=live.trash_bytes if is_not_small(live) else 0,
        trash_key=desk.keys["show_trash"],
    )


BIG_TRASH, BIG_SHARE = 100_000_000, 0.1
"""Octets of trash, or its share of the database, from which on the header names it."""


def is_not_small(live: Live) -> bool:
    """True when the trash is worth a look."""
    return live.trash_bytes >= min(BIG_TRASH, BIG_SHARE * live.sizes.bytes) > 0


def homely(path: Path) -> str:
    """The path with ~ for the home directory."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
