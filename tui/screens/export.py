"""Export: a conversation as a file; what it is written as, where to, and about how large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tui import format
from tui.paths import absolute
from tui.records import Usage
from tui.screens.dialog import Dialog
from tui.talks import Format
from tui.widgets.choice import Choice

FORMATS: tuple[tuple[str, Format], ...] = (
    ("Markdown, to be read", "markdown"),
    ("JSON, for `opencode import`", "opencode"),
)


SESSION_IDS, MESSAGE_IDS, PART_IDS = 500, 115, 135
"""Octets that JSON has around a session, a message and a part beyond what is stored of them
(measured on files of all generations: within 6 % from 3 kB on)."""


class Wish(NamedTuple):
    """What is to be written, and where to."""

    ids: tuple[str, ...]
    format: Format
    target: Path
    octets: int
    """About; 0 where nobody knows."""


class ExportDialog(Dialog[Wish]):
    """Returns what was chosen; a name that is taken is never offered, nor written over."""

    heading = "Export the conversation"
    safe = "Not now"
    first = "#format"
    hint = "{left} {right} the kind · {down} the file"

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self.ids = tuple(ids)
        if len(self.ids) > 1:
            self.heading = f"Export {format.count(len(self.ids))} conversations"
        self._offered = ""
        """The name put into the field; one that was typed is kept."""

    def body(self) -> Iterable[Widget]:
        """The kind, the file, how large."""
        yield Choice("write as", FORMATS, id="format")
        yield Input(compact=True, id="file", placeholder="file or folder to write")
        yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        """Offer a free name."""
        self._chosen()

    @property
    def format(self) -> Format:
        """What it is written as."""
        chosen: Format = self.query_one("#format", Choice).value
        return chosen

    @on(Choice.Changed)
    def _chosen(self) -> None:
        field = self.query_one("#file", Input)
        if field.value == self._offered:
            desk = self.desk
            several = len(self.ids) > 1
            free = desk.free_folder() if several else desk.free_file(self.ids[0], self.format)
            self._offered = str(free)
            field.value = self._offered
        self._preview()

    @on(Input.Changed, "#file")
    def _preview(self) -> None:
        target, desk = self._target(), self.desk
        octets = self.octets()
        exact = self.format == "opencode"
        about = f"about {format.size(octets)}" if exact else f"{format.size(octets)} at most"
        facts = [Content(f"{about}, readable by you alone")]
        wrong = desk.objection(target) if target else "Type the name of a file."
        if wrong:
            facts.append(Content.styled(wrong, "$text-warning"))
        self.query_one("#facts", Static).update(Content("\n").join(facts))
        self.offer(f"Write it — {about}", possible=not wrong)

    def octets(self) -> int | None:
        """How much it will be, about; None while something of it is not measured."""
        usages = [self.desk.forest.usage_of(id) for id in self.ids]
        known = [usage for usage in usages if usage is not None]
        if len(known) < len(usages):
            return None
        if self.format == "opencode":
            return sum(map(json_octets, known))
        return sum(usage.bytes - usage.event_bytes for usage in known)

    def _target(self) -> Path | None:
        name = self.query_one("#file", Input).value.strip()
        return absolute(name) if name else None

    @on(Input.Submitted, "#file")
    def _submitted(self) -> None:
        self._to_the_button()

    def key_enter(self) -> None:
        """From the kind to the button."""
        if self.query_one("#format").has_focus:
            self._to_the_button()

    def _to_the_button(self) -> None:
        button = self.query_one("#act", Button)
        if not button.disabled:
            button.focus()

    def answer(self) -> Wish | None:
        """Kind and file."""
        target = self._target()
        return Wish(self.ids, self.format, target, self.octets() or 0) if target else None


def json_octets(usage: Usage) -> int:
    """Octets of the JSON, about: rows of 1.x, each with its ids around what is stored of it."""
    stored = usage.copy_bytes or usage.message_bytes + usage.part_bytes
    return stored + SESSION_IDS + usage.messages * MESSAGE_IDS + usage.parts * PART_IDS
