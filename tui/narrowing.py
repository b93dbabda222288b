"""The filter line: free text and words for state, parsed once and asked of a whole forest.

Everything typed must hold (AND). A free word is looked for in title, directory and id, case
aside; sessions that hold all of them literally come first, and only where there are none those
that are similar. `-` in front turns a word round, quotes hold blanks together. Sizes and idle
times are those of the subtree, as the line of the tree tells them. Pure: time is an argument,
bytes are octets.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import compress, repeat
from operator import attrgetter
from typing import NamedTuple

from tui.errors import WrongCall
from tui.forest import Forest
from tui.quantity import parse_age, parse_size
from tui.records import SessionRow

STATES: dict[str, tuple[Callable[[SessionRow], object], bool]] = {
    "archived": (attrgetter("archived"), True),
    "shared": (attrgetter("shared"), True),
    "pinned": (attrgetter("pinned"), True),
    "missing": (attrgetter("missing"), True),
    "running": (attrgetter("running"), True),
    "child": (attrgetter("parent_id"), True),
    "root": (attrgetter("parent_id"), False),
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

SIMILAR = 75
"""Of 100: how similar a title's most similar piece must be to a word that stands nowhere."""

LEAST_LETTERS = 4
"""Shorter words are similar to everything: of them the letters must stand in order."""

MOST_SIMILAR = 200
"""Similar sessions shown, the most similar: more of them is noise."""

MOST_COMPARED = 20_000
"""Titles compared letter by letter, those active last: one costs a microsecond."""

_FEW = 1_000
"""Hits looked at in Python to find the best one."""

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


class Found(NamedTuple):
    """Positions in the forest, ascending; `best` is what the cursor should stand on."""

    places: Sequence[int]
    best: int | None = None
    similar: bool = False
    """True when nothing holds the words literally."""


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
        return lambda forest, places, now: map(
            truth, map(column, map(forest.rows.__getitem__, places))
        )
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
    text = attrgetter(name)

    def column(forest: Forest, places: Sequence[int], now: int) -> Iterable[object]:
        good = set(filter(wanted, set(map(text, forest.rows))))
        return map(good.__contains__, map(text, map(forest.rows.__getitem__, places)))

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
        return map(than, repeat(now - age), map(forest.active.__getitem__, places))

    return idle


def found_in(forest: Forest, narrowing: Narrowing, now: int) -> Found:
    """The sessions that everything typed holds for; `now` in milliseconds UTC."""
    hay = forest.shape.haystacks
    places: Sequence[int] = range(len(forest))
    for word in narrowing.without:
        places = [i for i in places if word not in hay[i]]
    literal: Sequence[int] = places
    words = sorted(narrowing.words, key=len, reverse=True)  # the rarest first
    for word in words:
        texts = hay if len(literal) == len(hay) else map(hay.__getitem__, literal)
        literal = list(compress(literal, map(operator.contains, texts, repeat(word))))
    for condition in narrowing.conditions:
        literal = condition.keeps(forest, literal, now)
    if literal or not words:
        return Found(literal, _best(forest, literal, narrowing.words) if words else None)
    for condition in narrowing.conditions:
        places = condition.keeps(forest, places, now)
    return _similar(forest, places, words)


def _best(forest: Forest, places: Sequence[int], words: Sequence[str]) -> int | None:
    """The hit a person most likely means; of equals the one active last."""
    text, rows = " ".join(words), forest.rows
    titles = list(map(forest.shape.titles.__getitem__, places))
    few = places if len(places) < _FEW else ()
    ranks: tuple[Iterable[bool], ...] = (
        (rows[i].id.casefold() == text for i in few),
        map(operator.eq, titles, repeat(text)),
        map(str.startswith, titles, repeat(text)),
        map(operator.contains, titles, repeat(f" {text}")),
        map(operator.contains, titles, repeat(text)),
        (all(word in title for word in words) for title in titles[: len(few)]),
    )
    for rank in ranks:
        if high := list(compress(places, rank)):
            return max(high, key=forest.active.__getitem__)
    return max(places, key=forest.active.__getitem__, default=None)


def _similar(forest: Forest, places: Sequence[int], words: Sequence[str]) -> Found:
    """Titles most like the words: a letter missing, too many, wrong, or in the wrong place."""
    titles, active = forest.shape.titles, forest.active
    if len(places) > MOST_COMPARED:
        newest = forest.shape.newest_first
        wanted = None if len(places) == len(newest) else set(places)
        places = [i for i in newest[: 2 * MOST_COMPARED] if wanted is None or i in wanted]
        places = places[:MOST_COMPARED]
    scores = [0.0] * len(places)
    for word in words:
        near = _near(word, list(map(titles.__getitem__, places)))
        scores = [scores[at] + score for at, score in near]
        places = [places[at] for at, _ in near]
    ranked = ((score, active[i], i) for i, score in zip(places, scores, strict=True))
    best = [i for _, _, i in nlargest(MOST_SIMILAR, ranked)]
    return Found(sorted(best), best[0] if best else None, similar=True)


def _near(word: str, titles: list[str]) -> list[tuple[int, float]]:
    """(place, score up to 100) of titles with something like the word in it."""
    if len(word) < LEAST_LETTERS:
        # "a[^b]*b[^c]*c" matches in one way or not at all: no word can make it slow.
        loose = re.compile("".join(f"[^{letter}]*{letter}" for letter in map(re.escape, word)))
        spans = enumerate(map(loose.match, titles))
        return [(at, 100.0 * len(word) / span.end()) for at, span in spans if span]
    from rapidfuzz import fuzz, process  # only once nothing holds the words literally

    found = process.extract(
        word, titles, scorer=fuzz.partial_ratio, score_cutoff=SIMILAR, limit=10 * MOST_SIMILAR
    )
    return [(at, score) for title, score, at in found if len(title) >= LEAST_LETTERS - 1]
