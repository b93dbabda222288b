"""The trash screen: see what was pruned, bring it back, empty it."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Button

from tests.picture import but_history, picture
from tests.visit import Visit, garden, visit
from tui.widgets.row_table import RowTable


async def prune(here: Visit, id: str) -> None:
    await here.go_to(id)
    await here.press("d")
    await here.idle()


async def test_a_batch_is_restored_with_enter(tmp_path: Path) -> None:
    path = garden(tmp_path)
    before = picture(path)
    async with visit(path) as here:
        await prune(here, "ses_oldroses")
        await here.press("4")
        table = here.screen.query_one(RowTable)
        await here.until(lambda: table.count == 1)
        await here.press("enter")
        await here.until(lambda: "ses_oldroses" in here.sessions())
        await here.idle()
        await here.until(lambda: table.count == 0)
    assert but_history(picture(path)) == but_history(before)


async def test_emptying_wants_the_count_typed_and_then_nothing_is_left(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await prune(here, "ses_oldroses")
        await here.press("4")
        table = here.screen.query_one(RowTable)
        await here.until(lambda: table.count == 1)
        await here.press("e")
        await here.until(lambda: bool(here.screen.query("#typed")))
        assert here.screen.query_one("#act", Button).disabled
        await here.press("1", "enter", "enter")
        await here.idle()
        await here.until(lambda: table.count == 0)
        assert "ses_oldroses" not in here.sessions()


async def test_an_empty_trash_says_how_something_gets_there(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), (80, 24)) as here:
        await here.press("4")
        table = here.screen.query_one(RowTable)
        await here.until(lambda: "empty" in table.empty_text)
        assert table.count == 0
        await here.press("enter", "e", "o", "E")
        await here.idle()
        assert any("trash" in toast.lower() for toast in here.toasts)
