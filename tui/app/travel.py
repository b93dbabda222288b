"""Finding and reading: ways between screens that lead back, and what those screens ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from threading import Event

from tui.app.orders import Orders
from tui.format import plural, size
from tui.paths import here
from tui.places import Dug
from tui.records import Body, Entry, Searched, Spoken
from tui.talks import Format


class Travel(Orders):
    """Remembers where one came from, as far as digits do not lead elsewhere."""

    _trail: tuple[str, ...] = ()
    """Modes to go back to, the last one first to be left for."""

    def action_search(self) -> None:
        """Search what was said."""
        from tui.screens.search import SearchScreen

        self._go("search")
        if isinstance(self.screen, SearchScreen):
            self.screen.begin_anew()

    def action_largest(self) -> None:
        """The largest single rows."""
        self._go("largest")

    def search_trash(self, text: str = "") -> None:
        """Look for what was said in the sessions of the trash; at once where there is a text."""
        from tui.screens.dig import DigScreen

        self._go("dig")
        if isinstance(self.screen, DigScreen):
            self.screen.begin_anew(text)

    def open_conversation(
        self, session_id: str, part_id: str | None = None, text: str = ""
    ) -> None:
        """Read a session, from this part (or message) on, at the place of a text in it."""
        from tui.screens.conversation import ConversationScreen

        self._go("conversation")
        if isinstance(self.screen, ConversationScreen):
            self.screen.read(session_id, part_id, text)

    def _go(self, mode: str) -> None:
        if self.current_mode != mode:
            before = [each for each in self._trail if each not in (mode, self.current_mode)]
            self._trail = (*before, self.current_mode)
            self.switch_mode(mode)

    def go_back(self) -> None:
        """Leave a screen for the one it was opened from."""
        *rest, last = self._trail or ("sessions",)
        self._trail = tuple(rest)
        self.switch_mode(last)

    # what is read for them, each in a thread

    def read_search(
        self, text: str, ids: Collection[str] | None, stop: Event
    ) -> Iterator[Searched]:
        """What was said, growing; in these sessions or in all."""
        from tui.store.search import Wanted, search

        sessions = None if ids is None else frozenset(ids)
        return search(self.site.store, Wanted(text, sessions), stop)

    def read_dug(self, text: str, stop: Event) -> Iterator[Dug]:
        """What was said in the sessions of the trash, growing."""
        from tui.engine.trash_search import search_trash
        from tui.store.search import Wanted

        return search_trash(self.site, Wanted(text), stop)

    def read_outline(self, session_id: str, stop: Event) -> Iterator[Spoken]:
        """The entries of a conversation, growing."""
        from tui.store.transcript import outline

        return outline(self.site.store, session_id, stop)

    def read_body(self, entry: Entry, at: int) -> Body:
        """What an entry says from `at` on, a piece of it."""
        from tui.store.bodies import read_body

        return read_body(self.site.store, entry, at)

    def free_file(self, session_id: str, format: Format, folder: Path | None = None) -> Path:
        """A name in the folder (the present one) that is not taken, for the session written so."""
        from tui.store.export import free_name

        ending = ".md" if format == "markdown" else ".json"
        return free_name(folder or here(), self.forest.row(session_id).title, ending)

    def free_folder(self) -> Path:
        """A name in the present folder that is not taken, for several sessions."""
        from tui.store.export import free_name

        return free_name(here(), "opencode sessions", "")

    def make_folder(self, target: Path) -> None:
        """A new folder of the user's own (0700). Raises Refused when it exists."""
        from tui.store.export import writable

        with writable(target):
            target.mkdir(mode=0o700)

    def objection(self, target: Path) -> str:
        """Why this file cannot be a new one, as a sentence; "" when it can."""
        if os.path.lexists(target):
            return "This file exists: choose another name, nothing is written over."
        return "" if os.path.isdir(target.parent) else "There is no such folder."

    def write_conversation(
        self,
        session_id: str,
        format: Format,
        target: Path,
        stop: Event,
        told: Callable[[int], None] | None = None,
    ) -> str:
        """Write the conversation to a new file; a sentence about what was written.

        `told` hears how many octets are written by now. Raises OcduError when the file exists or
        cannot be written, or `stop` was set.
        """
        from tui.engine.export import write_live
        from tui.engine.markdown import write_markdown
        from tui.store.database import file_size

        store, left_out = self.site.store, ""
        if format == "markdown":
            write_markdown(store, self.forest.row(session_id), target, stop, told)
        else:
            done = write_live(store, session_id, target, stop, told)
            if done.left_out:
                left_out = f" {plural(done.left_out, 'malformed row')} left out."
        return f"{size(file_size(target))} written to {target}.{left_out}"
