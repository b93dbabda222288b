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
from textual.geometry import Size
from textual.getters import query_one
from textual.message import Message
from textual.reactive import Reactive
from textual.widgets import Input, Static

from tui import format

HINT = "Tab completes a word · Enter keeps the filter · Esc clears it · // searches what was said"
"""What stands below the field while there is nothing to say about the word."""


class FilterBar(Vertical):
    """`open` shows the field; every letter posts `Changed`, Escape and Enter post `Closed`."""

    DEFAULT_CSS = """
    FilterBar { height: auto; color: $foreground-muted; }
    FilterBar Horizontal { height: 1; }
    FilterBar #filter-hint {
        height: auto; min-height: 1; max-height: 3; padding: 0 1 0 3; display: none;
    }
    FilterBar.-typing #filter-hint { display: block; }
    FilterBar Input { display: none; width: 1fr; min-width: 12; }
    FilterBar.-open Input { display: block; }
    FilterBar #slash { width: auto; display: none; color: $text-accent; padding: 0 0 0 1; }
    FilterBar.-open #slash { display: block; }
    FilterBar #summary {
        width: 1fr; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    FilterBar.-open #summary { text-align: right; }
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
        self.hint("")
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
        hint = Content(format.clean(text or HINT))
        if hint == line.content:
            return
        # The line is there as long as the field is: a layout costs as much as all else of a key.
        height = hint.get_height({}, max(1, line.content_size.width))
        line.update(hint, layout=height != line.size.height)

    def say(self, summary: str) -> None:
        """What the tree shows, e.g. "284 roots · 1,812 sessions · active · by size ▼"."""
        said = Content(format.clean(summary))
        if said != self.summary.content:
            self.summary.update(said, layout=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as you type."""
        event.stop()
        if event.value == "/":
            self.clear()
            self.post_message(self.Closed(kept=False))
            self.post_message(self.SearchWanted())
            return
        self.post_message(self.Changed(event.value))

    def on_descendant_focus(self) -> None:
        """The line below the field is there as long as one types."""
        self.add_class("-typing")

    def on_descendant_blur(self) -> None:
        """The keys are elsewhere: so is the room."""
        self.remove_class("-typing")

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

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))
    """Textual lays the screen out at each letter; here no letter makes the field wider."""
