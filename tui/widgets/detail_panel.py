"""The panel beside the tree, drawn line by line: what `session_detail` says."""

from __future__ import annotations

from itertools import zip_longest

from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual

from tui.widgets.line_list import without_layout
from tui.widgets.session_detail import Shown, ShownGroup, panel_text, subject_of


class SessionDetailPanel(ScrollView, can_focus=False):
    """Reserves its place from the start; empty while nothing is under the cursor.

    Drawn line by line: the cursor is moved far more often than all that is said here changes, and
    what stays as it was is not drawn again.
    """

    DEFAULT_CSS = """
    SessionDetailPanel {
        width: 30%; min-width: 42; max-width: 64; padding: 0 1;
        overflow-x: hidden; overflow-y: scroll;
        scrollbar-size-vertical: 1; scrollbar-background: $background;
    }
    """
    # The bar is always there, though it shows nothing where all is seen: one that comes and goes
    # with every other session would lay the whole screen out at every key.

    class Cut(Message):
        """From now on not all is seen at once, or again all is."""

    shown: reactive[Shown | ShownGroup | None] = reactive(None, init=False, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self.text = Content("")
        """All it says, whether there is room for it or not."""
        self._strips: list[Strip] = []
        self.is_cut = False
        """True while there is more than can be seen at once."""

    def watch_shown(
        self, before: Shown | ShownGroup | None, after: Shown | ShownGroup | None
    ) -> None:
        """Write the text anew; about another session from its beginning."""
        if subject_of(before) != subject_of(after):
            self.scroll_to(y=0, animate=False, force=True)
        self._write()

    def on_resize(self) -> None:
        """Bars and cuts depend on the width."""
        self._write()

    def notify_style_update(self) -> None:
        """Another theme: other colours."""
        super().notify_style_update()
        self._write()

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse selects text to be copied."""
        self._write()

    def render(self) -> Content:
        """What a selection takes its text from."""
        return self.text

    def scroll_half(self, by: int) -> None:
        """Half a page down or up."""
        self.scroll_relative(y=by * max(1, self.size.height // 2), animate=False, force=True)

    def _write(self) -> None:
        if not self.size:
            return  # not on show; the resize that shows it comes by here
        room = self.scrollable_content_region.width
        self.text = panel_text(self.shown, max(20, room - 1), self.size.height)
        strips = Visual.to_strips(self, self.text, room, None, self.visual_style, pad=True)
        before, self._strips = self._strips, strips
        if len(before) != len(strips):
            without_layout(self, Size(1, len(strips)))
        if self.is_cut != (len(strips) > self.size.height):
            self.is_cut = not self.is_cut
            self.post_message(self.Cut())
        for line, (old, new) in enumerate(zip_longest(before, strips)):
            if old != new:
                self.refresh_line(line)

    def render_line(self, y: int) -> Strip:
        """One line of the text, or blank below it."""
        line = y + self.scroll_offset.y
        if line < len(self._strips):
            return self._strips[line]
        return Strip.blank(self.scrollable_content_region.width, self.rich_style)
