"""What outlines of one order share, whatever is typed: sums, marks, what filters found so far."""

from __future__ import annotations

from functools import cached_property

from tui.forest import Forest, Sums
from tui.ordering import Order
from tui.sieve import Sieve


class Figures:
    """The sums of an order's groups, and what filters found in its forest so far."""

    def __init__(self, forest: Forest, order: Order) -> None:
        self.forest, self.order = forest, order
        self.sieve = Sieve(forest, order.now)

    @cached_property
    def groups(self) -> list[Sums]:
        """What each group adds up to, filtered or not."""
        return [self.forest.sums(group.roots) for group in self.order.groups]

    @cached_property
    def archived(self) -> int:
        """A bit by position, the first one highest: whether the session there is archived."""
        archived = self.forest.shape.archived
        return bits(bytes(archived[item] if item >= 0 else 0 for item in self.order.items))

    @cached_property
    def tops(self) -> int:
        """A bit by position: whether a root stands there."""
        level = self.order.top_depth
        return bits(bytes(map(level.__eq__, self.order.depth)))

    @cached_property
    def total(self) -> int:
        """Payload octets of all trees that stand in the order."""
        if self.order.groups:
            return sum(sums.bytes for sums in self.groups)
        return self.forest.sums(self.order.roots).bytes

    def get_ready(self) -> None:
        """Count all of it, and what a first letter would have to wait for."""
        self.sieve.get_ready()
        _ = self.groups, self.total, self.archived, self.tops


def bits(marks: bytes | bytearray) -> int:
    """Marks of 0 and 1 as one number: numbers meet and are counted at once."""
    return int.from_bytes(marks, "big")
