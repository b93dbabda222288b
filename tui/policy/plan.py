"""The values of a job: what shall happen (Plan), how far it is (Step), what came of it (Outcome).

A plan is immutable. The preview, `--dry-run`, `--json` and the deed use the same one, so they
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Ending = Literal["done", "nothing", "planned", "refused", "partial", "failed"]

EXIT_CODE: dict[Ending, int] = {
    "done": 0,
    "nothing": 0,
    "planned": 0,
    "failed": 1,
    "refused": 3,
    "partial": 4,
}
"""Exit codes of the command line (2 is a wrong call)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of what a plan names or a deed did; bytes are payload octets."""

    trees: int = 0
    sessions: int = 0
    messages: int = 0
    parts: int = 0
    events: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a plan would change, and why."""

    id: str
    title: str
    reason: str
    totals: Totals
    sessions: tuple[str, ...] = ()
    """Every session id concerned: the root first, then its descendants."""
    seen_active: int = 0
    """Last activity (ms) of the tree when planned; the deed skips a tree that moved on since."""
    project: str = ""
    history: int = 0
    """Octets of event rows among its bytes: the trash leaves them out unless told otherwise."""

    @property
    def bytes(self) -> int:
        """Payload octets."""
        return self.totals.bytes


def items_as_json(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Planned items as the journal keeps them, so that they can be done once more."""
    return [asdict(item) for item in items]


def items_from_json(kept: Iterable[Mapping[str, Any]]) -> tuple[Item, ...]:
    """The items again; what a journal of an older ocdu does not say takes its default."""
    return tuple(
        Item(**{**item, "totals": Totals(**item["totals"]), "sessions": tuple(item["sessions"])})
        for item in kept
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What one verb would do to which objects. Immutable; counts itself."""

    verb: str
    """The engine that carries it out: "archive", "unarchive", "prune", "reclaim", …"""
    items: tuple[Item, ...]
    excluded: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many trees or sessions were left out: pinned, shared, running, recent, …"""
    options: Any = None
    """The verb's own frozen policy, for engines that need more than the items."""
    message: str = ""
    """One sentence for the user; above all when there is nothing to do, why."""
    predicted_bytes: int = 0
    """Bytes of the database file expected to become free (pages), where that applies."""
    refused: bool = False
    """True when a rule forbids the deed; `message` says which and what to do."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    @property
    def totals(self) -> Totals:
        """Sum over the items."""
        return sum((item.totals for item in self.items), Totals())


@dataclass(frozen=True, slots=True)
class Step:
    """Progress so far: totals, never differences, so a dropped step loses nothing."""

    done: int
    total: int
    bytes: int = 0
    phase: str = ""
    """What is going on now, for the job bar: "to trash", "deleting", "copying back"."""
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What really happened, measured after the deed."""

    ending: Ending
    message: str
    done: Totals = field(default_factory=Totals)
    excluded: Mapping[str, int] = field(default_factory=dict)
    predicted_bytes: int = 0
    freed_bytes: int = 0
    """Measured: pages that became free plus what the files shrank by."""
    batch: str | None = None
    """Trash batch that can bring it back, if any."""
    undo: int | None = None
    """Journal number to undo, if it can be undone."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further measured facts of one verb, e.g. the vacuum's before and after."""
