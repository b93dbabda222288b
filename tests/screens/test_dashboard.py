"""The dashboard: sums that agree with the file, honest zeros, keys that open what they name."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.test_forest import a_row
from tests.visit import garden, visit
from tui.forest import Forest
from tui.format import DAY
from tui.records import Usage
from tui.screens.dashboard import DashboardScreen
from tui.screens.gains import get_back, outside_bytes
from tui.screens.prune import PruneDialog
from tui.screens.tally import by_age, by_project, composition, growth, largest_trees, sparkline
from tui.widgets.composition_bar import CompositionBar


async def test_the_portions_add_up_to_what_is_on_disk(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("2")
        bar = here.screen.query_one(CompositionBar)
        live = here.app.live
        assert live is not None
        await here.until(lambda: any(each.label == "conversation" for each in bar.portions))
        await here.until(lambda: here.app.surveyed.survey.done)
        outside = outside_bytes(here.app.surveyed.survey, here.path.name)
        total = live.on_disk + outside
        await here.until(lambda: sum(each.bytes for each in bar.portions) == total)


async def test_zero_is_told_with_its_reason(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("2")
        assert isinstance(here.screen, DashboardScreen)
        await here.until(lambda: here.app.payloads is not None)
        rows = {row.action: row for row in get_back(here.screen.known())}
        assert rows["vacuum"].bytes == 0 and "no free pages" in rows["vacuum"].loses
        assert rows["checkpoint"].bytes == 0 and rows["checkpoint"].loses == "the log is empty"
        assert rows["reclaim:compacted"].bytes == 0


async def test_enter_on_a_line_opens_its_action(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("2")
        table = here.screen.query_one("#get-back")
        await here.until(lambda: "4 trees" in str(table.rows))  # type: ignore[attr-defined]
        await here.press("home", "enter")
        assert isinstance(here.screen, PruneDialog)


ROWS = [
    a_row("a", updated=10 * DAY, project_id="x"),
    a_row("b", updated=200 * DAY, project_id="y"),
    a_row("c", parent_id="b", updated=1 * DAY, project_id="x"),
]


def test_sums_by_project_age_and_tree_cover_every_byte() -> None:
    usage = {row.id: Usage(part_bytes=10**n) for n, row in enumerate(ROWS)}
    forest = Forest.of(ROWS, usage)
    assert sum(share.bytes for share in by_project(forest)) == forest.bytes
    assert sum(share.bytes for share in by_age(forest, 201 * DAY)) == forest.bytes
    assert largest_trees(forest)[0].bytes == 110


def test_before_anything_is_known_there_is_no_portion() -> None:
    assert sum(each.bytes for each in composition({}, {}, None)) == 0


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**13)), max_size=30),
       st.integers(0, 80))  # fmt: skip
def test_the_curve_is_as_wide_as_asked(history: list[tuple[int, int]], cells: int) -> None:
    found = sparkline(sorted(history), cells)
    assert len(found) in (0, cells)


def test_growth_tells_when_the_disk_is_full() -> None:
    history = [(0, 10**9), (10 * DAY, 11 * 10**9)]
    assert growth(history, 5 * 10**9) == "+1.00 GB a day over 10 d; the disk is full in 5 days"
    assert "watched" in growth(history[:1], 0)
