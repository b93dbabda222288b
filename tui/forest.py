"""The sessions as flat arrays: trees in preorder, with constant-time sums over any subtree.

Position `i` is followed by its descendants; `span[i]` counts it and them. A sum over a subtree is
the difference of two running totals, so new sizes cost one pass in C and no walk.
Pure: no database, no clock. Times are milliseconds UTC, sizes are payload octets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from operator import add, itemgetter, sub
from typing import NamedTuple

from tui.records import NOTHING, SessionRow, Usage


@dataclass(frozen=True, slots=True)
class Tree:
    """A session with all its descendants, across projects: the unit of archive and prune."""

    root: SessionRow
    rows: tuple[SessionRow, ...]
    """The root first, every parent before its children."""
    usage: Usage
    """Sum over the measured sessions."""
    active: int
    """Newest activity of any of its sessions, ms UTC."""
    measured: bool
    """False while the usage of any of its sessions is unknown: `usage` is then a lower bound."""

    @property
    def bytes(self) -> int:
        """Payload octets of all measured sessions together."""
        return self.usage.bytes

    @property
    def ids(self) -> tuple[str, ...]:
        """Session ids in the order of `rows`."""
        return tuple(row.id for row in self.rows)


class Sums(NamedTuple):
    """What several subtrees add up to."""

    bytes: int
    """Payload octets of what is measured; so are the messages."""
    messages: int
    measured: int
    """How many of the sessions have a known usage."""
    sessions: int
    cost: float
    """Dollars."""


class Shape:
    """Who is whose child: what stays the same while sizes are being measured.

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
    def cost(self) -> list[float]:
        """Running total of the sessions' cost in dollars; see `Forest.subtree_cost`."""
        return [0.0, *accumulate(row.cost for row in self.rows)]

    @cached_property
    def generations(self) -> frozenset[str]:
        """Which storage generations occur: "v1", "v2", "both"."""
        return frozenset(row.generation for row in self.rows)


