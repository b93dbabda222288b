"""Every key with its meaning, from the table of actions."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import format
from tui.actions import ACTIONS, GROUPS
from tui.desk import desk_of
from tui.keys import Keys
from tui.messages import DialogOpened
from tui.narrowing import KEYS

FIXED = {
    "Move and mark": (
        ("{enter}", "open what is folded; of a session show the details"),
        ("Esc", "clear the filter, leave a dialog: always no"),
    ),
    "Read a conversation": (
        ("{enter}", "unfold; on the last line of a long text, read on"),
        ("{filter}", "search in it"),
        ("Esc", "back to where you came from"),
    ),
    "Trash": (
        ("{enter}", "restore the batch or the tree"),
        ("{filter} {search}", "filter by title, directory, id; search what was said in it"),
    ),
    "Files": (("{enter}", "fold and unfold"),),
    "Projects": (("{enter}", "show its newest session"),),
    "Jobs": (("{enter}", "all about the job"),),
    "Dialogs": (
        ("{up}", "from the buttons to the list"),
        ("{page_up} {page_down}", "from the buttons, what has no room above them"),
        ("Esc", "out of every dialog, and nothing is changed"),
    ),
}
"""Keys that mean the same for everybody, by the group they stand with; ids of actions in braces."""

FILTERING = (
    ("text", "titles, directories and ids that hold it; else similar titles"),
    *((f"{key}:", told.partition(": ")[2] or told) for key, told in KEYS.items()),
    ("-word", "turns a word round; blanks stay together in quotes"),
    ("Tab", "completes the word"),
)
"""What may be typed into the filter line: everything must hold."""

KEY_CELLS = 11


class HelpDialog(ModalScreen[None]):
    """Any key that leaves brings back the screen before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Back", show=False),
        Binding("question_mark", "leave", "Back", show=False, id="help"),
        Binding("j,down", "scroll_down", id="move_down", show=False),
        Binding("k,up", "scroll_up", id="move_up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling text in a frame."""
        with VerticalScroll(id="frame") as frame:
            frame.border_title = "Keys"
            frame.border_subtitle = "Esc goes back"
            yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        """Nothing lies over the text."""
        self.post_message(DialogOpened())

    def on_resize(self) -> None:
        """The lines are broken to the width."""
        frame = self.query_one("#frame")
        width = frame.content_size.width - 2 or 60
        self.query_one("#keys", Static).update(help_text(desk_of(self).keys, width))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()

    def action_scroll_down(self) -> None:
        """One line on."""
        self.query_one("#frame").scroll_down(animate=False)

    def action_scroll_up(self) -> None:
        """One line back."""
        self.query_one("#frame").scroll_up(animate=False)


def help_text(keys: Keys, width: int) -> Content:
    """All groups below each other, with the keys as the user has them."""
    names = {**keys, "enter": keys.sign("enter"), "up": keys["up"]}
    lines: list[Content] = []
    for group in GROUPS:
        lines += [Content(""), Content.styled(group, "bold $text-accent")]
        for action in ACTIONS:
            if action.group == group:
                meaning = action.help.format_map(keys)
                lines.append(_line(keys.all_of(action.id), meaning, width))
        fixed = FIXED.get(group, ())
        lines += [_line(key.format_map(names), meaning, width) for key, meaning in fixed]
    lines += [Content(""), Content.styled("Words of the filter line", "bold $text-accent")]
    lines += [_line(key, meaning, width) for key, meaning in FILTERING]
    return Content("\n").join(lines[1:])


def _line(key: str, meaning: str, width: int) -> Content:
    first, *more = wrap(meaning, max(16, width - KEY_CELLS))
    lines = [Content.assemble((format.fit(key, KEY_CELLS), "bold"), first)]
    return Content("\n").join([*lines, *(Content(" " * KEY_CELLS + each) for each in more)])
