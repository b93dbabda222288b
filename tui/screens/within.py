"""Searching in the conversation one reads: from hit to hit, reading on where a text is long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from threading import Event

from textual import events, on
from textual.getters import query_one
from textual.widgets import Input

from tui import format
from tui.forest import Forest
from tui.records import Entry, Searched
from tui.screens.elsewhere import Elsewhere
from tui.widgets.conversation import Conversation
from tui.widgets.line_list import Piece

DEEPEST = 60
"""Further pieces of a text that are read to come to a hit in it: about a megabyte."""

MOST_HITS = 2_000
"""Hits in one conversation that `n` walks through."""


class Within(Elsewhere):
    """The part of the conversation screen that searches."""

    talk = query_one(Conversation)
    field = query_one("#within", Input)

    def __init__(self) -> None:
        super().__init__()
        self.session_id = ""
        self.stop = Event()
        """Set when another conversation is opened, or none is read any more."""
        self._hits: list[str] = []
        """Parts that hold what is searched for, in the order of the conversation."""
        self._searched = False
        self._first: str | None = None
        """Part whose hit is shown first."""
        self._seeking: tuple[str, int] | None = None
        """Part in whose text the needle is being looked for, and pieces read for it."""

    def say_head(self, forest: Forest | None = None) -> None:
        """What one reads, and how far it was read."""
        raise NotImplementedError

    def read_bodies(self, wanted: Sequence[tuple[Entry, int]], group: str) -> None:
        """Ask for pieces of what entries say."""
        raise NotImplementedError

    def hits_told(self) -> str:
        """How many parts hold it; "" while nothing is searched for."""
        if not self._searched:
            return ""
        return format.plural(len(self._hits), "part with it", "parts with it")

    def forget_search(self) -> None:
        """Nothing is searched for."""
        self._hits, self._searched, self._seeking = [], False, None
        self.field.value = ""
        self.field.display = False

    def sought(self, keys: Iterable[str]) -> None:
        """Texts were read: perhaps the one a hit is looked for in."""
        if self._seeking is not None and self._seeking[0] in set(keys):
            self._seek()

    def action_filter(self) -> None:
        """Search in this conversation."""
        self.field.display = True
        self.field.focus()

    def on_key(self, event: events.Key) -> None:
        """The arrow down leaves the field for the conversation."""
        if self.field.has_focus and event.key in ("down", "tab"):
            event.stop()
            event.prevent_default()
            self.talk.focus()

    def end_search(self) -> None:
        """Back to reading."""
        self.forget_search()
        self.talk.needle = None
        self.talk.redraw()
        self.talk.focus()
        self.say_head()

    @on(Input.Submitted)
    def _search(self, event: Input.Submitted) -> None:
        self.talk.focus()
        if event.value:
            self.search_for(event.value)
        else:
            self.end_search()

    def search_for(self, needle: str, first: str | None = None) -> None:
        """Search in this conversation and go to the first hit from here, or to that in `first`."""
        self.field.display = True
        self.field.value = needle
        self._first = first
        self.talk.needle = re.compile(re.escape(needle), re.IGNORECASE)
        self.talk.redraw()
        desk, id, stop = self.desk, self.session_id, self.stop

        def search() -> tuple[Event, list[str]]:
            found: list[str] = []
            step: Searched
            for step in desk.read_search(needle, [id], stop):
                found += [hit.part_id for hit in step.hits]
                if len(found) >= MOST_HITS:
                    break
            return stop, found

        desk.ask(search, self._searched_through, group="within")

    def _searched_through(self, found: tuple[Event, list[str]]) -> None:
        stop, parts = found
        if self.is_attached and stop is self.stop and self.field.display:
            held = {key for id in parts for key in (id, f"{id}!")}
            self._hits = [each.key for each in self.talk.entries if each.key in held]
            self._searched = True
            self.say_head()
            if self._first in self._hits:
                self._seeking = (str(self._first), 0)
                self._seek()
            else:
                self._to_hit(1, from_here=True)

    def action_next(self, by: int) -> None:
        """The next hit while one searches, else the next question."""
        if self._searched:
            self._to_hit(by)
        else:
            self.talk.action_turn(by)

    def _to_hit(self, by: int, from_here: bool = False) -> None:
        """To the nearest hit in that direction; behind the last one the first follows."""
        if not self._hits:
            self.app.notify("Nobody said that here.", timeout=2)
            return
        places = {entry.key: at for at, entry in enumerate(self.talk.entries)}
        here = self.talk.place - (1 if from_here else 0)
        ahead = [key for key in self._hits[::by]
                 if (places[key] > here if by > 0 else places[key] < here)]  # fmt: skip
        self._seeking = (ahead[0] if ahead else self._hits[::by][0], 0)
        self._seek()

    def _seek(self) -> None:
        """Show the row of a hit; where it was not read yet, read on."""
        if self._seeking is None:
            return
        key, read = self._seeking
        body = self.talk.bodies.get(key)
        if not self.talk.select(key, self._row_of_hit) or body is None:
            return  # `fill` comes back here
        entry = self.talk.here
        held = self._row_of_hit(self.talk.bodies.lines_of(key), missing=-1) >= 0
        if held or body.next is None or read >= DEEPEST or entry is None:
            self._seeking = None
        else:
            self._seeking = (key, read + 1)
            self.read_bodies([(entry, body.next)], "more")

    def _row_of_hit(self, lines: Sequence[Piece], missing: int = 0) -> int:
        needle = self.talk.needle
        if needle is None:
            return missing
        return next((at for at, (text, _) in enumerate(lines) if needle.search(text)), missing)
