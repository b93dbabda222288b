"""Small terminals and long sentences: buttons stay on the screen, nothing is cut for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.screen import ModalScreen
from textual.widgets import Button, Static
from textual.widgets._toast import Toast

from tests.factories import Tool, days_ago, make_database, session
from tests.visit import SIZES, Visit, visit
from tui.policy.reclaim import LEVELS
from tui.screens.rescue import RescueDialog
from tui.widgets.row_table import RowTable


def orchard(path: Path) -> Path:
    """Thirty old trees with event history, more than any dialog shows at a time."""
    trees = [
        session(
            f"A rather long title for tree number {n}",
            active=days_ago(60 + n),
            octets=30_000,
            events=3,
            tools=[Tool(9_000, compacted=True)],
            share=n == 3,
        )
        for n in range(30)
    ]
    return make_database(path / "opencode" / "opencode.db", trees)


def buttons_on_screen(here: Visit) -> bool:
    screen = here.screen
    return all(
        screen.region.contains_region(button.region) and button.region.area > 0
        for button in screen.query(Button)
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_both_buttons_of_every_dialog_are_on_the_screen(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(orchard(tmp_path), size) as here:
        for key in "prVxDO":
            await here.press(key)
            await here.idle()
            assert isinstance(here.screen, ModalScreen), key
            assert len(here.screen.query(Button)) == 2, key
            assert buttons_on_screen(here), (key, here.screen.query(Button).last().region)
            await here.press("escape")
            assert len(here.app.screen_stack) == 1


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_toast_never_lies_over_the_buttons_of_a_dialog(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(orchard(tmp_path), size) as here:
        here.app._disable_notifications = False  # as it is outside of tests
        await here.press("p")
        here.app.say("Something happened beside all this, and it takes more than one line to say.")
        await here.until(lambda: bool(here.screen.query(Toast)))
        await here.until(lambda: here.screen.query_one(Toast).region.area > 0)
        toast = here.screen.query_one(Toast).region
        assert not any(toast.overlaps(button.region) for button in here.screen.query(Button))


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_what_a_step_of_a_rescue_costs_stands_there_in_full(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(orchard(tmp_path), size) as here:
        await here.press("x")
        dialog = here.screen
        assert isinstance(dialog, RescueDialog)
        await here.until(lambda: dialog.vacuum is not None)
        steps = [row.key for row in dialog.query_one("#steps", RowTable).rows]
        assert len(steps) > 2
        table = dialog.query_one("#steps", RowTable)
        for at, step in enumerate(steps):
            table.cursor = at
            await here.pilot.pause()
            takes = dialog.query_one("#takes", Static)
            if step in LEVELS:
                assert LEVELS[step].loses in str(takes.render())
            assert takes.virtual_size.height <= takes.size.height


async def test_the_line_below_the_files_says_in_full_what_the_table_cuts(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        await here.press("3")
        await here.until(lambda: here.app.surveyed.survey.done)
        await here.idle()
        table = here.screen.table  # type: ignore[attr-defined]
        for at, row in enumerate(table.rows):
            table.cursor = at
            await here.pilot.pause()
            assert row.says in str(here.screen.query_one("#message", Static).render())


async def test_the_dashboard_says_below_the_table_what_is_cut_in_it(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path), (100, 40)) as here:
        await here.press("2")
        await here.until(lambda: here.app.payloads is not None)
        await here.idle()
        table = here.screen.table  # type: ignore[attr-defined]
        cut = [at for at in range(table.count) if table.is_cut(at)]
        assert cut
        for at in cut:
            table.cursor = at
            await here.pilot.pause()
            said = table.rows[at].cells[-1][0]
            assert said in str(here.screen.query_one("#hint", Static).render())


async def test_arrows_lead_from_the_buttons_to_the_steps_and_back(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path)) as here:
        await here.press("x")
        dialog = here.screen
        assert isinstance(dialog, RescueDialog)
        await here.until(lambda: dialog.vacuum is not None)
        await here.press("up", "space")
        assert dialog.without == {"orphans"}
        await here.press("space", "up")
        assert isinstance(dialog.focused, Button)
        dialog.query_one("#steps").focus()
        await here.press(*["down"] * len(dialog.query_one("#steps", RowTable).rows))
        assert dialog.focused is dialog.query_one("#safe")
