"""What a filter line holds for: asked at every letter of a forest that stays the same meanwhile.

A free word is looked for in title, directory and id, case aside; sessions that hold all of them
literally come first, and only where there are none those whose titles are similar. What each step
left is remembered: a longer word only looks at what the shorter one left, and a letter taken back
looks at nothing. Pure: time is an argument.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from heapq import nlargest
from itertools import compress, repeat
from typing import NamedTuple

from tui.forest import Forest
from tui.narrowing import Condition, Narrowing
from tui.shape import at

SIMILAR = 75
"""Of 100: how similar a title's most similar piece must be to a word that stands nowhere."""

LEAST_LETTERS = 4
"""Shorter words are similar to everything: of them the letters must stand in order."""

MOST_SIMILAR = 200
"""Similar sessions shown, the most similar: more of them is noise."""

MOST_COMPARED = 20_000
"""Titles compared letter by letter, those active last: one costs a microsecond."""

MOST_KEPT = 1_000_000
"""Positions remembered, eight octets each: then it begins anew."""

_FEW = 1_000
"""Hits looked at in Python to find the best one."""


class Found(NamedTuple):
    """Positions in the forest, ascending; `best` is what the cursor should stand on."""

    places: Sequence[int]
    best: int | None = None
    similar: bool = False
    """True when nothing holds the words literally."""


class Step(NamedTuple):
    """One thing typed: what it is remembered by, and those it keeps of some positions."""

    key: str
    keep: Callable[[Sequence[int]], Sequence[int]]


Near = list[tuple[int, float]]
"""(position, score) of titles with something like all the words."""


def found_in(forest: Forest, narrowing: Narrowing, now: int) -> Found:
    """The sessions that everything typed holds for; `now` in milliseconds UTC."""
    return Sieve(forest, now).found(narrowing)


class Sieve:
    """Finds in one forest at one time; `now` in milliseconds UTC."""

    def __init__(self, forest: Forest, now: int) -> None:
        self.forest, self.now = forest, now
        self._left: dict[tuple[str, ...], Sequence[int]] = {}
        """Steps -> what all of them left."""
        self._near: dict[tuple[str, ...], Near] = {}
        self._size = 0

    def get_ready(self) -> None:
        """In a thread, while the first letter is awaited: what would make that letter wait."""
        shape = self.forest.shape
        _ = shape.haystacks, shape.titles, shape.newest_first, shape.newest_titles, shape.archived
        shape.column("parent_id")
        _near("slips", ["of the finger"])  # its library is loaded with the first comparison

    def found(self, narrowing: Narrowing) -> Found:
        """What everything typed holds for."""
        stated = self._stated(narrowing)
        literal = self._after([*stated, *map(self._word, narrowing.words)])
        if not narrowing.words:
            return Found(literal)
        if literal:
            return Found(literal, self._best(literal, narrowing.words))
        return self._similar(stated, sorted(narrowing.words, key=len, reverse=True))

    def _stated(self, narrowing: Narrowing) -> list[Step]:
        """All that is typed but the words that must occur: it changes less often than those."""
        return [
            *map(self._condition, narrowing.conditions),
            *map(self._without, narrowing.without),
        ]

    def _condition(self, asked: Condition) -> Step:
        return Step(f"?{asked.word}", lambda places: asked.keeps(self.forest, places, self.now))

    def _without(self, word: str) -> Step:
        hay = self.forest.shape.haystacks
        return Step(f"-{word}", lambda places: [i for i in places if word not in hay[i]])

    def _word(self, word: str) -> Step:
        hay = self.forest.shape.haystacks

        def holding(places: Sequence[int]) -> Sequence[int]:
            held = map(operator.contains, at(hay, places), repeat(word))
            return list(compress(places, held))

        return Step(f"+{word}", holding)

    def _after(self, steps: Sequence[Step]) -> Sequence[int]:
        """What all the steps leave."""
        keys = tuple(step.key for step in steps)
        places: Sequence[int] = range(len(self.forest))
        for n, step in enumerate(steps, start=1):
            known = self._left.get(keys[:n])
            if known is None:
                known = step.keep(self._shorter(keys[:n], places))
                self._remember(len(known))
                self._left[keys[:n]] = known
            places = known
        return places

    def _shorter(self, keys: tuple[str, ...], places: Sequence[int]) -> Sequence[int]:
        """The same when only the beginning of the last word was typed: the rest holds no more."""
        *before, last = keys
        for end in range(len(last) - 1 if last.startswith("+") else 0, 1, -1):
            if (known := self._left.get((*before, last[:end]))) is not None:
                return known
        return places

    def _remember(self, count: int) -> None:
        self._size += count
        if self._size > MOST_KEPT:
            self._left.clear()
            self._near.clear()
            self._size = count

    def _similar(self, stated: Sequence[Step], words: Sequence[str]) -> Found:
        """Titles most like the words: a letter missing, too many, wrong, or in the wrong place."""
        keys = tuple(step.key for step in stated)
        near: Near | None = None
        for word in words:
            keys = (*keys, f"~{word}")
            known = self._near.get(keys)
            if known is None:
                known = self._nearer(stated, near, word)
                self._remember(len(known))
                self._near[keys] = known
            near = known
        active = self.forest.active
        best = nlargest(MOST_SIMILAR, ((score, active[i], i) for i, score in near or ()))
        places = [i for _, _, i in best]
        return Found(sorted(places), places[0] if places else None, similar=True)

    def _nearer(self, stated: Sequence[Step], near: Near | None, word: str) -> Near:
        """Those with something like this word, too, in their titles; their scores add up."""
        titles = self.forest.shape.titles
        places = self._compared(stated) if near is None else [i for i, _ in near]
        found = _near(word, list(at(titles, places)))
        if near is None:
            return [(places[at], score) for at, score in found]
        return [(places[at], near[at][1] + score) for at, score in found]

    def _compared(self, stated: Sequence[Step]) -> Sequence[int]:
        """Whose titles are compared letter by letter."""
        places = self._after(stated)
        if len(places) <= MOST_COMPARED:
            return places
        newest = self.forest.shape.newest_first
        wanted = None if len(places) == len(newest) else set(places)
        newest = [i for i in newest[: 2 * MOST_COMPARED] if wanted is None or i in wanted]
        return newest[:MOST_COMPARED]

    def _best(self, places: Sequence[int], words: Sequence[str]) -> int | None:
        """The hit a person most likely means; of equals the one active last."""
        shape, text = self.forest.shape, " ".join(words)
        few = places if len(places) < _FEW else ()
        named = next((i for i in few if shape.rows[i].id.casefold() == text), None)
        if named is not None:
            return named
        found = shape.newest_titles.first(text, partial(_is_in, places))
        if found is not None:
            return found
        whole = [i for i in few if all(word in shape.titles[i] for word in words)]
        return max(whole or places, key=self.forest.active.__getitem__, default=None)


def _is_in(places: Sequence[int], place: int) -> bool:
    """Whether ascending positions hold this one."""
    at = bisect_left(places, place)
    return at < len(places) and places[at] == place


def _near(word: str, titles: list[str]) -> Near:
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
