"""The jobs screen: what was done, and all about one job with Enter."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, garden, visit
from tui.engine import pace
from tui.screens.job import JobDialog
from tui.widgets.row_table import RowTable


async def open_first(here: Visit) -> JobDialog:
    """Prune a tree, go to the jobs, open the newest."""
    await here.go_to("ses_oldroses")
    await here.press("d")
    await here.idle()
    await here.press("5")
    jobs = here.screen.query_one(RowTable)
    await here.until(lambda: jobs.count == 1)
    await here.press("enter")
    dialog = here.screen
    assert isinstance(dialog, JobDialog)
    await here.until(lambda: dialog.table.count == 1)
    return dialog


async def test_enter_tells_plan_reason_phases_and_outcome(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        dialog = await open_first(here)
        [row] = dialog.table.rows
        assert row.key == "ses_oldroses" and row.cells[2][0]
        said = str(dialog.query_one("#sentences", Static).content)
        assert said.startswith("prune of") and "done after" in said
        went = str(dialog.query_one("#went", Static).content)
        assert went.endswith("1 of 1") and "0 of 1" not in went, "nothing reads as if it failed"
        await here.press("escape")
        assert here.app.current_mode == "jobs" and not isinstance(here.screen, JobDialog)


async def test_a_key_makes_jobs_leave_the_processor_to_whoever_answers(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("d")
        await here.idle()
        before = pace._typed
        await here.press("j")
        assert pace._typed > before


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_tidy_in_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(garden(tmp_path), size) as here:
        await open_first(here)
        assert untidy(here.screen) == []


async def test_what_was_undone_is_named_without_quotes_within_quotes(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("d")
        await here.idle()
        await here.press("u")
        await here.idle()
        await here.press("5")
        jobs = here.screen.query_one(RowTable)
        await here.until(lambda: jobs.count == 2)
        assert jobs.rows[0].cells[-1][0] == "prune of “Old roses”"


@pytest.mark.parametrize(("size", "state"), [((50, 20), "✓"), ((80, 24), "✓ done")])
async def test_where_it_is_narrow_the_room_is_for_what_was_done(
    tmp_path: Path, size: tuple[int, int], state: str
) -> None:
    async with visit(garden(tmp_path), size) as here:
        await here.go_to("ses_oldroses")
        await here.press("a")
        await here.idle()
        await here.press("5")
        jobs = here.screen.query_one(RowTable)
        await here.until(lambda: jobs.count == 1)
        assert jobs.rows[0].cells[2][0] == state
        assert "Old roses" in "".join(text for text, _ in jobs.pieces(0, size[0]))
        await here.pilot.resize_terminal(130 - size[0], 30)
        await here.until(lambda: jobs.rows[0].cells[2][0] != state)
