"""The largest rows: found, told harmlessly, and one key away from their session."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import Turn, days_ago, execute, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, garden, visit
from tui.screens.largest import NONE, PREVIEW, LargestScreen
from tui.screens.reclaim import ReclaimDialog
from tui.widgets.row_table import RowTable


def forest(path: Path) -> Path:
    """Two heavy sessions, one of them archived, and a light one."""
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Heavy oak", active=days_ago(3), octets=1_500_000),
            session("Old yew", active=days_ago(9), archived=days_ago(1), octets=4_000_000),
            session("Young birch", active=days_ago(1), octets=5_000),
        ],
    )


async def searched(here: Visit) -> RowTable:
    """The table, once the whole file was searched."""
    await here.press("L")
    assert isinstance(here.screen, LargestScreen)
    counts = here.screen.query_one("#summary", Static)
    await here.until(lambda: "searching" not in str(counts.content))
    return here.screen.table


async def test_rows_over_a_megabyte_stand_there_the_largest_first(tmp_path: Path) -> None:
    path = forest(tmp_path)
    wanted = execute(
        path,
        "SELECT 'part/' || id FROM part WHERE octet_length(data) > 1000000"
        " ORDER BY octet_length(data) DESC",
    )
    async with visit(path) as here:
        table = await searched(here)
        assert [row.key for row in table.rows] == [key for (key,) in wanted]
        assert table.rows[0].cells[-1][0] == "Old yew"


async def test_enter_goes_to_the_session_even_when_it_is_archived(tmp_path: Path) -> None:
    async with visit(forest(tmp_path)) as here:
        await here.press("2")
        await searched(here)
        await here.press("enter")
        assert here.app.current_mode == "sessions"
        assert here.tree.cursor_id == "ses_oldyew"


async def test_escape_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with visit(forest(tmp_path)) as here:
        await here.go_to("ses_youngbirch")
        await searched(here)
        await here.press("escape")
        assert here.tree.cursor_id == "ses_youngbirch"


async def test_without_large_rows_it_says_so(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        table = await searched(here)
        assert table.count == 0 and table.empty_text == NONE.format_map(here.app.keys)
        await here.press("enter")
        assert isinstance(here.screen, LargestScreen)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_preview_is_short_and_harmless(tmp_path: Path, size: tuple[int, int]) -> None:
    path = forest(tmp_path)
    evil = "[red]\\u001b[2J\\u202e\\n" * 90_000
    execute(
        path,
        "UPDATE part SET data = ? WHERE octet_length(data) > 3000000",
        '{"type":"text","text":"' + evil + '"}',
    )
    async with visit(path, size) as here:
        await searched(here)
        preview = here.screen.query_one("#preview", Static)
        await here.until(lambda: "[red]" in str(preview.content))
        assert len(str(preview.content)) <= PREVIEW
        assert not set(str(preview.content)) & {"\n", "\x1b", "\u202e"}
        assert untidy(here.screen) == []


@pytest.mark.parametrize(
    ("table", "level"), [("event", "events"), ("message", "diffs"), ("part", "compacted")]
)
async def test_a_reclaim_begins_with_the_level_that_takes_such_a_row(
    tmp_path: Path, table: str, level: str
) -> None:
    made = session("Oak", turns=[Turn(diffs=1_500_000)], active=days_ago(9), events=1)
    path = make_database(tmp_path / "opencode" / "opencode.db", [made])
    for name in ("event", "part"):
        execute(path, f"UPDATE {name} SET data = json_set(data, '$.new', hex(zeroblob(1000000)))")
    async with visit(path) as here:
        rows = await searched(here)
        keys = [row.key for row in rows.rows]
        rows.cursor = next(n for n, key in enumerate(keys) if key.startswith(f"{table}/"))
        await here.press("r")
        dialog = here.screen
        assert isinstance(dialog, ReclaimDialog)
        assert dialog.levels == {level}
