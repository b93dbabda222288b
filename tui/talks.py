"""What screens may ask of the app about conversations: finding and reading them. Part of `Desk`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Literal, NamedTuple, Protocol

from tui.places import Dug
from tui.records import Body, Entry, Searched, Spoken

Format = Literal["markdown", "opencode"]
"""How a conversation is written: to be read, or as `opencode import` reads it."""


class Writing(NamedTuple):
    """An export under way."""

    name: str
    done: int
    total: int
    """Octets, about."""

    @property
    def part(self) -> float | None:
        """How far it is; never all before it is."""
        return min(0.99, self.done / self.total) if self.total else None


class Talks(Protocol):
    """What is marked blocking belongs into a thread worker; times are milliseconds UTC."""

    writing: Writing | None
    """The export under way."""

    def export(self, ids: Sequence[str], format: Format, target: Path, octets: int) -> None:
        """Write one session to a file, or several into a folder; about so many octets in all."""

    def read_search(
        self, text: str, ids: Collection[str] | None, stop: Event
    ) -> Iterator[Searched]:
        """Blocking: what was said, growing; in these sessions or in all."""

    def read_dug(self, text: str, stop: Event) -> Iterator[Dug]:
        """Blocking: what was said in the sessions of the trash, growing."""

    def search_trash(self, text: str = "") -> None:
        """Look for what was said in the sessions of the trash; at once where there is a text."""

    def read_outline(self, session_id: str, stop: Event) -> Iterator[Spoken]:
        """Blocking: the entries of a conversation, growing."""

    def read_body(self, entry: Entry, at: int) -> Body:
        """Blocking: what an entry says from `at` on, a piece of it."""

    def free_file(self, session_id: str, format: Format, folder: Path | None = None) -> Path:
        """A name in the folder (the present one) that is not taken, for the session written so."""

    def free_folder(self) -> Path:
        """A name in the present folder that is not taken, for several sessions."""

    def objection(self, target: Path) -> str:
        """Why this file cannot be a new one, as a sentence; "" when it can."""

    def open_conversation(
        self, session_id: str, part_id: str | None = None, text: str = ""
    ) -> None:
        """Read a session, from this part (or message) on, at the place of a text in it."""

    def go_back(self) -> None:
        """Leave a screen for the one it was opened from."""
