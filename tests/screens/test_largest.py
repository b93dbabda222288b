"""The largest rows: found, told harmlessly, and one key away from their session."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import days_ago, execute, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, garden, visit
from tui.screens.largest import NONE, PREVIEW, LargestDialog
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
    """The table of the dialog, once the whole file was searched."""
    await here.press("L")
    assert isinstance(here.screen, LargestDialog)
    counts = here.screen.query_one("#counts", Static)
    await here.until(lambda: "searching" not in str(counts.content))
    return here.screen.query_one(RowTable)


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
        assert table.count == 0 and table.empty_text == NONE
        await here.press("enter")
        assert isinstance(here.screen, LargestDialog)


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


async def test_an_answer_that_comes_after_the_dialog_was_left_does_nothing(tmp_path: Path) -> None:
    async with visit(forest(tmp_path)) as here:
        await searched(here)
        dialog = here.screen
        assert isinstance(dialog, LargestDialog)
        await here.press("escape")
        dialog._preview_came(("prt_1", "late"))
        dialog._came([])
        assert dialog is not here.screen
