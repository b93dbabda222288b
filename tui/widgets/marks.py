"""Which sessions are marked, and which groups are therefore marked as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from tui.outline import Outline


class Marks:
    """A set of session ids that answers for groups as well, fast enough to be asked per line."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self._full: dict[str, bool] = {}
        """Group key -> all its trees are marked; kept until the marks change."""

    def replace(self, ids: set[str]) -> bool:
        """Mark exactly these; False when nothing changes."""
        if ids == self.ids:
            return False
        self.ids = ids
        self._full.clear()
        return True

    def forget_groups(self) -> None:
        """The trees of the groups may be others now: look again when asked."""
        self._full.clear()

    def turned(self, targets: Iterable[str]) -> set[str]:
        """The marks once these are all marked, or none of them when all were."""
        chosen = set(targets)
        return self.ids - chosen if chosen <= self.ids else self.ids | chosen

    def covers(self, outline: Outline, position: int, key: str) -> bool:
        """True when the line is marked; a group is when all its trees are."""
        if outline.order.items[position] >= 0 or not self.ids:
            return key in self.ids
        if key not in self._full:
            targets = outline.targets(position)
            self._full[key] = bool(targets) and self.ids.issuperset(targets)
        return self._full[key]
