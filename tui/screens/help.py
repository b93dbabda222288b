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
from tui.actions import ACTIONS, Keys
from tui.desk import desk_of
from tui.messages import DialogOpened
from tui.narrowing import KEYS

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

READING = (
    ("␣ l h ↵", "unfold and fold; on the last line of a long text, read on"),
    ("] [", "next question, question before"),
    ("{filter} n N", "search in it; next hit, hit before"),
    ("J K", "half a page down, up"),
    ("L", "the largest part; again: the next largest"),
    ("E", "write the conversation to a file: Markdown, or what opencode imports"),
    ("o", "show the session in the tree"),
    ("Esc", "back to where you came from"),
)
"""Keys of a conversation, which are not in the table because they mean nothing elsewhere."""

ELSEWHERE = (
    ("↵", "Dashboard: what the line names; Trash: restore; Jobs: all about it"),
    ("{filter} {search}", "Trash: filter by title, directory, id; search what was said in it"),
    ("e o E", "Trash: empty the batch, what is older than 30 days, all of it"),
    ("d E", "Files: remove what may go of this line, or all that may go"),
    ("l e", "Projects: relink one whose folder moved, remove an empty one"),
    ("e", "Jobs: take a waiting one back"),
    ("↑ ␣", "Dialogs: from the buttons to the list, take or leave a line"),
    ("PgUp PgDn", "Dialogs: from the buttons, what has no room above them"),
    ("Esc", "back to the sessions; out of every dialog, and nothing is changed"),
)
"""Keys of single screens, which stand in their last line."""

FILTERING = (
    ("text", "titles, directories and ids that hold it; else similar titles"),
    *((f"{key}:", told.partition(": ")[2] or told) for key, told in KEYS.items()),
    ("-word", "turns a word round; blanks stay together in quotes"),
    ("Tab", "completes the word"),
)
"""What may be typed into the filter line: everything must hold."""

KEY_CELLS = 11

GROUPS = ("Act", "Look", "Go", "Job")


class HelpDialog(ModalScreen[None]):
    """Any key that leaves brings back the screen before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Back", show=False),
        Binding("question_mark", "leave", "Back", show=False, id="help"),
        Binding("j,down", "scroll_down", show=False),
        Binding("k,up", "scroll_up", show=False),
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
    lines = [Content.styled("Move and mark", "bold $text-accent")]
    lines += [_line(key, meaning, width) for key, meaning in MOVING]
    for group in GROUPS:
        lines += [Content(""), Content.styled(group, "bold $text-accent")]
        for action in ACTIONS:
            if action.group == group:
                meaning = action.help.format_map(keys)
                lines.append(_line(keys.all_of(action.id), meaning, width))
    for heading, told in (
        ("Read a conversation", READING),
        ("On the other screens and in dialogs", ELSEWHERE),
        ("Words of the filter line", FILTERING),
    ):
        lines += [Content(""), Content.styled(heading, "bold $text-accent")]
        lines += [_line(key.format_map(keys), meaning, width) for key, meaning in told]
    return Content("\n").join(lines)


def _line(key: str, meaning: str, width: int) -> Content:
    first, *more = wrap(meaning, max(16, width - KEY_CELLS))
    lines = [Content.assemble((format.fit(key, KEY_CELLS), "bold"), first)]
    return Content("\n").join([*lines, *(Content(" " * KEY_CELLS + each) for each in more)])
