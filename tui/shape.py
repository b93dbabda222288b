"""Who is whose child: sessions in preorder, as flat arrays, and columns that filters ask for.

What stays the same while sizes are being measured. Pure: no database, no clock. Times are
milliseconds UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from operator import attrgetter
from typing import Any, TypeVar

from tui.records import SessionRow

T = TypeVar("T")


class Shape:
    """Every session once, in preorder: position `i` is followed by its `span[i] - 1` descendants.

    A session whose parent is unknown is a root. In a cycle of parents the oldest member
    (creation, then id) is the root. Of two rows with one id the first counts.
    """

    def __init__(self, rows: Iterable[SessionRow]) -> None:
        given = list(rows)
        place = {row.id: i for i, row in enumerate(given)}
        if len(place) < len(given):
            given = list({row.id: row for row in reversed(given)}.values())[::-1]
            place = {row.id: i for i, row in enumerate(given)}
        above = [place.get(row.parent_id, -1) if row.parent_id else -1 for row in given]
        order, parent = _preorder(above)
        if len(order) < len(given):  # whoever was not reached hangs on a cycle
            order, parent = _preorder(_without_cycles(given, above))
        self.rows: list[SessionRow] = [given[i] for i in order]
        self.parent: list[int] = parent
        self.index: dict[str, int] = {row.id: i for i, row in enumerate(self.rows)}
        depth = [0] * len(order)
        for i, up in enumerate(parent):
            if up >= 0:
                depth[i] = depth[up] + 1
        span = [1] * len(order)
        # `SessionRow.active`, written out: a hundred thousand calls are a tenth of a second.
        active = [max(row.updated, row.last_message) if row.last_message else row.updated
                  for row in self.rows]  # fmt: skip
        for i in range(len(order) - 1, -1, -1):
            up = parent[i]
            if up >= 0:
                span[up] += span[i]
                if active[i] > active[up]:
                    active[up] = active[i]
        self.depth, self.span, self.active = depth, span, active
        self.roots: list[int] = [i for i, up in enumerate(parent) if up < 0]
        self._columns: dict[str, list[Any]] = {}

    def column(self, name: str) -> list[Any]:
        """One field of all rows by position, e.g. "project"; kept, as a filter asks at each key."""
        if name not in self._columns:
            self._columns[name] = list(map(attrgetter(name), self.rows))
        return self._columns[name]

    @cached_property
    def newest_first(self) -> list[int]:
        """All positions, those whose subtree was active last first."""
        return sorted(range(len(self.rows)), key=self.active.__getitem__, reverse=True)

    @cached_property
    def haystacks(self) -> list[str]:
        """What a filter searches, by position: title, directory and id, case-folded, on lines."""
        return [f"{row.title}\n{row.directory}\n{row.id}".casefold() for row in self.rows]

    @cached_property
    def titles(self) -> list[str]:
        """Titles by position, case-folded."""
        return [row.title.casefold() for row in self.rows]

    @cached_property
    def newest_titles(self) -> Titles:
        """All titles as one text, to search them at once."""
        return Titles(self.titles, self.newest_first)

    @cached_property
    def archived(self) -> bytes:
        """By position, 1 where the session itself is archived."""
        return bytes(row.archived is not None for row in self.rows)

    @cached_property
    def cost(self) -> list[float]:
        """Running total of the sessions' cost in dollars; see `Forest.subtree_cost`."""
        return [0.0, *accumulate(row.cost for row in self.rows)]

    @cached_property
    def generations(self) -> frozenset[str]:
        """Which storage generations occur: "v1", "v2", "both"."""
        return frozenset(row.generation for row in self.rows)


class Titles:
    """Titles on lines below each other, the one active last on top."""

    def __init__(self, titles: Sequence[str], newest_first: Sequence[int]) -> None:
        self._order = newest_first
        lines = [titles[i].replace("\n", " ") for i in newest_first]
        self._text = "\n".join(("", *lines, ""))
        self._starts = list(accumulate((len(line) + 1 for line in lines), initial=1))

    def first(self, words: str, wanted: Callable[[int], bool]) -> int | None:
        """Position of the first title that is these words; else of the first that begins with
        them, has a word that does, or holds them at all; None where no wanted one does."""
        for piece, back in ((f"\n{words}\n", 1), (f"\n{words}", 1), (f" {words}", 0), (words, 0)):
            at = self._text.find(piece)
            while at >= 0:
                line = bisect_right(self._starts, at + back) - 1
                if wanted(self._order[line]):
                    return self._order[line]
                at = self._text.find(piece, self._starts[line + 1] - 1)
        return None


def at(values: Sequence[T], places: Sequence[int]) -> Iterable[T]:
    """The values at ascending positions; themselves where all are meant."""
    return values if len(places) == len(values) else map(values.__getitem__, places)


def _without_cycles(rows: Sequence[SessionRow], above: Sequence[int]) -> list[int]:
    """The same parents, every cycle cut at its oldest member."""
    cut = list(above)
    seen = [0] * len(rows)
    """0 not yet, else the number of the walk that came by first."""
    for walk, start in enumerate(range(len(rows)), start=1):
        i = start
        while i >= 0 and not seen[i]:
            seen[i] = walk
            i = cut[i]
        if i >= 0 and seen[i] == walk:
            cut[_oldest_in_cycle(rows, cut, i)] = -1
    return cut


def _oldest_in_cycle(rows: Sequence[SessionRow], above: Sequence[int], start: int) -> int:
    members = [start]
    while (i := above[members[-1]]) != start:
        members.append(i)
    return min(members, key=lambda i: (rows[i].created, rows[i].id))


def _preorder(above: Sequence[int]) -> tuple[list[int], list[int]]:
    """Row indices in preorder, and for each place the place of its parent (-1 for roots)."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for i in range(len(above) - 1, -1, -1):  # backwards, because the stack turns them round again
        children[above[i]].append(i)
    order: list[int] = []
    parent: list[int] = []
    place = [-1] * (len(above) + 1)  # the last one answers for "no parent", index -1
    stack = children.pop(-1, [])
    while stack:
        i = stack.pop()
        place[i] = len(order)
        order.append(i)
        parent.append(place[above[i]])
        if i in children:
            stack += children[i]
    return order, parent
