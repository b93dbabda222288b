"""Any number of lines under a fixed heading, of which only those on screen are ever drawn.

What the session tree and the plan table share: cursor, scrolling, mouse, hover. A line is drawn
by arithmetic on values at hand; a key draws at most one screenful, however long the list is.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.format import cells, clean, fit
from tui.keys import bindings

HEADING = 1
"""Screen lines above the list that do not scroll."""

Piece = tuple[str, str]
"""Text for part of a line and the name of its look, "" for the plain one."""


class LineList(ScrollView, can_focus=True):
    """The part below the heading scrolls; `cursor` is the number of a line, from 0."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line--heading",
        "line--sorted",
        "line--cursor",
        "line--hover",
        "line--muted",
        "line--strong",
        "line--bar",
        "line--good",
        "line--warning",
        "line--error",
        "line--mark",
    }
    DEFAULT_CSS = """
    LineList {
        height: 1fr; overflow-x: hidden; overflow-y: auto;
        scrollbar-gutter: stable; scrollbar-size-vertical: 1;
        & > .line--heading { color: $foreground-muted; text-style: bold; }
        & > .line--sorted { color: $text-accent; text-style: bold; }
        & > .line--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        &:focus > .line--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        & > .line--hover { background: $block-hover-background; }
        & > .line--muted { color: $foreground-muted; }
        & > .line--strong { text-style: bold; }
        & > .line--bar { color: $secondary; }
        & > .line--good { color: $text-success; }
        & > .line--warning { color: $text-warning; }
        & > .line--error { color: $text-error; }
        & > .line--mark { color: $text-accent; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("move_down", "move_up", "page_down", "page_up", "first_line", "last_line"))
    ]

    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    hover: reactive[int] = reactive(-1, repaint=False, init=False)
    empty_text: reactive[str] = reactive("Nothing here.", init=False)
    """One or more lines shown instead of an empty list."""

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)
        self._looks: dict[tuple[str, Style], Style] = {}
        self._bases: dict[str, Style] = {}

    # What a list of lines has to answer.

    @property
    def count(self) -> int:
        """Lines in the list."""
        raise NotImplementedError

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """What a line says, at most `width` cells of it."""
        raise NotImplementedError

    def heading(self, width: int) -> Iterable[Piece]:
        """What stands above the list."""
        raise NotImplementedError

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """A line, which has the cursor now, was clicked for the n-th time at cell x."""

    def heading_clicked(self, x: int) -> None:
        """The heading was clicked at cell x."""

    def cursor_moved(self) -> None:
        """The cursor stands on another line."""

    # Drawing.

    @property
    def line_width(self) -> int:
        """Cells a line may fill: all but the scroll bar."""
        return max(0, self.scrollable_content_region.width)

    @property
    def page(self) -> int:
        """Lines on screen at a time."""
        return max(1, self.size.height - HEADING)

    def redraw(self) -> None:
        """Draw all visible lines anew: what they say has changed."""
        self._strips.clear()
        self.refresh()

    def resized(self) -> None:
        """Tell the scroll bar that the number of lines has changed."""
        without_layout(self, Size(1, self.count + HEADING))
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """One screen line: the heading, a line of the list, or blank."""
        width = self.line_width
        if y < HEADING:
            return self._strip(self.heading(width), width, self._base(""))
        line = y - HEADING + self.scroll_offset.y
        if line >= self.count:
            return self._blank(y - HEADING, width)
        here, below_mouse = line == self.cursor, line == self.hover
        key = (line, width, here, below_mouse)
        strip = self._strips.get(key)
        if strip is None:
            look = "cursor" if here else "hover" if below_mouse else ""
            strip = self._strip(self.pieces(line, width), width, self._base(look), plain=here)
            self._strips[key] = strip
        return strip

    def _blank(self, line: int, width: int) -> Strip:
        said = self.empty_text.split("\n") if self.count == 0 else []
        words = [piece for each in said for piece in wrap(clean(each), max(8, width - 2))]
        if line >= len(words):
            return Strip.blank(width, self._base(""))
        text = fit(" " + words[line], width)
        return self._strip([(text, "muted")], width, self._base(""))

    def _strip(
        self, pieces: Iterable[Piece], width: int, base: Style, plain: bool = False
    ) -> Strip:
        segments = [
            Segment(text, base if plain or not look else self._look(look, base))
            for text, look in pieces
            if text
        ]
        return Strip(segments).adjust_cell_length(width, base)

    def _base(self, look: str) -> Style:
        """Colours of a whole line: the list's own, or those of the cursor or the mouse."""
        known = self._bases.get(look)
        if known is None:
            known = self.get_component_rich_style(f"line--{look}") if look else self.rich_style
            self._bases[look] = known
        return known

    def _look(self, name: str, base: Style) -> Style:
        """The base with a look's colour of letters; never its background."""
        known = self._looks.get((name, base))
        if known is None:
            full = self.get_component_rich_style(f"line--{name}")
            known = base + Style(color=full.color, bold=full.bold, italic=full.italic)
            self._looks[name, base] = known
        return known

    def notify_style_update(self) -> None:
        """Theme or focus changed: forget every drawn line."""
        self._strips.clear()
        self._looks.clear()
        self._bases.clear()
        super().notify_style_update()

    def watch_empty_text(self) -> None:
        """Shown at once if the list is empty."""
        self.redraw()

    # Cursor and keys.

    def validate_cursor(self, line: int) -> int:
        """Keeps the cursor on a line."""
        return max(0, min(line, self.count - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Draws the two lines concerned and scrolls as little as possible."""
        self._refresh_list_line(before)
        self._refresh_list_line(after)
        self.show_cursor()
        self.cursor_moved()

    def watch_hover(self, before: int, after: int) -> None:
        """Draws the two lines concerned."""
        self._refresh_list_line(before)
        self._refresh_list_line(after)

    def _refresh_list_line(self, line: int) -> None:
        y = line - self.scroll_offset.y + HEADING
        if HEADING <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def show_cursor(self, below_top: int | None = None) -> None:
        """Scroll until the cursor is on screen, or stands `below_top` lines below the top."""
        top = self.scroll_offset.y
        if below_top is not None:
            top = max(0, self.cursor - below_top)
        top = min(max(top, self.cursor - self.page + 1), self.cursor)
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)

    def on_resize(self) -> None:
        """Another height may have hidden the cursor."""
        self.show_cursor()

    def action_move(self, by: int) -> None:
        """Move the cursor by lines; in a dialog, beyond the first or last line, the focus."""
        before = self.cursor
        self.cursor += by
        if self.cursor == before and self.screen.is_modal:
            (self.screen.focus_next if by > 0 else self.screen.focus_previous)()

    def action_page(self, by: int) -> None:
        """Move the cursor by screenfuls."""
        self.cursor += by * max(1, self.page - 1)

    def action_first(self) -> None:
        """Move to the first line."""
        self.cursor = 0

    def action_last(self) -> None:
        """Move to the last line."""
        self.cursor = self.count - 1

    # Mouse.

    def on_click(self, event: events.Click) -> None:
        """Move the cursor, and let the list say what else a click means."""
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.y < HEADING:
            self.heading_clicked(at.x)
            return
        line = at.y - HEADING + self.scroll_offset.y
        if line < self.count:
            self.cursor = line
            self.line_clicked(line, at.x, event.chain)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Light up the line below the mouse."""
        at = event.get_content_offset(self)
        inside = at is not None and at.y >= HEADING
        line = at.y - HEADING + self.scroll_offset.y if at is not None and inside else -1
        self.hover = line if line < self.count else -1

    def on_leave(self) -> None:
        """The mouse went away."""
        self.hover = -1


def without_layout(view: ScrollView, size: Size) -> None:
    """Give a view that draws its own lines another virtual size.

    As long as neither the view nor its scroll bar appears otherwise than before, nothing is laid
    out anew: that costs as much as all the rest of a key.
    """
    height, bar = view.styles.height, view.show_vertical_scrollbar
    appears = view.styles.overflow_y == "auto" and bar != (size.height > view.size.height)
    if height is None or height.is_auto or appears:
        view.virtual_size = size
    elif size != view.virtual_size:
        view.set_reactive(Widget.virtual_size, size)
        if bar:
            view.vertical_scrollbar.window_virtual_size = size.height
        view.scroll_y = view.validate_scroll_y(view.scroll_y)


def heading_piece(text: str, width: int, right: bool = True, sorted_by: bool = False) -> Piece:
    """A column's name, aligned as the column is."""
    return fit(text, width, right), "sorted" if sorted_by else "heading"


def spread(left: list[Piece], right: list[Piece], width: int) -> list[Piece]:
    """Pieces from both ends of `width` cells, blanks between them."""
    used = sum(cells(text) for text, _ in (*left, *right))
    return [*left, (" " * max(0, width - used), ""), *right]