class Forest:
    """Every session once, in preorder. `with_usage` gives the same forest with other sizes."""

    __slots__ = ("_bytes", "_known", "_messages", "_usages", "shape")

    def __init__(self, shape: Shape, usage: Mapping[str, Usage] | None = None) -> None:
        self.shape = shape
        # A copy: whoever measures goes on filling the mapping while we are being looked at.
        # Columns instead of rows from here on, so that every pass over 100,000 runs in C.
        self._usages: list[Usage | None] = list(map((usage or {}).get, shape.index))
        zeros = [use or NOTHING for use in self._usages]
        payloads = (map(itemgetter(column), zeros) for column in _PAYLOADS)
        self._bytes = _running(map(sum, zip(*payloads, strict=True)))
        self._messages = _running(map(itemgetter(0), zeros))
        self._known = _running(map(bool, self._usages))

    @classmethod
    def of(cls, rows: Iterable[SessionRow], usage: Mapping[str, Usage] | None = None) -> Forest:
        """The forest of these sessions; `usage` by session id, as far as it is known."""
        return cls(Shape(rows), usage)

    def with_usage(self, usage: Mapping[str, Usage]) -> Forest:
        """The same sessions with these usages instead; shares everything else."""
        return Forest(self.shape, usage)

    @property
    def rows(self) -> Sequence[SessionRow]:
        """Sessions in preorder: every parent immediately before its descendants."""
        return self.shape.rows

    @property
    def depth(self) -> Sequence[int]:
        """How many ancestors each position has."""
        return self.shape.depth

    @property
    def parent(self) -> Sequence[int]:
        """Position of each parent, -1 for roots."""
        return self.shape.parent

    @property
    def span(self) -> Sequence[int]:
        """Sessions in each subtree, the top included."""
        return self.shape.span

    @property
    def active(self) -> Sequence[int]:
        """Newest activity in each subtree, ms UTC."""
        return self.shape.active

    def __len__(self) -> int:
        return len(self.shape.rows)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self.shape.index

    def index(self, session_id: str) -> int:
        """Position of a session. Raises KeyError when it is unknown."""
        return self.shape.index[session_id]

    def row(self, session_id: str) -> SessionRow:
        """One session. Raises KeyError when it is unknown."""
        return self.shape.rows[self.shape.index[session_id]]

    def is_dangling(self, session_id: str) -> bool:
        """True when the session names a parent that does not exist."""
        above = self.row(session_id).parent_id
        return bool(above) and above not in self.shape.index

    def matching_ids(self, prefix: str) -> list[str]:
        """Ids that begin with `prefix`, sorted; an exact id matches alone, "" matches none."""
        if prefix in self.shape.index:
            return [prefix]
        return sorted(id for id in self.shape.index if prefix and id.startswith(prefix))

    def usage_of(self, session_id: str) -> Usage | None:
        """What this session alone uses, or None when it is not measured (or not known)."""
        i = self.shape.index.get(session_id)
        return None if i is None else self._usages[i]

    def subtree_bytes(self, index: int) -> int:
        """Payload octets of the measured sessions in the subtree at this position."""
        return self._bytes[index + self.shape.span[index]] - self._bytes[index]

    def subtree_messages(self, index: int) -> int:
        """Messages of the measured sessions in the subtree at this position."""
        return self._messages[index + self.shape.span[index]] - self._messages[index]

    def subtree_cost(self, index: int) -> float:
        """Dollars, as opencode counted them, of the subtree at this position."""
        return self.shape.cost[index + self.shape.span[index]] - self.shape.cost[index]

    def subtree_measured(self, index: int) -> int:
        """How many sessions of the subtree at this position have a known usage."""
        return self._known[index + self.shape.span[index]] - self._known[index]

    def bytes_of(self, places: Sequence[int]) -> Iterator[int]:
        """`subtree_bytes` of many positions, in C: a filter asks for all of them at a key."""
        column = self._bytes.__getitem__
        ends = map(add, places, map(self.shape.span.__getitem__, places))
        return map(sub, map(column, ends), map(column, places))

    def sums(self, tops: Sequence[int]) -> Sums:
        """Totals of the subtrees at these positions, none of which may lie in another."""
        span = self.shape.span
        ends = [top + span[top] for top in tops]
        size, messages, known = (
            sum(map(column.__getitem__, ends)) - sum(map(column.__getitem__, tops))
            for column in (self._bytes, self._messages, self._known)
        )
        cost = self.shape.cost.__getitem__
        dollars = sum(map(cost, ends)) - sum(map(cost, tops))
        return Sums(size, messages, known, sum(ends) - sum(tops), dollars)

    @property
    def bytes(self) -> int:
        """Payload octets of everything measured."""
        return self._bytes[-1]

    @property
    def measured(self) -> int:
        """How many sessions have a known usage."""
        return self._known[-1]

    def trees(self) -> Iterator[Tree]:
        """Whole trees, the one with the newest activity first."""
        roots = sorted(self.shape.roots, key=self.shape.active.__getitem__, reverse=True)
        return map(self._tree, roots)

    def tree_of(self, session_id: str) -> Tree:
        """The whole tree a session belongs to. Raises KeyError when it is unknown."""
        i = self.shape.index[session_id]
        while (above := self.shape.parent[i]) >= 0:
            i = above
        return self._tree(i)

    def branch_of(self, session_id: str) -> Tree:
        """A session with its descendants only. Raises KeyError when it is unknown."""
        return self._tree(self.shape.index[session_id])

    def _tree(self, i: int) -> Tree:
        end = i + self.shape.span[i]
        rows = tuple(self.shape.rows[i:end])
        known = [use for use in self._usages[i:end] if use is not None]
        usage = known[0] if len(known) == 1 else Usage(*map(sum, zip(*known, strict=True)))
        return Tree(rows[0], rows, usage, self.shape.active[i], measured=len(known) == len(rows))


_PAYLOADS = tuple(map(Usage._fields.index, ("message_bytes", "part_bytes", "event_bytes")))


def _running(values: Iterable[int]) -> list[int]:
    """Totals before each value, and the grand total last."""
    return list(accumulate(chain((0,), values)))


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
