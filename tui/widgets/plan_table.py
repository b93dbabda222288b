"""The items of a plan as a table: what would happen to which tree, why, and how many bytes.

Draws only the lines on screen, so a plan of tens of thousands of trees scrolls like a short one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.message import Message

from tui.format import SIZE_CELLS, cells, clean, clip, count, fit, size, titled
from tui.policy.plan import Item, Plan
from tui.widgets.line_list import LineList, Piece, heading_piece, spread

_PROJECT = 14
"""Cells for the project; longer names are clipped, titles need the room more."""
_REASON_MOST = 24
_SESSIONS = 8
"""Cells of "sessions", the heading of the last column."""


class PlanTable(LineList):
    """Give it a plan with `show`; it only looks."""

    @dataclass
    class Highlighted(Message):
        """The cursor stands on another item; None when the plan is empty."""

        item: Item | None

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.plan: Plan | None = None
        self._reason = 0
        self._told: Item | None = None

    def show(self, plan: Plan) -> None:
        """Show this plan; the cursor stays on its item if that is still planned."""
        key = self.item.id if self.item else None
        self.plan = plan
        self.empty_text = plan.message or "Nothing to do."
        reasons = {item.reason for item in plan.items}
        self._reason = max((cells(clean(why)) for why in reasons), default=0)
        self.resized()
        found = (line for line, item in enumerate(plan.items) if item.id == key)
        self.cursor = next(found, 0)
        self.show_cursor()
        self.cursor_moved()

    @property
    def item(self) -> Item | None:
        """The item under the cursor."""
        return self.plan.items[self.cursor] if self.plan and self.count > self.cursor else None

    @property
    def count(self) -> int:
        """Items of the plan."""
        return len(self.plan.items) if self.plan else 0

    def cursor_moved(self) -> None:
        """Tell which item the cursor stands on, once."""
        if self.item != self._told:
            self._told = self.item
            self.post_message(self.Highlighted(self.item))

    def heading(self, width: int) -> Iterable[Piece]:
        """Names of the columns."""
        reason, project, sessions = self._columns(width)
        left = [heading_piece("bytes", SIZE_CELLS + 1), ("  ", "")]
        if reason:
            left += [heading_piece("why", reason, right=False), ("  ", "")]
        left.append(heading_piece("tree", 4, right=False))
        right: list[Piece] = []
        if project:
            right += [("  ", ""), heading_piece("project", project, right=False)]
        if sessions:
            right += [("  ", ""), heading_piece("sessions", sessions)]
        return spread(left, right, width)

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """Bytes, reason, title, project and number of sessions."""
        assert self.plan is not None
        item = self.plan.items[line]
        reason, project, sessions = self._columns(width)
        left: list[Piece] = [(fit(size(item.bytes), SIZE_CELLS + 1, right=True) + "  ", "")]
        if reason:
            left.append((fit(clean(item.reason), reason) + "  ", "muted"))
        right: list[Piece] = []
        if project:
            right.append(("  " + fit(clean(item.project), project), "muted"))
        if sessions:
            number = item.totals.sessions or len(item.sessions)
            right.append(("  " + fit(count(number), sessions, right=True), "muted"))
        room = width - sum(cells(text) for text, _ in (*left, *right))
        left.append((clip(titled(item.title), room), ""))
        return spread(left, right, width)

    def _columns(self, width: int) -> tuple[int, int, int]:
        """Cells for reason, project and sessions, 0 where there is no room for the column."""
        if width < 48:
            return min(self._reason, 12), 0, 0
        reason = min(self._reason, max(_REASON_MOST, width // 4))
        return reason, _PROJECT if width >= 72 else 0, _SESSIONS
