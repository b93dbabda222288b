"""What is open and what is closed in a session tree, kept by session id and group key."""

from __future__ import annotations

from tui.ordering import Grouping
from tui.outline import Outline


class Folds:
    """Without a filter everything is closed but `opened`; below one all is open but what a hand
    closed there."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        """Session ids and group keys that are open."""
        self._folded: set[str] = set()
        """What was folded by hand below the present filter, which opens all by itself."""
        self._welcomed: set[Grouping] = set()

    def lines(self, outline: Outline) -> list[int]:
        """Positions on show, top to bottom."""
        return outline.lines(self.opened, self._folded)

    def is_open(self, outline: Outline, key: str) -> bool:
        """Whether what lies below this line is on show."""
        return key not in self._folded if outline.is_filtered else key in self.opened

    def set_open(self, outline: Outline, key: str, open: bool) -> None:
        """Open or close one line."""
        if outline.is_filtered:
            (self._folded.discard if open else self._folded.add)(key)
        else:
            (self.opened.add if open else self.opened.discard)(key)

    def reveal(self, outline: Outline | None, key: str | None) -> bool:
        """Open everything above a session; False when it is not in the outline."""
        position = outline.position(key) if outline and key is not None else None
        if outline is None or position is None:
            return False
        for above in outline.ancestors(position):
            self.set_open(outline, outline.order.key(above), True)
        return True

    def other_filter(self) -> None:
        """What was closed by hand was closed below the last one."""
        self._folded = set()

    def welcome(self, outline: Outline) -> None:
        """The first time a grouping is seen its first group is open: no one meets a bare list."""
        groups = outline.order.groups
        if groups and outline.order.grouping not in self._welcomed:
            self._welcomed.add(outline.order.grouping)
            self.opened.add(groups[0].key)
