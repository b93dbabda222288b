"""Where the texts of a huge JSON row lie, without loading it: places, and pieces read from them.

A row of 400 MB cannot be parsed: SQLite would need several times as much memory, and so would
Python. Here its octets pass by in windows of a megabyte; what stays are paths and offsets. Who
wants to show such a text reads pieces, cut where neither an escape nor a character is torn apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import apsw

WINDOW = 1_000_000
"""Octets looked at in one go."""

MOST_TOKENS = 300_000
"""Tokens after which the rest of a row is not looked at: about a second."""

DEEPEST = 200
"""Levels of nesting that are followed."""

KEY = 200
"""Octets of a key that are told; longer ones are cut."""

Path = tuple[str | int, ...]
Reader = Callable[[int, int], bytes]
"""(offset, octets) -> that many octets of a row, or fewer at its end."""

_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,\]}\[{":]+')
_BLANK = re.compile(rb"[\s,]*")
_WHOLE = re.compile(rb"(?:[^\\]|\\u[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL)
_HIGH = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_CUT = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")


class Place(NamedTuple):
    """A string of a row: its path, and the octets between its quotes as they are written."""

    path: Path
    start: int
    octets: int

    @property
    def end(self) -> int:
        """Offset of the closing quote."""
        return self.start + self.octets


class Text(NamedTuple):
    """A piece of a text, readable, and the offset where the next piece begins."""

    text: str
    next: int


class Row:
    """One row's data, read in pieces through SQLite's incremental blob; close it in the end."""

    def __init__(self, connection: apsw.Connection, table: str, rowid: int) -> None:
        """Raises apsw.SQLError when the row is gone or holds no text."""
        self._blob = connection.blob_open("main", table, "data", rowid, False)
        self.octets: int = self._blob.length()

    def read(self, offset: int, octets: int) -> bytes:
        """So many octets from there, fewer at the end."""
        self._blob.seek(min(max(0, offset), self.octets))
        return bytes(self._blob.read(max(0, octets)))

    def close(self) -> None:
        """Let go of it: an open blob is an open read transaction."""
        self._blob.close()


class _Tokens:
    """What is under the hand: a window that moves over the row."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._window, self._base, self._at = read(0, WINDOW), 0, 0

    @property
    def place(self) -> int:
        """Offset in the row."""
        return self._base + self._at

    def _more(self) -> bool:
        """Move the window here; False at the end of the row."""
        base = self.place
        window = self._read(base, WINDOW)
        if len(window) <= len(self._window) - self._at:
            return False
        self._window, self._base, self._at = window, base, 0
        return True

    def _past(self, pattern: re.Pattern[bytes]) -> None:
        """Go to the end of what fits, over as many windows as it takes."""
        while True:
            found = pattern.match(self._window, self._at)
            self._at = found.end() if found else self._at
            left = len(self._window) - self._at
            # A lone backslash at the very end belongs to what comes next.
            if left > 1 or (left and self._window[self._at] != 0x5C) or not self._more():
                return

    def next(self) -> bytes:
        """The next character that is no blank and no comma, taken; b"" at the end."""
        self._past(_BLANK)
        char = self._window[self._at : self._at + 1]
        self._at += len(char)
        return char

    def skip_scalar(self) -> None:
        """To the end of a number or a word."""
        self._past(_SCALAR)

    def skip_string(self) -> tuple[int, int]:
        """To behind the closing quote; where the string began, and its octets."""
        start = self.place
        self._past(_IN_STRING)
        octets = self.place - start
        self._at += 1
        return start, octets

    def peek_colon(self) -> bool:
        """True, and past it, when a colon follows."""
        char = self.next()
        self._at -= len(char) if char != b":" else 0
        return char == b":"


def strings_of(read: Reader) -> Iterator[Place]:
    """Every string value of a row, in order; keys are none. Stops where the JSON is broken."""
    tokens = _Tokens(read)
    path: list[str | int] = []
    """One entry for each open object (its present key) or array (its present index)."""
    objects: list[bool] = []
    for _ in range(MOST_TOKENS):
        char = tokens.next()
        if char in (b"{", b"["):
            if len(path) >= DEEPEST:
                return
            _step(path, objects)
            objects.append(char == b"{")
            path.append("" if char == b"{" else -1)
        elif char in (b"}", b"]"):
            if not path:
                return
            path.pop()
            objects.pop()
        elif char == b'"':
            start, octets = tokens.skip_string()
            if objects and objects[-1] and tokens.peek_colon():
                path[-1] = _key(read(start, min(octets, KEY)))
                continue
            _step(path, objects)
            yield Place(tuple(path), start, octets)
        elif char in (b"", b":"):
            return
        else:
            tokens.skip_scalar()
            _step(path, objects)


def _step(path: list[str | int], objects: list[bool]) -> None:
    """Another value begins: in an array it is the next one."""
    if objects and not objects[-1]:
        path[-1] = int(path[-1]) + 1


def _key(raw: bytes) -> str:
    return readable(raw)


def piece_of(read: Reader, place: Place, at: int, octets: int) -> Text:
    """A piece of a text that begins at offset `at` (0: its beginning), about `octets` long."""
    start = max(at, place.start)
    raw = read(start, min(octets, place.end - start))
    if start + len(raw) < place.end:
        raw = _untorn(raw) or raw
    return Text(readable(raw), start + len(raw))


def _untorn(raw: bytes) -> bytes:
    """Without an escape, a pair of surrogates or a character that was cut at the end."""
    found = _WHOLE.match(raw)
    raw = raw[: found.end()] if found else raw
    return whole_characters(_HIGH.sub(b"", raw))


def whole_characters(raw: bytes) -> bytes:
    """Without the beginning of a character whose end was cut off."""
    cut = _CUT.search(raw)
    if cut and len(cut[0]) < (2 if cut[0][0] < 0xE0 else 3 if cut[0][0] < 0xF0 else 4):
        return raw[: cut.start()]
    return raw


def readable(raw: bytes) -> str:
    """The text that a piece of a JSON string stands for; broken bytes become U+FFFD."""
    text = raw.decode("utf-8", "replace")
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text
