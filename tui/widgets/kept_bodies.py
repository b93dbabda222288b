"""What entries of a conversation say, as far as it was read: bounded, and broken to the width."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from tui.records import Body
from tui.widgets.conversation_line import said
from tui.widgets.line_list import Piece

KEPT = 3_000_000
"""Characters that are kept; a screenful has a few thousand."""

PER_BODY = 100
"""Characters that a body costs beside its text."""


class KeptBodies:
    """Bodies by key; those read longest ago are forgotten first."""

    def __init__(self) -> None:
        self.width = 0
        """Cells that a line may fill."""
        self._bodies: OrderedDict[str, Body] = OrderedDict()
        self._lines: dict[str, list[Piece]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._bodies

    @property
    def keys(self) -> list[str]:
        """Of all that is known."""
        return list(self._bodies)

    def get(self, key: str) -> Body | None:
        """What an entry says, as far as it was read."""
        return self._bodies.get(key)

    def clear(self) -> None:
        """Forget everything."""
        self._bodies.clear()
        self._lines.clear()

    def add(self, key: str, body: Body) -> None:
        """Take a body in; a further piece follows the one before."""
        before = self._bodies.pop(key, None)
        if before is not None and before.next is not None:
            body = body._replace(pieces=(*before.pieces, *body.pieces))
        self._bodies[key] = body
        self._lines.pop(key, None)

    def forget(self, spared: Iterable[str]) -> list[str]:
        """Let go of what is too much; returns which. It is read again when it comes into sight."""
        total = sum(map(_weight, self._bodies.values()))
        kept, gone = set(spared), []
        for key in list(self._bodies):
            if total <= KEPT:
                break
            if key not in kept:
                total -= _weight(self._bodies.pop(key))
                self._lines.pop(key, None)
                gone.append(key)
        return gone

    def break_to(self, width: int) -> None:
        """Another width breaks all texts anew."""
        self.width = width
        self._lines.clear()

    def lines_of(self, key: str) -> list[Piece]:
        """What a known entry says, line by line."""
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = said(self._bodies[key], self.width)
        return lines


def _weight(body: Body) -> int:
    return sum(len(text) for text, _ in body.pieces) + PER_BODY
