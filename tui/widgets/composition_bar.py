"""One bar for everything on disk: how many bytes each kind takes, with a legend below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from tui import format


class Portion(NamedTuple):
    """One kind of bytes. The glyph tells the kinds apart where colours do not."""

    label: str
    bytes: int
    style: str
    glyph: str = "█"


class CompositionBar(Widget):
    """Portions side by side, each at least one cell wide when it is above zero."""

    DEFAULT_CSS = """
    CompositionBar { height: auto; }
    """

    portions: reactive[tuple[Portion, ...]] = reactive((), layout=True, init=False)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The bar and as many lines of legend as the width asks for."""
        return 1 + len(legend(self.portions, width))

    def render(self) -> RenderResult:
        """Bar and legend at the present width."""
        width = self.size.width
        return Content("\n").join([bar(self.portions, width), *legend(self.portions, width)])


def bar(portions: Sequence[Portion], width: int) -> Content:
    """The portions as one line of exactly `width` cells (empty while nothing is known)."""
    cells = shares([portion.bytes for portion in portions], width)
    if not any(cells):
        return Content.styled("░" * width, "$foreground-disabled")
    return Content.assemble(
        *((portion.glyph * n, portion.style) for portion, n in zip(portions, cells, strict=True))
    )


def legend(portions: Sequence[Portion], width: int) -> list[Content]:
    """Name and size of every portion above zero, flowing over lines of `width` cells."""
    lines: list[Content] = []
    line = Content("")
    for portion in portions:
        if portion.bytes <= 0:
            continue
        entry = Content.assemble(
            (portion.glyph, portion.style),
            (f" {portion.label} ", "$foreground-muted"),
            (format.size(portion.bytes), "bold"),
        )
        if line.cell_length and line.cell_length + 3 + entry.cell_length > width:
            lines.append(line)
            line = Content("")
        line = Content.assemble(line, "   ", entry) if line.cell_length else entry
    return [*lines, line] if line.cell_length else lines


def shares(amounts: Sequence[int], cells: int) -> list[int]:
    """`cells` divided in proportion; whatever is above zero gets at least one, the sum is kept."""
    total = sum(amount for amount in amounts if amount > 0)
    if total <= 0 or cells <= 0:
        return [0] * len(amounts)
    exact = [max(0, amount) * cells / total for amount in amounts]
    given = [max(1, int(part)) if part > 0 else 0 for part in exact]
    while sum(given) > cells and max(given) > 1:
        given[max(range(len(given)), key=lambda i: (given[i] > 1, given[i] - exact[i]))] -= 1
    while sum(given) < cells:
        given[max(range(len(given)), key=lambda i: exact[i] - given[i])] += 1
    return given
