"""The sessions as flat arrays: trees in preorder, with constant-time sums over any subtree.

Position `i` is followed by its descendants; `span[i]` counts it and them. A sum over a subtree is
the difference of two running totals, so new sizes cost one pass in C and no walk.
Pure: no database, no clock. Times are milliseconds UTC, sizes are payload octets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import add, itemgetter, sub
from typing import NamedTuple

from tui.records import NOTHING, SessionRow, Usage
from tui.shape import Shape


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
        return self._tree(self.shape.index[self.root_of(session_id)])

    def root_of(self, session_id: str) -> str:
        """Id of the root above a session. Raises KeyError when it is unknown."""
        i = self.shape.index[session_id]
        while (above := self.shape.parent[i]) >= 0:
            i = above
        return self.shape.rows[i].id

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
