"""What all dialogs have in common: a thin frame, the safe button first, Escape means no."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button

from tui import format
from tui.desk import Desk, desk_of
from tui.messages import DialogOpened

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """A question with a frame. Subclasses give `body` and what the second button returns.

    What has no room scrolls; the buttons are always there.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "refuse", "No", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
        Binding("pagedown", "scroll_body(1)", id="page_down", show=False),
        Binding("pageup", "scroll_body(-1)", id="page_up", show=False),
    ]
    heading: str = ""
    safe: str = "Not now"
    """What the safe button says."""
    first: str = "#safe"
    """What has the focus at first: the safe button, or a field that has to be filled in."""
    hint: str = ""
    """Keys that work here beside Escape and Enter, on the lower edge of the frame; ids of actions
    in braces stand for theirs."""

    def compose(self) -> ComposeResult:
        """The frame, the body, the buttons."""
        with VerticalScroll(id="frame", can_focus=False) as frame:
            frame.border_title = Content(self.heading)
            frame.border_subtitle = Content(self.hint.format_map(self.desk.keys))
            yield from self.body()
            with Horizontal(id="buttons"):
                yield Button(Content(self.safe), id="safe", compact=True)
                yield Button(Content("…"), id="act", compact=True, variant="primary")

    def body(self) -> Iterable[Widget]:
        """What is between the title and the buttons."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Where the keys go at first."""
        self.query_one(self.first).focus()
        self.post_message(DialogOpened())

    @property
    def desk(self) -> Desk:
        """The app, as this dialog sees it."""
        return desk_of(self)

    def offer(self, verb: str, *, possible: bool = True, destructive: bool = False) -> None:
        """What the second button says, and whether it can be pressed."""
        button = self.query_one("#act", Button)
        button.label = Content(format.clean(verb))
        button.disabled = not possible
        button.variant = "error" if destructive else "primary"
        button.refresh(layout=True)

    def action_scroll_body(self, by: int) -> None:
        """Show what has no room above the buttons."""
        frame = self.query_one("#frame")
        frame.scroll_relative(y=by * max(1, frame.size.height // 2), animate=False)

    @on(Button.Pressed, "#safe")
    def action_refuse(self) -> None:
        """No."""
        self.dismiss(None)

    @on(Button.Pressed, "#act")
    def action_agree(self) -> None:
        """Yes, in the words of the button."""
        answer = self.answer()
        if answer is not None:
            self.dismiss(answer)

    def answer(self) -> Answer | None:
        """What the second button returns; None keeps the dialog open."""
        raise NotImplementedError
