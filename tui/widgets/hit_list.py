"""Hits of a content search: one line each, the place itself in another colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.format import AGE_CELLS, age, cells, clean, clip, fit, titled
from tui.records import Hit
from tui.widgets.line_list import LineList, Piece, heading_piece

BEFORE = 18
"""Cells of the snippet in front of the place."""


class Talk(NamedTuple):
    """What a line tells about the session of its hit."""

    title: str
    project: str
    archived: bool


class HitList(LineList):
    """Give it hits with `show`; Enter or a double click posts `Chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", show=False),
        Binding("l,right", "choose", id="unfold", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter or a double click on a hit."""

        hit: Hit

    @dataclass
    class Missed(Message):
        """Enter, where there is no hit to choose."""

    @dataclass
    class Moved(Message):
        """The cursor stands on another hit."""

    def __init__(self) -> None:
        super().__init__()
        self.hits: Sequence[Hit] = ()
        self.talks: Mapping[str, Talk] = {}
        """By session id; hits of others are gone meanwhile."""
        self.now = 0

    def show(self, hits: Iterable[Hit], talks: Mapping[str, Talk], now: int) -> None:
        """Show these, the newest first; the cursor stays on its hit once it was moved."""
        before = self.here if self.cursor else None
        self.hits = sorted(hits, key=lambda hit: (hit.time, hit.part_id), reverse=True)
        self.talks, self.now = talks, now
        self.resized()
        at = next((i for i, hit in enumerate(self.hits) if hit == before), None)
        self.cursor = min(self.cursor, max(0, len(self.hits) - 1)) if at is None else at
        self.show_cursor()
        self.cursor_moved()

    @property
    def here(self) -> Hit | None:
        """The hit under the cursor."""
        return self.hits[self.cursor] if self.cursor < len(self.hits) else None

    @property
    def count(self) -> int:
        """Hits."""
        return len(self.hits)

    def _widths(self, width: int) -> tuple[int, int]:
        """Cells of kind and title."""
        if width < 60:
            return 0, min(16, width // 3)
        return (14, 20) if width < 100 else (16, 32)

    def heading(self, width: int) -> Iterable[Piece]:
        """Names of the columns."""
        kind, title = self._widths(width)
        yield heading_piece("said", AGE_CELLS + 1)
        yield "  ", ""
        if kind:
            yield heading_piece("where", kind, right=False)
            yield "  ", ""
        yield heading_piece("session", title, right=False)
        yield "  ", ""
        yield heading_piece("what", max(0, width - AGE_CELLS - kind - title - 7), right=False)

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """One hit."""
        hit = self.hits[line]
        talk = self.talks.get(hit.session_id)
        kind, title = self._widths(width)
        yield fit(age(hit.time, self.now), AGE_CELLS + 1, right=True), "muted"
        yield "  ", ""
        if kind:
            yield fit(told(hit), kind), "error" if hit.kind == "error" else "muted"
            yield "  ", ""
        name = titled(talk.title) if talk else "(gone)"
        badge = "▣ " if talk and talk.archived else ""
        yield fit(badge + name, title), "" if talk else "muted"
        yield "  ", ""
        yield from marked(hit, max(0, width - AGE_CELLS - kind - title - 7))

    def cursor_moved(self) -> None:
        """Tell the screen."""
        self.post_message(self.Moved())

    def action_choose(self) -> None:
        """Tell which one was meant."""
        here = self.here
        self.post_message(self.Missed() if here is None else self.Chosen(here))

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """A double click chooses."""
        if times == 2:
            self.action_choose()


def told(hit: Hit) -> str:
    """Where it was said, in a word or two: "user", "thought", "bash output"."""
    if hit.kind == "reasoning":
        return "thought"
    if hit.kind in ("error", "file"):
        return clean(f"{hit.kind} {hit.where}".strip())
    return clean({"assistant": "answer"}.get(hit.where, hit.where) or hit.kind)


def parts_of(hit: Hit) -> tuple[str, str, str]:
    """What stands before the place, the place, and what stands behind it; on one line."""
    end = hit.at + hit.length
    texts = hit.snippet[: hit.at], hit.snippet[hit.at : end], hit.snippet[end:]
    before, place, after = (clean(text) for text in texts)
    return " ".join(before.split(" ")), place, after


def marked(hit: Hit, width: int) -> Iterable[Piece]:
    """The snippet in so many cells, so that the place itself is seen."""
    before, place, after = parts_of(hit)
    room = min(BEFORE, max(0, width - cells(place)))
    if cells(before) > room:
        while before and cells(before) > room - 1:
            before = before[max(1, len(before) - room) :]
        before = "…" + before if room else ""
    place = clip(place, width - cells(before))
    yield before, "muted"
    yield place, "mark"
    yield clip(after, width - cells(before) - cells(place)), ""
