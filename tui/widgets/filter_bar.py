"""The line above the tree: what is shown in which order, and the filter while it is typed.

Below the field a second line says how the word being typed may go on, or what is wrong with it;
Tab completes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.getters import query_one
from textual.message import Message
from textual.widgets import Input, Static

from tui import format


class FilterBar(Vertical):
    """`open` shows the field; every letter posts `Changed`, Escape and Enter post `Closed`."""

    DEFAULT_CSS = """
    FilterBar { height: auto; color: $foreground-muted; }
    FilterBar Horizontal { height: 1; }
    FilterBar #filter-hint { height: auto; max-height: 3; padding: 0 1 0 3; display: none; }
    FilterBar Input { display: none; width: 1fr; min-width: 12; }
    FilterBar.-open Input { display: block; }
    FilterBar #slash { width: auto; display: none; color: $text-accent; padding: 0 0 0 1; }
    FilterBar.-open #slash { display: block; }
    FilterBar #summary {
        width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    FilterBar.-open #summary { width: auto; max-width: 60%; }
    """

    @dataclass
    class Changed(Message):
        """Somebody typed: show what contains this."""

        needle: str

    @dataclass
    class SearchWanted(Message):
        """A second slash: not titles are meant but what was said."""

    @dataclass
    class Completing(Message):
        """Tab: complete the word, or go to the tree where there is nothing to complete."""

        needle: str

    @dataclass
    class Closed(Message):
        """The keys go back to the tree; `kept` says whether the filter stays."""

        kept: bool

    field = query_one(Input)
    summary = query_one("#summary", Static)

    def __init__(self, placeholder: str = "title, id, directory, is: size: idle:") -> None:
        """`placeholder` says what may be typed."""
        super().__init__()
        self.placeholder = placeholder

    def compose(self) -> ComposeResult:
        """The field, hidden at first, and the summary."""
        with Horizontal():
            yield Static("/", id="slash", markup=False)
            yield _Field(compact=True, placeholder=self.placeholder)
            yield Static(id="summary", markup=False)
        yield Static(id="filter-hint", markup=False)

    @property
    def needle(self) -> str:
        """What is being searched for; "" for nothing."""
        return self.field.value

    def open(self) -> None:
        """Show the field and type into it."""
        self.add_class("-open")
        self.field.focus()

    def clear(self) -> None:
        """Forget the filter and hide the field."""
        self.remove_class("-open")
        self.field.value = ""
        self.hint("")

    def complete(self, needle: str) -> None:
        """Put the completed line into the field."""
        self.field.value = needle
        self.field.cursor_position = len(needle)

    def hint(self, text: str) -> None:
        """Say how the word may go on, or what is wrong with it; "" for nothing."""
        line = self.query_one("#filter-hint", Static)
        line.display = bool(text)
        line.update(Content(format.clean(text)))

    def say(self, summary: str) -> None:
        """What the tree shows, e.g. "284 roots · 1,812 sessions · active · by size ▼"."""
        self.summary.update(Content(format.clean(summary)))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as you type."""
        event.stop()
        if event.value == "/":
            self.clear()
            self.post_message(self.Closed(kept=False))
            self.post_message(self.SearchWanted())
            return
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter and goes to what was found."""
        event.stop()
        self.set_class(bool(event.value), "-open")
        self.hint("")
        self.post_message(self.Closed(kept=True))

    def on_key(self, event: events.Key) -> None:
        """Escape clears, the arrow down walks into the tree."""
        if event.key == "escape":
            event.stop()
            self.clear()
            self.post_message(self.Closed(kept=False))
        elif event.key in ("down", "tab"):
            event.stop()
            event.prevent_default()
            if event.key == "tab":
                self.post_message(self.Completing(self.needle))
            else:
                self.post_message(self.Closed(kept=True))


class _Field(Input):
    """A text field that leaves the command palette's key to the app."""

    BINDINGS: ClassVar[list[BindingType]] = []
