"""The table of a plan: columns, scrolling, nothing wider than the widget."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.strip import Strip

from tests.widgets.test_session_tree import screen_lines
from tui.policy.plan import Item, Plan, Totals
from tui.widgets.plan_table import PlanTable

SIZES = [(120, 40), (80, 24), (50, 20)]


class CountingTable(PlanTable):
    """Counts the lines it draws."""

    drawn = 0

    def pieces(self, line: int, width: int) -> Any:
        self.drawn += 1
        return super().pieces(line, width)


class TableApp(App[None]):
    """A plan table and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Item | None] = []

    def compose(self) -> ComposeResult:
        yield CountingTable()

    def on_plan_table_highlighted(self, event: PlanTable.Highlighted) -> None:
        self.heard.append(event.item)


def an_item(number: int, **more: Any) -> Item:
    """One tree of a plan."""
    given: dict[str, Any] = {
        "id": f"ses_{number}",
        "title": f"Session {number}",
        "reason": "idle for 44 days",
        "totals": Totals(trees=1, sessions=7, bytes=311_000_000),
        "project": "shop",
    }
    return Item(**{**given, **more})


def a_plan(items: int) -> Plan:
    """A plan of so many trees."""
    return Plan("prune", tuple(an_item(number) for number in range(items)))


async def test_a_row_says_how_much_why_what_and_where() -> None:
    app = TableApp()
    async with app.run_test(size=(120, 40)) as pilot:
        app.query_one(PlanTable).show(a_plan(3))
        await pilot.pause()
        heading, first = screen_lines(app)[:2]
        assert heading.split() == ["bytes", "why", "tree", "project", "sessions"]
        assert " ".join(first.split()) == "311 MB idle for 44 days Session 0 shop 7"
        assert heading.index("project") == first.index("shop")


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_and_wide_titles_stay_in_their_line(size: tuple[int, int]) -> None:
    app = TableApp()
    wide = an_item(0, title="漢字" * 60, reason="\x1b[31mred\n", project="\u202e[b]" * 9)
    async with app.run_test(size=size) as pilot:
        table = app.query_one(PlanTable)
        table.show(Plan("prune", (wide, an_item(1, title=""))))
        await pilot.pause()
        strips: list[Strip] = [table.render_line(y) for y in range(4)]
        assert {strip.cell_length for strip in strips} == {table.line_width}
        text = "\n".join(screen_lines(app))
        assert "311 MB" in text
        assert "…" in text
        assert "\x1b" not in text
        assert "(no title)" in text


async def test_twenty_thousand_items_scroll_by_drawing_one_screenful() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(CountingTable)
        table.focus()
        table.show(a_plan(20_000))
        await pilot.pause()
        for key, line in (("G", 19_999), ("g", 0), ("pagedown", 22), ("j", 23)):
            table.drawn = 0
            await pilot.press(key)
            await pilot.pause()
            assert table.cursor == line
            assert table.drawn <= 23 + 2
        assert table.item == an_item(23)
        assert app.heard[-1] == an_item(23)


async def test_the_cursor_stays_on_its_item_in_the_next_plan() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(PlanTable)
        table.focus()
        table.show(a_plan(50))
        await pilot.press("j", "j", "j")
        table.show(Plan("prune", a_plan(50).items[2:]))
        await pilot.pause()
        assert table.item == an_item(3)
        assert table.cursor == 1


async def test_an_empty_plan_shows_its_sentence() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(PlanTable)
        table.show(a_plan(2))
        table.show(Plan("prune", (), message="The oldest tree was active 3 days ago."))
        await pilot.press("j", "G", "enter")
        assert "The oldest tree was active 3 days ago." in screen_lines(app)[1]
        assert table.item is None
        assert app.heard[-1] is None
