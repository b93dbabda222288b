"""What the session tree shows: groups and sessions in order, filtered, with closed parts skipped.

Three stages, so that a key does no more than it must. `Order` sorts siblings and groups and is
made once for a load, a sort or a regrouping; `Outline.filtered` marks what a needle finds;
`Outline.lines` skips what is folded. Outlines of one order share `Figures`: what no needle changes.
Pure: no clock, no widgets. Times are milliseconds UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Set
from functools import cached_property
from itertools import compress, repeat

from tui.figures import Figures, bits
from tui.forest import Forest
from tui.line import Line
from tui.narrowing import Narrowing, parse_narrowing
from tui.ordering import Group, Grouping, Order, Sort, View
from tui.sieve import Found

__all__ = ["Group", "Grouping", "Line", "Order", "Outline", "Sort", "View"]


class Outline:
    """An order of lines, as far as a filter keeps them. Positions index the full order."""

    def __init__(
        self, forest: Forest, order: Order, needle: str = "", figures: Figures | None = None
    ) -> None:
        self.forest = forest
        self.order = order
        self.needle = needle
        self._figures = figures or Figures(forest, order)

    @classmethod
    def of(
        cls,
        forest: Forest,
        now: int,
        grouping: Grouping = "project",
        sort: Sort = "size",
        reverse: bool = False,
        view: View = "all",
        needle: str = "",
    ) -> Outline:
        """The outline of a forest at the time `now`; `reverse` turns the sort's usual direction."""
        return cls(forest, Order(forest, now, grouping, sort, reverse, view), needle)

    def filtered(self, needle: str) -> Outline:
        """The same order, keeping what matches `needle` and its ancestors; "" keeps all."""
        return Outline(self.forest, self.order, needle, self._figures)

    def get_ready(self) -> Outline:
        """Count, in a thread, what the first filter would count; returns itself."""
        self._figures.get_ready()
        return self

    def with_forest(self, forest: Forest) -> Outline:
        """The same lines with the numbers of `forest.with_usage(…)`, without sorting anew."""
        fresh = Outline(forest, self.order, self.needle)
        for known in ("found", "_matched", "_keep", "_kept"):
            if known in self.__dict__ and not self.narrowing.moves:
                fresh.__dict__[known] = self.__dict__[known]
        return fresh

    @cached_property
    def narrowing(self) -> Narrowing:
        """The needle, understood."""
        return parse_narrowing(self.needle)

    @property
    def is_filtered(self) -> bool:
        """True while a needle restricts what is shown."""
        return self.narrowing.restricts

    @cached_property
    def found(self) -> Found:
        """Forest positions that the needle holds for, whether the view shows them or not."""
        return self._figures.sieve.found(self.narrowing)

    @property
    def best(self) -> str | None:
        """Id of the session a needle of words most likely means; None where it says nothing."""
        best = self.found.best if self.is_filtered else None
        return None if best is None else self.forest.rows[best].id

    @cached_property
    def archived(self) -> int:
        """Sessions shown for their own sake that are archived."""
        return (bits(self._matched) & self._figures.archived).bit_count()

    @cached_property
    def _matched(self) -> bytearray:
        """Which positions are wanted for their own sake; the rest are context or hidden."""
        order = self.order
        if not self.is_filtered:
            wanted = bytearray(b"\x01") * len(order.items)
            for header in order.headers.values():
                wanted[header] = 0
        else:
            wanted = bytearray(len(order.items) + 1)  # the last one takes those the view hides
            positions = map(order.places.__getitem__, self.found.places)
            deque(map(wanted.__setitem__, positions, repeat(1)), maxlen=0)  # a loop in C
            del wanted[-1]
        for position in order.context:
            wanted[position] = 0
        return wanted

    @cached_property
    def _keep(self) -> bytearray:
        """Which positions are wanted, or above something wanted."""
        keep = bytearray(self._matched)
        parent = self.order.parent
        aboves = set(map(parent.__getitem__, compress(range(len(keep)), keep)))
        for above in aboves:
            while above >= 0 and not keep[above]:
                keep[above] = 1
                above = parent[above]
        return keep

    @cached_property
    def _kept(self) -> list[int]:
        """Positions of matches and of everything above them, in order."""
        return list(compress(range(len(self._keep)), self._keep))

    @cached_property
    def sessions(self) -> int:
        """Sessions shown for their own sake, folded ones included."""
        return self._matched.count(1)

    @cached_property
    def trees(self) -> int:
        """Trees of which at least one session is shown."""
        tops = self._figures.tops
        return (tops & bits(self._keep) if self.is_filtered else tops).bit_count()

    def lines(self, opened: Set[str], folded: Set[str] = frozenset()) -> list[int]:
        """Positions on show, top to bottom. Below a filter everything is open but `folded`."""
        if self.is_filtered:
            return self._filtered_lines(folded)
        span = self.order.span
        at = {self.position(key) for key in opened}
        shown: list[int] = []
        position, end = 0, len(span)
        while position < end:
            shown.append(position)
            position += 1 if position in at else span[position]
        return shown

    def _filtered_lines(self, folded: Set[str]) -> list[int]:
        """The kept ones but those below what is folded; between two folds nothing is looked at."""
        kept = self._kept
        shown: list[int] = []
        resume = 0
        for position in sorted(at for key in folded if (at := self.position(key)) is not None):
            here = bisect_left(kept, position)
            if here < resume:
                continue  # itself below something folded
            end = position + self.order.span[position]
            shown += kept[resume : bisect_left(kept, position + 1)]
            resume = bisect_left(kept, end)
        return [*shown, *kept[resume:]] if resume else kept

    def shows_the_same(self, other: Outline) -> bool:
        """Whether every line would say what it says in the other one."""
        return (
            self.forest is other.forest
            and self.order is other.order
            and self.is_filtered == other.is_filtered
            and self._matched == other._matched
        )

    def position(self, key: str) -> int | None:
        """Where a session or group stands, whether shown or folded; None when it does not."""
        if key in self.forest:
            place = self.order.places[self.forest.index(key)]
            return place if place >= 0 else None
        return self.order.headers.get(key)

    def stand_ins(self, key: str | None) -> tuple[str, ...]:
        """A group, then its trees, then the other groups, the nearest first; () for a session."""
        groups = self.order.groups
        here = next((at for at, group in enumerate(groups) if group.key == key), None)
        if here is None:
            return ()
        trees = (self.forest.rows[root].id for root in groups[here].roots)
        others = sorted(range(len(groups)), key=lambda at: (abs(at - here), -at))
        return (groups[here].key, *trees, *(groups[at].key for at in others))

    def ancestors(self, position: int) -> Iterator[int]:
        """Positions above one, the nearest first."""
        while (position := self.order.parent[position]) >= 0:
            yield position

    def is_context(self, position: int) -> bool:
        """True for a session that is only shown to lead to something below it."""
        return self.order.items[position] >= 0 and not self._matched[position]

    def folds(self, position: int) -> bool:
        """True when lines stand below this one."""
        if not self.is_filtered:
            return self.order.span[position] > 1
        after = bisect_left(self._kept, position + 1)
        return (
            after < len(self._kept)
            and self._kept[after] < position + self.order.span[position]
        )  # fmt: skip

    def targets(self, position: int) -> list[str]:
        """Session ids meant by marking a line: the session, or all trees asked for in a group."""
        item = self.order.items[position]
        if item >= 0:
            return [self.forest.rows[item].id]
        end = position + self.order.span[position]
        ids: list[str] = []
        at = position + 1
        while at < end:
            if self._matched[at]:
                ids.append(self.order.key(at))
                at += self.order.span[at]
            else:
                at += 1
        return ids

    def line(self, position: int) -> Line:
        """All that is to be said about a position."""
        item = self.order.items[position]
        if item < 0:
            return self._group_line(position, ~item)
        forest = self.forest
        row = forest.rows[item]
        sessions, measured = forest.span[item], forest.subtree_measured(item)
        size = forest.subtree_bytes(item) if measured else None
        return Line(
            key=row.id,
            row=row,
            group=None,
            depth=self.order.depth[position],
            bytes=size,
            complete=measured == sessions,
            share=self._share(size, position),
            active=forest.active[item],
            created=row.created,
            messages=forest.subtree_messages(item) if measured else None,
            cost=forest.subtree_cost(item),
            trees=0,
            sessions=sessions,
            folds=self.folds(position),
            context=self.is_context(position),
        )

    def _group_line(self, position: int, index: int) -> Line:
        group, sums = self.order.groups[index], self._figures.groups[index]
        size = sums.bytes if sums.measured else None
        return Line(
            key=group.key,
            row=None,
            group=group,
            depth=0,
            bytes=size,
            complete=sums.measured == sums.sessions,
            share=self._share(size, position),
            active=group.active,
            created=group.created,
            messages=sums.messages if sums.measured else None,
            cost=sums.cost,
            trees=len(group.roots),
            sessions=sums.sessions,
            folds=self.folds(position),
            context=False,
        )

    def _share(self, size: int | None, position: int) -> float | None:
        if size is None:
            return None
        above = self.order.parent[position]
        if above < 0:
            whole = self._figures.total
        elif (item := self.order.items[above]) >= 0:
            whole = self.forest.subtree_bytes(item)
        else:
            whole = self._figures.groups[~item].bytes
        return size / whole if whole else 0.0
