"""The filter line: free text and words for state, understood; `tui.sieve` finds what they hold for.

Everything typed must hold (AND). `-` in front turns a word round, quotes hold blanks together.
Sizes and idle times are those of the subtree, as the line of the tree tells them. Pure: time is an
argument, bytes are octets.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import NamedTuple

from tui.errors import WrongCall
from tui.forest import Forest
from tui.quantity import parse_age, parse_size
from tui.shape import at

STATES = {
    "archived": ("archived", True),
    "shared": ("shared", True),
    "pinned": ("pinned", True),
    "missing": ("missing", True),
    "running": ("running", True),
    "child": ("parent_id", True),
    "root": ("parent_id", False),
}
"""What may stand behind `is:`: a column of the row, and whether it holds when that is set."""

GENERATIONS = ("v1", "v2", "both")

KEYS = {
    "is": "is: " + " ".join(STATES),
    "size": "size:10MB size:>10MB size:<500kB, of the session with all below it",
    "idle": "idle:30d idle:>2w idle:<12h, since the last activity in it",
    "project": "project: a part of its name",
    "dir": "dir: a part of the directory",
    "gen": "gen: " + " ".join(GENERATIONS),
}
"""Words before a colon, each with what may follow it."""

_WORD = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S*))', re.IGNORECASE)
_AMOUNT = re.compile(r"(>=|<=|>|<)?(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

Column = Callable[[Forest, Sequence[int], int], Iterable[object]]
"""(forest, positions, now) -> for each of them whether it is wanted. In C where it can be: a key
must not be felt among 100,000 sessions."""


class Condition(NamedTuple):
    """One word for state, e.g. `is:archived` or `-idle:30d`."""

    word: str
    holds: Column
    turned: bool

    def keeps(self, forest: Forest, places: Sequence[int], now: int) -> list[int]:
        """Those of the positions for which it holds."""
        held = self.holds(forest, places, now)
        return list(compress(places, map(operator.not_, held) if self.turned else held))


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What was typed, understood."""

    words: tuple[str, ...] = ()
    """Free words, case-folded."""
    without: tuple[str, ...] = ()
    """Free words that must not occur."""
    conditions: tuple[Condition, ...] = ()
    complaint: str = ""
    """What is wrong with a word, as a sentence; that word then restricts nothing."""

    @property
    def restricts(self) -> bool:
        """False when everything stays."""
        return bool(self.words or self.without or self.conditions)

    @property
    def moves(self) -> bool:
        """True when what it finds depends on sizes that may still be counted."""
        return any(each.word.startswith(("size:", "-size:")) for each in self.conditions)


def parse_narrowing(typed: str) -> Narrowing:
    """Understand the filter line. Never raises: what is wrong is said in `complaint`."""
    words: list[str] = []
    without: list[str] = []
    conditions: list[Condition] = []
    complaints: list[str] = []
    for minus, key, value in _split(typed):
        key = key.lower()
        if key == "archived" and not value:
            key, value = "is", "archived"
        if key in KEYS:
            if not value.strip("<>="):
                continue  # still being typed
            try:
                word = f"{minus}{key}:{value}"
                conditions.append(Condition(word, _column(key, value), bool(minus)))
            except WrongCall as wrong:
                complaints.append(str(wrong))
            continue
        if key:
            complaints.append(
                f"“{key}:” is no word of the filter and searched as text; "
                f"there are {', '.join(each + ':' for each in KEYS)}."
            )
            value = f"{key}:{value}"
        if value:
            (without if minus else words).append(value.casefold())
        elif minus:
            words.append(minus)
    return Narrowing(tuple(words), tuple(without), tuple(conditions), next(iter(complaints), ""))


def _split(typed: str) -> Iterator[tuple[str, str, str]]:
    """(minus, key, value) of every word."""
    at = 0
    while at < len(typed):
        if typed[at].isspace():
            at += 1
            continue
        found = _WORD.match(typed, at)
        assert found is not None  # every part of it may be empty
        minus, key, quoted, bare = found.groups()
        if bare is not None and not found[0]:
            break
        yield minus, key or "", quoted if quoted is not None else bare
        at = found.end()


def _column(key: str, value: str) -> Column:
    """Raises WrongCall for a value that cannot be understood."""
    if key == "is":
        state = STATES.get(value.lower())
        if state is None:
            raise WrongCall(f"“is:{value}” is unknown: there is is:{' is:'.join(STATES)}.")
        column, held = state
        truth = operator.truth if held else operator.not_
        return lambda forest, places, now: map(truth, at(forest.shape.column(column), places))
    if key == "gen":
        if value.lower() not in GENERATIONS:
            raise WrongCall(f"“gen:{value}” is unknown: there is gen:{' gen:'.join(GENERATIONS)}.")
        return _of_rows("generation", lambda found: found == value.lower())
    if key in ("size", "idle"):
        return _amount(key, value)
    part = value.casefold()
    if key == "project":
        return _of_rows("project", lambda found: part in found.casefold())
    return _of_rows("directory", lambda found: part in found.casefold())


def _of_rows(name: str, wanted: Callable[[str], bool]) -> Column:
    """Sessions by a text that many of them share: each text is looked at once."""

    def column(forest: Forest, places: Sequence[int], now: int) -> Iterable[object]:
        texts = forest.shape.column(name)
        good = set(filter(wanted, set(texts)))
        return map(good.__contains__, at(texts, places))

    return column


def _amount(key: str, value: str) -> Column:
    """Without a sign they mean what `--larger-than` and `--older-than` mean."""
    found = _AMOUNT.fullmatch(value)
    assert found is not None
    if key == "size":
        octets, than = parse_size(found[2]), _COMPARE[found[1] or ">="]

        def size(forest: Forest, places: Sequence[int], now: int) -> Iterable[object]:
            held = map(than, forest.bytes_of(places), repeat(octets))
            if than in (operator.gt, operator.ge):
                return held
            # What is not measured yet is not small.
            known = map(bool, map(forest.subtree_measured, places))
            return map(operator.and_, held, known)

        return size
    age, than = int(parse_age(found[2]).total_seconds() * 1000), _COMPARE[found[1] or ">"]

    def idle(forest: Forest, places: Sequence[int], now: int) -> Iterable[object]:
        # Longer idle than an age is: the age before now lies after the last activity.
        return map(than, repeat(now - age), at(forest.active, places))

    return idle
