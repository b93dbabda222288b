"""Bytes, ages, counts and foreign text as short text for one line; the only import of humanize.

Bytes are octets in units of 1000; times are milliseconds UTC; a cell is one terminal column.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import overload
from unicodedata import category, east_asian_width

from humanize import intcomma, naturalsize

UNKNOWN = "·"
"""Stands where a number will be: keeps the column and does not shout."""

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONTH = DAY * 365.25 / 12
YEAR = DAY * 365.25

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that datetime knows; worse numbers occur in databases."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

SIZE_CELLS = 8
"""No size is wider, so a column of this width never moves."""
AGE_CELLS = 6


def size(bytes: int | None) -> str:
    """Octets in at most 8 cells: "512 B", "4.1 kB", "402 MB", "1.94 GB"; "·" for None."""
    if bytes is None:
        return UNKNOWN
    sign, amount = ("-", -bytes) if bytes < 0 else ("", bytes)
    if amount < 1000:
        return f"{sign}{amount} B"
    # Rounded to the digits shown before the unit is chosen: 999,999 is 1.0 MB, never 1000 kB.
    # From a gigabyte on a tenth is a lot: three digits there, two below.
    least = 3 if amount >= 10**9 else 2
    rounded = round(amount, max(least, _ahead(amount)) - len(str(amount)))
    decimals = max(0, (3 if rounded >= 10**9 else 2) - _ahead(rounded))
    return sign + naturalsize(rounded, format=f"%.{decimals}f")


def _ahead(amount: int) -> int:
    """Digits before the point once the number is in its unit."""
    return (len(str(amount)) - 1) % 3 + 1


def age(then: int | None, now: int) -> str:
    """How long ago, in at most 6 cells: "now", "5 min", "2 h", "12 d", "14 mo", "3 y"."""
    if not then:
        return UNKNOWN
    past = now - then
    if past < MINUTE:
        return "now"
    if past < HOUR:
        return f"{past // MINUTE} min"
    if past < DAY:
        return f"{past // HOUR} h"
    # Days as long as people count in them: "61 d" says more than "2 mo".
    if past < 100 * DAY:
        return f"{past // DAY} d"
    if past < 2 * YEAR:
        return f"{int(past / MONTH)} mo"
    return f"{min(999, int(past / YEAR))} y"


def duration(seconds: float) -> str:
    """A stretch of time: "0.3 s", "4 s", "1 min 20 s", "2 h 5 min", "3 d 4 h"."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for big, small, unit, rest in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"),
                                   (60, 1, "min", "s")):  # fmt: skip
        if whole >= big:
            more = whole % big // small
            return f"{whole // big} {unit}" + (f" {more} {rest}" if more else "")
    return f"{whole} s"


def count(n: int | None) -> str:
    """A number with thousands separators; "·" for None."""
    return UNKNOWN if n is None else intcomma(n)


def plural(n: int, noun: str, nouns: str = "") -> str:
    """A count with its noun: "1 session", "1,812 sessions"; `nouns` where the rule fails."""
    if n == 1:
        return f"1 {noun}"
    return f"{count(n)} {nouns or _several(noun)}"


def _several(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def percent(fraction: float | None) -> str:
    """A share in at most 5 cells: "0 %", "<1 %", "71 %", "100 %"; "·" for None."""
    if fraction is None:
        return UNKNOWN
    if 0 < fraction < 0.01:
        return "<1 %"
    # Not "100 %" before all of it is there.
    return f"{min(99, round(fraction * 100)) if fraction < 1 else round(fraction * 100)} %"


def money(dollars: float) -> str:
    """Dollars in at most 8 cells: "$0.07", "$14.20", "$1,204"; "·" for nothing."""
    if dollars < 0.005:
        return UNKNOWN
    return f"${dollars:,.2f}" if dollars < 1000 else f"${min(dollars, 999_999):,.0f}"


def share_bar(fraction: float | None, cells: int, ascii: bool = False) -> str:
    """A bar exactly `cells` wide, in eighths of a cell; whatever is above zero shows."""
    part = 0.0 if fraction is None else min(1.0, max(0.0, fraction))
    if ascii:
        full = round(part * cells)
        return ("#" * (full or (part > 0 and cells > 0))).ljust(cells)
    eighths = round(part * cells * 8) or (1 if part > 0 else 0)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else ""))[:cells].ljust(cells)


def day(ms: int | None) -> str:
    """The local calendar day: "3 Oct 2026"; "·" for None or 0."""
    if not ms:
        return UNKNOWN
    local = _moment(ms).astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


@overload
def iso(ms: int) -> str: ...
@overload
def iso(ms: None) -> None: ...
@overload
def iso(ms: int | None) -> str | None: ...
def iso(ms: int | None) -> str | None:
    """ISO 8601 in UTC: "2026-11-22T10:11:38.123Z"; None stays None, for JSON."""
    if ms is None:
        return None
    return _moment(ms).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _moment(ms: int) -> datetime:
    # A day away from both ends, so that the step to local time stays inside as well.
    edge = DAY
    return _EPOCH + timedelta(milliseconds=min(max(ms, -_YEAR_ONE_MS + edge), _LAST_MS - edge))


_YEAR_ONE_MS = 62_135_596_800_000
"""Milliseconds from the year 1 to 1970."""

_BLANKS = "\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U00013440\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Bidirectional marks, zero-width characters, variation selectors, tags: invisible, and able to
turn the line round or to make its width uncertain."""
_HARMFUL = re.compile(f"[{_BLANKS}]|[{_UNSEEN}]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """Database text made harmless for one line.

    Line breaks and tabs become a space, control characters a visible picture (ESC: "␛"), lone
    surrogates and C1 controls "�"; marks that are invisible or change direction go.
    """
    return _HARMFUL.sub(_harmless, text)


def titled(title: str) -> str:
    """A title as one harmless line without blanks around it; a session may have none."""
    return clean(title).strip() or "(no title)"


def _harmless(found: re.Match[str]) -> str:
    char = found[0]
    if char in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029":
        return " "
    if char < " ":
        return chr(0x2400 + ord(char))
    if char == "\x7f":
        return "␡"
    return "�" if "\x80" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" else ""


_SHORT_WIDE = re.compile("[\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d376]")
"""Signs that terminals draw two cells wide since Unicode 16; older tables say one."""
_JOINING = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff\U0001f3fb-\U0001f3ff]")
"""Parts of Hangul syllables and skin tones: drawn into the character before them."""


@lru_cache(maxsize=4096)
def _char_cells(char: str) -> int:
    kind = category(char)
    if kind in ("Mn", "Me", "Mc", "Cc") or _JOINING.match(char):
        return 0
    wide = kind != "Cn" and east_asian_width(char) in "WF"
    return 2 if wide or _SHORT_WIDE.match(char) else 1


def cells(text: str) -> int:
    """Terminal columns that text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_char_cells, text))


def clip(text: str, width: int) -> str:
    """Text cut to at most `width` cells, the cut shown by "…". Give it cleaned text."""
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    room = width - 1
    for at, char in enumerate(text):
        room -= _char_cells(char)
        if room < 0:
            return text[:at] + "…"
    return text


def tail(text: str, width: int) -> str:
    """The end of a path in at most `width` cells, "…/work/shop": it says more than the beginning.
    Give it cleaned text."""
    if width <= 0:
        return ""
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[1:]
    return "…" + text


def fit(text: str, width: int, right: bool = False) -> str:
    """Text clipped and padded to exactly `width` cells, `right`-aligned if wished."""
    shown = clip(text, width)
    blank = " " * (width - cells(shown))
    return blank + shown if right else shown + blank
