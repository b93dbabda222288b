"""The conversation widget, handed records: folding, asking, reading on, and long things."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from tests.factories import DAY, NOW
from tui.format import cells
from tui.records import Body, Entry
from tui.widgets import kept_bodies
from tui.widgets.conversation import Conversation
from tui.widgets.conversation_line import head, said, wrapped
from tui.widgets.line_list import LineList


def entry(kind: str, key: str, title: str = "", **more: Any) -> Entry:
    """An entry of which only the point of the test is given."""
    table = "" if kind in ("turn", "boundary") else "part"
    made = Entry(key, table, 1, f"m{key}", NOW - DAY, "user", kind, title, 1234)
    return made._replace(**more)


TALK = [
    entry("turn", "t1"),
    entry("text", "x1", "How long"),
    entry("turn", "t2", "build parrot", role="assistant"),
    entry("tool", "b1", "ls -l", tool="bash", compacted=True, role="assistant"),
    entry("reasoning", "r1", "hm", role="assistant"),
    entry("boundary", "boundary"),
    entry("turn", "t3"),
    entry("text", "x2", "And now"),
]


class Stage(App[None]):
    """The widget alone; what it asks for is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[str] = []
        self.more: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        yield Conversation()

    @on(Conversation.Wanted)
    def _wanted(self, event: Conversation.Wanted) -> None:
        self.wanted += [each.key for each in event.entries]

    @on(Conversation.More)
    def _more(self, event: Conversation.More) -> None:
        self.more.append((event.entry.key, event.at))


@asynccontextmanager
async def stage(
    entries: list[Entry] = TALK, size: tuple[int, int] = (60, 20)
) -> AsyncIterator[tuple[Stage, Conversation, Pilot[None]]]:
    app = Stage()
    async with app.run_test(size=size) as pilot:
        talk = app.query_one(Conversation)
        talk.begin(NOW)
        talk.grow(entries)
        talk.focus()
        await pilot.pause()
        yield app, talk, pilot


def lines(talk: Conversation) -> list[str]:
    """What stands on the screen."""
    return [talk.render_line(y).text.rstrip() for y in range(talk.size.height)]


def body(text: str, look: str = "") -> Body:
    return Body(((text, look),))


async def test_only_open_entries_in_sight_are_asked_for() -> None:
    many = [entry("text", f"x{n}") for n in range(5_000)]
    async with stage([*TALK, *many]) as (app, _, _):
        assert {"x1", "r1", "x2"} <= set(app.wanted)
        assert "b1" not in app.wanted, "a folded tool is not read"
        assert len(set(app.wanted)) < 120


async def test_texts_are_shown_in_full_and_tools_by_name_size_and_state() -> None:
    async with stage() as (_, talk, _):
        talk.fill([("x1", body("How long does\nit take?")), ("r1", body("hm, hm", "muted"))])
        shown = lines(talk)
        assert "  How long does" in shown and "  it take?" in shown
        tool = next(line for line in shown if "bash" in line)
        assert "ls -l" in tool and "compacted" in tool and tool.endswith("1.2 kB")
        assert any("above this the model sees nothing" in line for line in shown)
        assert any("▌ You" in line and "1 d ago" in line for line in shown)


async def test_the_cursor_stays_on_its_line_when_texts_above_it_arrive() -> None:
    below = [entry("tool", f"k{n}") for n in range(60)]
    async with stage([*TALK, *below]) as (_, talk, pilot):
        talk.select("x2")
        await pilot.pause()
        where = talk.cursor - talk.scroll_offset.y
        talk.fill([("x1", body("\n".join(f"line {n}" for n in range(200))))])
        await pilot.pause()
        assert talk.here is not None and talk.here.key == "x2"
        assert talk.cursor - talk.scroll_offset.y == where


async def test_space_unfolds_what_is_then_asked_for_and_folds_it_again() -> None:
    async with stage() as (app, talk, pilot):
        talk.select("x1")
        talk.cursor = talk.count  # clamped
        await pilot.press("g", "down", "down", "down", "down", "down")
        assert talk.here is not None and talk.here.key == "b1"
        before = talk.count
        await pilot.press("space")
        assert "b1" in app.wanted
        talk.fill([("b1", Body((("command: ls", "bar"), ("a\nb", ""))))])
        assert talk.count == before + 3
        assert "  b" in lines(talk)
        await pilot.press("space")
        assert talk.count == before


