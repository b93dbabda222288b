"""A conversation as Markdown, written while it is read: never more than a piece in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Event

from tui import format
from tui.records import Entry, SessionRow
from tui.store.bodies import read_body
from tui.store.database import Store
from tui.store.transcript import outline

NEVER_SEEN = "Above this the model sees nothing: it was summarised."

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def markdown_of(store: Store, row: SessionRow, stop: Event | None = None) -> Iterator[str]:
    """The session `row` from its title to its last answer, as pieces of text."""
    yield f"# {_line(row.title) or '(no title)'}\n\n"
    facts = {
        "session": row.id,
        "project": row.project,
        "directory": row.directory,
        "created": format.iso(row.created),
        "last activity": format.iso(row.active),
    }
    for name, value in facts.items():
        yield f"- {name}: {_line(str(value))}\n"
    for found in outline(store, row.id, stop):
        for entry in found.entries:
            yield from _entry(store, entry)


def _entry(store: Store, entry: Entry) -> Iterator[str]:
    if entry.kind == "turn":
        who = "You" if entry.role == "user" else _line(f"{entry.role or 'somebody'} {entry.title}")
        yield f"\n## {who.strip()} · {format.iso(entry.time)}\n"
    elif entry.kind == "boundary":
        yield f"\n---\n\n*{NEVER_SEEN}*\n"
    elif entry.kind == "compaction":
        yield "\n*The conversation was compacted here.*\n"
    elif entry.kind == "text":
        yield "\n"
        yield from _texts(store, entry)
        yield "\n"
    else:
        yield f"\n{_head(entry)}\n\n"
        yield from _block(store, entry)


def _head(entry: Entry) -> str:
    names = {"reasoning": "*thought*", "file": "**file**", "diffs": "**diffs**",
             "error": "**error**"}  # fmt: skip
    words = [names.get(entry.kind, f"**{_line(entry.tool)}**" if entry.tool else "")]
    if entry.kind in ("tool", "diffs", "other"):
        words.append(_line(entry.title))
    states = [format.size(entry.bytes)]
    states += [entry.state] if entry.state in ("error", "running", "pending") else []
    states += ["compacted"] if entry.compacted else []
    words.append(f"({', '.join(states)})")
    return " ".join(word for word in words if word)


def _block(store: Store, entry: Entry) -> Iterator[str]:
    """A text in a fence or behind `>`, line by line: it may hold fences of its own."""
    at_start = True
    sign = "> " if entry.kind == "reasoning" else "    "
    for text in _texts(store, entry):
        lines = text.split("\n")
        for number, line in enumerate(lines):
            yield (sign if at_start else "") + line
            at_start = number < len(lines) - 1
            if at_start:
                yield "\n"
    yield "\n"


def _texts(store: Store, entry: Entry) -> Iterator[str]:
    """What an entry says, piece by piece."""
    at: int | None = 0
    while at is not None:
        body = read_body(store, entry, at)
        for number, (text, _) in enumerate(body.pieces):
            if number:
                yield "\n"
            yield _UNSEEN.sub("�", text)
        at = body.next


def _line(text: str) -> str:
    return format.clean(text).strip()
