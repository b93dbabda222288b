"""A value chosen from a few: ‹ 30 days ›. Arrows left and right turn it, so does a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui import format


class Choice(Widget, can_focus=True):
    """`options` are (what is shown, what it means); `value` is the meaning of the one shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "Before", id="fold", show=False),
        Binding("right,l", "turn(1)", "Next", id="unfold", show=False),
        Binding("space", "turn(1)", "Next", id="mark", show=False),
        Binding("down,j", "app.focus_next", id="move_down", show=False),
        Binding("up,k", "app.focus_previous", id="move_up", show=False),
    ]
    DEFAULT_CSS = """
    Choice { width: auto; height: 1; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        choice: Choice

        @property
        def control(self) -> Choice:
            """Where it was chosen."""
            return self.choice

    place: reactive[int] = reactive(0, layout=True, init=False)

    def __init__(
        self, label: str, options: Sequence[tuple[str, Any]], *, place: int = 0, id: str
    ) -> None:
        super().__init__(id=id)
        self.label = label
        self.options = tuple(options)
        self.set_reactive(Choice.place, place)

    @property
    def value(self) -> Any:
        """What the option shown means."""
        return self.options[self.place][1]

    def render(self) -> RenderResult:
        """Label and option; the marks of turning are always there, so nothing moves."""
        shown = format.clean(self.options[self.place][0])
        muted = "" if self.has_focus else "$foreground-muted"
        return Content.assemble((f"{self.label} ", muted), "‹ ", (shown, "bold"), " ›")

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as the widest option, so that turning moves nothing."""
        widest = max(format.cells(format.clean(shown)) for shown, _ in self.options)
        return format.cells(self.label) + widest + 5

    def action_turn(self, by: int) -> None:
        """The next option, or the one before; from the last to the first."""
        self.place = (self.place + by) % len(self.options)
        self.post_message(self.Changed(self))

    def on_click(self, event: events.Click) -> None:
        """Left of the value turns back, elsewhere on."""
        self.action_turn(-1 if event.x <= format.cells(self.label) + 1 else 1)
