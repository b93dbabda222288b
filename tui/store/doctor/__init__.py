"""Examining a database: what is broken, left over or strange in it, in reads of a moment each.

Every page asks about one thing and gives symptoms; none of them judges. A question that SQLite
cannot answer, because the file is damaged just there, is itself a symptom and ends no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tui.records import Symptom
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained
from tui.store.doctor.counter import counters
from tui.store.doctor.generations import between_generations
from tui.store.doctor.kin import lost_kin
from tui.store.doctor.lost import orphan_events
from tui.store.doctor.orphans import rows_without_owner
from tui.store.doctor.place import around
from tui.store.doctor.strays import parts_elsewhere
from tui.store.usage import measure_all

Question = Callable[[Store], Iterable[Symptom]]

QUESTIONS: dict[str, Question] = {
    "the place of the file": around,
    "rows without their owner": rows_without_owner,
    "the event history": orphan_events,
    "parts": parts_elsewhere,
    "parents and directories": lost_kin,
    "sequence numbers": counters,
    "the way to opencode 2": between_generations,
}
"""What is asked by default, answered from indices and small tables."""


def weighed_kin(store: Store) -> Iterator[Symptom]:
    """The question about parents and directories, with octets: every session is measured."""
    yield from lost_kin(store, measure_all(store).sessions)


DEEPER: dict[str, Question] = {"parents and directories": weighed_kin}
"""What takes the place of a question where time does not matter."""


def asked(name: str, question: Question, store: Store) -> Iterator[Symptom]:
    """The answers to one question; damage in its way becomes a symptom.

    Raises OcduError where the whole file cannot be read now: locked, gone, not permitted.
    """
    try:
        yield from question(store)
    except SQLITE_EXCEPTIONS as error:
        yield unreadable(name, error, store)


PASSING = ("Busy", "Locked", "CantOpen", "Permission", "NoMem", "Interrupt")
"""Errors that say nothing about the file's content."""


def unreadable(name: str, error: Exception, store: Store) -> Symptom:
    """A part of the file that SQLite cannot read. Raises OcduError for what only passes."""
    kind = type(error).__name__ + type(error.__cause__).__name__
    if any(sign in kind for sign in PASSING):
        raise explained(error, store.path) from error
    return Symptom("unreadable", 1, None, (name,), (str(error),))
