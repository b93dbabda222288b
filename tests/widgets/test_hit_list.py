"""Hits as lines: the place itself is seen at every width, and nothing in it is harmful."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from tests.factories import HOUR, NOW
from tui.format import cells
from tui.records import Hit
from tui.widgets.hit_list import HitList, Talk, marked, told


def hit(snippet: str = "the needle here", at: int = 4, **more: str | int) -> Hit:
    made = Hit("ses_a", "msg_1", "prt_1", NOW - HOUR, "text", "user", snippet, at, 6)
    return made._replace(**more)  # type: ignore[arg-type]


class Stage(App[None]):
    """The list alone."""

    def compose(self) -> ComposeResult:
        yield HitList()


TALKS = {"ses_a": Talk("Roses", "garden", True)}


async def test_a_line_tells_age_place_session_and_snippet() -> None:
    app = Stage()
    async with app.run_test(size=(100, 10)):
        hits = app.query_one(HitList)
        hits.show([hit(), hit(session_id="gone", kind="reasoning", time=NOW)], TALKS, NOW)
        gone, line = (hits.render_line(y).text for y in (1, 2))
        assert line.split()[:5] == ["1", "h", "user", "▣", "Roses"] and "needle here" in line
        assert "thought" in gone and "(gone)" in gone


async def test_newer_hits_come_first_and_a_moved_cursor_stays_on_its_hit() -> None:
    app = Stage()
    async with app.run_test(size=(80, 10)):
        hits = app.query_one(HitList)
        old, older = hit(part_id="b"), hit(part_id="a", time=NOW - 5 * HOUR)
        hits.show([older, old], TALKS, NOW)
        assert hits.here == old, "who has not moved yet looks at the newest"
        hits.cursor = 1
        hits.show([older, old, hit(part_id="c", time=NOW)], TALKS, NOW)
        assert hits.here == older and hits.cursor == 2


def test_where_it_was_said_is_told_in_words() -> None:
    assert told(hit()) == "user"
    assert told(hit(where="assistant")) == "answer"
    assert told(hit(kind="tool", where="bash output")) == "bash output"
    assert told(hit(kind="error", where="bash")) == "error bash"
    assert told(hit(where="")) == "text"


@given(
    st.text(alphabet="a \n\x1b\u202e漢é\u0301", max_size=60),
    st.integers(0, 60), st.integers(0, 20), st.integers(0, 80),
)  # fmt: skip
def test_the_place_is_in_the_line_whatever_the_width(
    snippet: str, at: int, length: int, width: int
) -> None:
    pieces = list(
        marked(
            hit(
                snippet,
                min(at, len(snippet)),
            ),
            width,
        )
    )
    assert sum(cells(text) for text, _ in pieces) <= width
    assert not {"\x1b", "\u202e", "\n"} & {char for text, _ in pieces for char in text}
