"""What is searched for, in the shapes it is asked in: for LIKE, for a text, for raw octets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from threading import Event

from tui.store.json_places import WINDOW, Place, Reader

AROUND = 60
"""Characters before a hit that a snippet shows; behind it there are twice as many."""

LONGEST = 500
"""Characters of a needle; nobody types more, and windows overlap by as much."""


class Needle:
    """A text to look for, case aside: ASCII as SQLite folds it, other letters one for one."""

    def __init__(self, text: str) -> None:
        self.text = text = text[:LONGEST]
        written = _as_json(text)
        self.like = f"%{''.join(map(_wild, written))}%"
        """For `LIKE … ESCAPE char(1)`: a letter that LIKE cannot fold may be any character here."""
        self._pattern = re.compile("".join(map(_either, text)))
        self._raw = re.compile("".join(map(_either, written)).encode("utf-8", "replace"))
        if not written.isascii():
            self._raw = re.compile(b"".join(map(_either_octets, written)))

    def found(self, text: str) -> tuple[int, int] | None:
        """(where, how long) the first time, in characters; None when the text does not hold it."""
        hit = self._pattern.search(text)
        return (hit.start(), hit.end() - hit.start()) if hit else None

    def found_in_place(self, read: Reader, place: Place, stop: Event) -> int | None:
        """Offset of the first time in a text of a huge row, as it is written there."""
        overlap = 6 * len(self.text) + 6
        for at in _windows(place, overlap):
            if stop.is_set():
                return None
            window = read(at, min(WINDOW + overlap, place.end - at))
            for hit in self._raw.finditer(window):
                # Behind an odd number of backslashes begins no character but an escape.
                before = window[: hit.start()]
                if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
                    return at + hit.start()
        return None


def _windows(place: Place, overlap: int) -> Iterator[int]:
    return iter(range(place.start, max(place.start + 1, place.end), WINDOW))


def _as_json(text: str) -> str:
    """As opencode writes it: escapes for quotes, backslashes and controls only."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace").decode()


def _wild(char: str) -> str:
    if char in "%_\x01":
        return f"\x01{char}"
    return char if char.isascii() or not _cased(char) else "_"


def _cased(char: str) -> bool:
    return char.lower() != char or char.upper() != char


def _either(char: str) -> str:
    """A pattern for a character in either case; ASCII letters match no others ("K" as Kelvin)."""
    if char.isascii():
        both = {char.lower(), char.upper()}
        return f"[{''.join(sorted(both))}]" if len(both) > 1 else re.escape(char)
    others = {each for each in (char, char.lower(), char.upper()) if len(each) == 1}
    return f"[{''.join(sorted(map(re.escape, others)))}]"


def _either_octets(char: str) -> bytes:
    if char.isascii():
        return _either(char).encode()
    others = {each for each in (char, char.lower(), char.upper()) if len(each) == 1}
    return b"(?:" + b"|".join(re.escape(each.encode()) for each in sorted(others)) + b")"


def snipped(text: str, at: int, length: int) -> tuple[str, int, int]:
    """(snippet, where the hit is in it, how long): some characters of what stands around it."""
    start = max(0, at - AROUND)
    end = at + length + 2 * AROUND
    before = text[start:at].lstrip() if start else text[start:at]
    lead = "…" if start else ""
    tail = "…" if end < len(text) else ""
    shown = lead + before + text[at : min(end, at + length + 2 * AROUND)] + tail
    return shown, len(lead + before), length
