"""Every key with its meaning, from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import format
from tui.actions import ACTIONS
from tui.desk import desk_of
from tui.screens.page import SHOWN_KEYS

MOVING = (
    ("j k ↑ ↓", "move"),
    ("g G", "first and last line"),
    ("PgUp PgDn", "a page up or down"),
    ("l → ↵", "open what is folded"),
    ("h ←", "fold, then go to the parent"),
    ("␣", "mark, and go on"),
    ("*", "mark all shown"),
    ("-", "unmark all"),
    ("Esc", "clear the filter, leave a dialog: always no"),
)
"""Keys of the tree itself, which are not in the table because they do nothing but move."""

GROUPS = ("Act", "Look", "Go", "Job")


class HelpDialog(ModalScreen[None]):
    """Any key that leaves brings back the screen before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", "Back", show=False),
        Binding("j,down", "scroll_down", show=False),
        Binding("k,up", "scroll_up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling text in a frame."""
        with VerticalScroll(id="frame") as frame:
            frame.border_title = "Keys"
            frame.border_subtitle = "Esc goes back"
            yield Static(help_text(desk_of(self).config.keys), markup=False)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()

    def action_scroll_down(self) -> None:
        """One line on."""
        self.query_one("#frame").scroll_down(animate=False)

    def action_scroll_up(self) -> None:
        """One line back."""
        self.query_one("#frame").scroll_up(animate=False)


def help_text(keys: dict[str, str] | object) -> Content:
    """All groups below each other; `keys` are the user's own, by action id."""
    own = keys if isinstance(keys, dict) else {}
    lines = [Content.styled("Move and mark", "bold $text-accent")]
    lines += [_line(key, meaning) for key, meaning in MOVING]
    for group in GROUPS:
        lines += [Content(""), Content.styled(group, "bold $text-accent")]
        for action in ACTIONS:
            if action.group == group:
                named = own.get(action.id, action.keys).split(",")
                shown = " ".join(SHOWN_KEYS.get(key, key) for key in named)
                lines.append(_line(shown, f"{action.title}: {_lower(action.help)}"))
    return Content("\n").join(lines)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _line(key: str, meaning: str) -> Content:
    return Content.assemble((format.fit(key, 11), "bold"), meaning)