async def test_the_last_line_of_a_long_text_reads_on() -> None:
    async with stage() as (app, talk, pilot):
        talk.fill([("x2", Body((("piece one", ""),), 16, 90_000))])
        await pilot.press("G")
        assert "90 kB more" in lines(talk)[talk.cursor - talk.scroll_offset.y + 1]
        await pilot.press("enter")
        assert app.more == [("x2", 16)]
        talk.fill([("x2", body("piece two"))])
        shown = "\n".join(lines(talk))
        assert "piece one" in shown and "piece two" in shown and "more" not in shown


async def test_brackets_go_from_question_to_question() -> None:
    async with stage() as (_, talk, pilot):
        await pilot.press("right_square_bracket")
        assert talk.here is not None and talk.here.key == "t3"
        await pilot.press("left_square_bracket")
        assert talk.here.key == "t1"
        await pilot.press("left_square_bracket")
        assert talk.here.key == "t1"


async def test_the_heading_tells_the_question_one_is_in() -> None:
    async with stage() as (_, talk, pilot):
        talk.select("r1")
        await pilot.pause()
        assert lines(talk)[0] == " ▌ How long"
        talk.select("x2")
        assert lines(talk)[0] == " ▌ And now"


async def test_texts_read_long_ago_are_forgotten_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_bodies, "KEPT", 1_000)
    async with stage() as (app, talk, pilot):
        talk.fill([("x1", body("a" * 800))])
        talk.fill([("x2", body("b" * 800))])
        assert "x1" not in talk.bodies and "x2" in talk.bodies
        app.wanted.clear()
        talk.ask()
        await pilot.pause()
        assert "x1" in app.wanted


async def test_another_width_breaks_the_texts_anew() -> None:
    async with stage() as (_, talk, pilot):
        talk.fill([("x1", body("word " * 40))])
        wide = talk.count
        await pilot.resize_terminal(30, 20)
        await pilot.pause()
        assert talk.count > wide
        assert all(cells(line) <= 30 for line in lines(talk))


async def test_a_long_conversation_draws_a_screenful_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = 0
    real = LineList.render_line

    def counted(self: LineList, y: int) -> Strip:
        nonlocal drawn
        drawn += 1
        return real(self, y)

    monkeypatch.setattr(LineList, "render_line", counted)
    many = [entry("tool" if n % 2 else "text", f"k{n}", "title") for n in range(100_000)]
    async with stage(many) as (_, _talk, pilot):
        for key in ("G", "pageup", "space", "g", "J", "right_square_bracket"):
            drawn = 0
            await pilot.press(key)
            assert drawn <= 4 * 20, key


async def test_an_empty_conversation_does_nothing() -> None:
    async with stage([]) as (app, talk, pilot):
        keys = ("space", "enter", "l", "h", "J", "K", "right_square_bracket", "G")
        await pilot.press(*keys)
        assert talk.here is None and app.more == []


hostile = st.text(alphabet="a \t\n\x1b\u202e漢é\u0301👍[red]\x00\r", max_size=60)


@given(hostile, st.integers(8, 40))
def test_every_line_fits_and_is_harmless(text: str, width: int) -> None:
    for line in wrapped(text, width):
        assert cells(line) <= width
        assert not {"\x1b", "\u202e", "\n", "\r"} & set(line)
    for words, _ in said(Body(((text, ""),), 5, 7), width):
        assert cells(words) <= max(width, 24)


@given(
    st.sampled_from(["turn", "text", "reasoning", "tool", "file", "diffs", "error", "boundary",
                     "compaction", "other"]),
    hostile, hostile, st.integers(12, 120), st.booleans(),
)  # fmt: skip
def test_every_head_fits_its_width(
    kind: str, title: str, tool: str, width: int, is_open: bool
) -> None:
    made = entry(kind, "k", title, tool=tool, role=tool, state="error", compacted=True, attached=3)
    pieces = head(made, width, NOW, is_open)
    text = "".join(piece for piece, _ in pieces)
    assert not {"\x1b", "\u202e", "\n"} & set(text)
    if width >= 70:
        assert cells(text) <= width
