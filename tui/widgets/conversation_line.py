"""How the lines of a conversation look: one for a folded entry, several for what it says.

Arithmetic on values, no widget: what somebody wrote is broken to the width, and never markup or
terminal control.
"""

from __future__ import annotations

from collections.abc import Iterator

from tui import format
from tui.format import cells, clean, clip
from tui.records import Body, Entry
from tui.widgets.line_list import Piece, spread

INDENT = 2
"""Cells in front of what somebody said."""

NEVER_SEEN = "above this the model sees nothing: it was summarised"

SAID_AT_ONCE = ("text", "reasoning", "error")
"""Kinds of entries that are open until somebody folds them."""

GLYPHS = {"reasoning": "∴", "tool": "⚙", "file": "▤", "diffs": "±", "error": "✗", "other": "·"}


def is_head(entry: Entry) -> bool:
    """True for lines that have nothing below them."""
    return entry.kind in ("turn", "boundary", "compaction")


def has_gap(entry: Entry) -> bool:
    """True when an empty line stands above it: where somebody begins to speak."""
    return entry.kind == "turn"


def opens_at_once(entry: Entry) -> bool:
    """True when what it says is shown without being asked for."""
    return entry.kind in SAID_AT_ONCE


def has_head(entry: Entry) -> bool:
    """True when a line of its own stands above what an open entry says."""
    return entry.kind not in ("text", "reasoning")


def head(entry: Entry, width: int, now: int, is_open: bool) -> list[Piece]:
    """The line of an entry that is folded, or has its own line."""
    if entry.kind == "turn":
        return _turn(entry, width, now)
    if entry.kind in ("boundary", "compaction"):
        return _rule(NEVER_SEEN if entry.kind == "boundary" else entry.title, width)
    glyph = "▾" if is_open else "▸"
    size = format.size(entry.bytes) if entry.kind != "error" else ""
    left: list[Piece] = [(f"{glyph} ", "muted")]
    words, look = _name(entry)
    left.append((words, look))
    states = _states(entry)
    room = width - INDENT - cells(words) - cells(size) - 4
    room -= sum(cells(text) + 2 for text, _ in states)
    title = " ".join(clean(entry.title).split())
    if title and room > 3:
        left.append((" " + clip(title, room), "" if entry.kind == "tool" else "muted"))
    right = [piece for state in states for piece in (("  ", ""), state)]
    return spread(left, [*right, ("  " + size, "muted")], width)


def _turn(entry: Entry, width: int, now: int) -> list[Piece]:
    who = "You" if entry.role == "user" else clean(entry.role or "somebody")
    left: list[Piece] = [(f"▌ {who}", "mark" if entry.role == "user" else "strong")]
    when = f"{format.day(entry.time)}, {format.age(entry.time, now)} ago"
    if format.age(entry.time, now) == "now":
        when = "just now"
    room = width - cells(left[0][0]) - cells(when) - 4
    if entry.title and room > 3:
        left.append(("  " + clip(clean(entry.title), room), "muted"))
    return spread(left, [(when, "muted")], width)


def _rule(words: str, width: int) -> list[Piece]:
    words = clip(f" {clean(words)} ", max(0, width - 4))
    dashes = max(0, width - cells(words))
    return [("─" * (dashes // 2) + words + "─" * (dashes - dashes // 2), "warning")]


def _name(entry: Entry) -> tuple[str, str]:
    glyph = GLYPHS.get(entry.kind, "")
    if entry.kind == "tool":
        return f"{glyph} {clip(clean(entry.tool), 24)}", "strong"
    if entry.kind == "file":
        return f"{glyph} {clip(clean(entry.tool) or 'file', 24)}", "strong"
    return {
        "reasoning": (f"{glyph} thought", "muted"),
        "diffs": (f"{glyph} diffs", "strong"),
        "error": (f"{glyph} error", "error"),
        "text": ("…", "muted"),
    }.get(entry.kind, (glyph, "muted"))


def _states(entry: Entry) -> list[Piece]:
    """What is special about an entry, in words."""
    found: list[Piece] = []
    if entry.attached:
        found.append((f"▤ {format.count(entry.attached)}", "muted"))
    if entry.reclaimed:
        found.append(("output reclaimed", "warning"))
    elif entry.compacted:
        found.append(("compacted", "muted"))
    if entry.state in ("error", "running", "pending"):
        found.append((clean(entry.state), "error" if entry.state == "error" else "good"))
    return found


def said(body: Body, width: int) -> list[Piece]:
    """What an entry says, broken to the width; one piece a line, without the indent."""
    room = max(8, width - INDENT)
    lines = [(line, look) for text, look in body.pieces for line in wrapped(text, room)
             for look in (look,)]  # fmt: skip
    if body.next is not None:
        lines.append((f"… {format.size(body.left)} more: Enter", "mark"))
    return lines


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most so many cells, broken at blanks where there are any near the end."""
    for line in text.expandtabs(4).splitlines() or [""]:
        rest = clean(line)
        if len(rest) <= width and cells(rest) <= width:
            yield rest
            continue
        yield from _broken(rest, width)


def _broken(rest: str, width: int) -> Iterator[str]:
    while rest:
        end = _fitting(rest, width)
        if end < len(rest) and (blank := rest.rfind(" ", end // 2, end + 1)) > 0:
            yield rest[:blank]
            rest = rest[blank + 1 :]
        else:
            yield rest[:end]
            rest = rest[end:]


def _fitting(text: str, width: int) -> int:
    """Characters of the text that fit into the width, at least one."""
    end = min(len(text), width)
    while end > 1 and cells(text[:end]) > width:
        end -= max(1, (cells(text[:end]) - width) // 2)
    return max(1, end)
