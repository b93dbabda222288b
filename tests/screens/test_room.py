"""Small terminals and long sentences: buttons stay on the screen, nothing is cut for good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Button, Static
from textual.widgets._toast import Toast

from tests.factories import Tool, days_ago, execute, make_database, session
from tests.visit import SIZES, visit
from tui.config import Config
from tui.policy.reclaim import LEVELS
from tui.screens.dialog import Dialog
from tui.screens.rescue import RescueDialog
from tui.widgets.plan_table import PlanTable
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


SMALLEST = [(40, 14), *SIZES[1:]]

DIALOGS = {
    "prune": "p",
    "reclaim": "r",
    "reclaim of one": "j r",
    "vacuum": "V",
    "rescue": "x",
    "delete": "D",
    "delete one": "j D",
    "prune a group": "d",
    "background": "B",
    "databases": "O",
    "export": "j o E",
    "export the marked": "right j space space E",
    "job": "j a 5 enter",
    "relink": "6 l",
    "remove project": "6 G e",
    "empty trash": "j d 4 E",
    "remove files": "3 E",
}
"""Every dialog with buttons, and the keys that open it."""


def seen_in_full(screen: Screen[Any]) -> str:
    """What is wrong with the buttons; "" when each lies on the screen with its whole label."""
    for button in screen.query(Button):
        if not button.display:
            continue
        region, label = button.region, str(button.label)
        if not region.area or not screen.region.contains_region(region):
            return f"{label} lies at {region}"
        drawn = [
            line.crop(region.x, region.right).text
            for line in screen._compositor.render_strips()[region.y : region.bottom]
        ]
        if "".join("".join(drawn).split()) != "".join(label.split()):
            return f"{label} is drawn as {drawn}"
    return ""


@pytest.mark.parametrize("size", SMALLEST, ids=str)
@pytest.mark.parametrize("what", DIALOGS)
async def test_the_buttons_of_every_dialog_are_always_on_the_screen(
    tmp_path: Path, size: tuple[int, int], what: str
) -> None:
    path = orchard(tmp_path)
    execute(
        path,
        "INSERT INTO project (id, worktree, name, time_created, time_updated, sandboxes) "
        "VALUES ('prj_no', '/nowhere', 'no', 1, 1, '[]')",
    )
    old = path.parent / "tool-output" / "tool_old"
    old.parent.mkdir()
    old.write_bytes(b"x" * 9_000)
    os.utime(old, (1, 1))
    async with visit(path, size, Config()) as here:
        for key in DIALOGS[what].split():
            await here.press(key)
            await here.idle()
            await here.until(lambda: here.app.surveyed.survey.done or not here.app.surveyed.busy)
        dialog = here.screen
        assert isinstance(dialog, Dialog), dialog
        await here.until(
            lambda: not any(w.is_running for w in here.app.workers if w.group != "watch")
        )
        assert seen_in_full(dialog) == ""
        dialog.query_one("#frame").scroll_end(animate=False)
        await here.pilot.pause()
        assert seen_in_full(dialog) == "", "wherever the text above was scrolled to"
        assert cut_for_good(dialog) == []


def cut_for_good(screen: Screen[Any]) -> list[str]:
    """Sentences of a dialog that have fewer lines than they need, and tables without a line."""
    frame = screen.query_one("#frame")
    found = []
    for text in frame.query(Static):
        if text.display and str(text.render()).strip():
            needs = text.get_content_height(frame.size, screen.size, text.content_size.width)
            if text.content_size.height < needs:
                found.append(f"{text.id}: {text.content_size} of {needs}: {text.render()}")
    tables = [table for table in frame.query(PlanTable) if table.display]
    return found + [f"no line of {table} is seen" for table in tables if table.size.height < 2]


async def test_from_the_buttons_what_has_no_room_is_a_page_away(tmp_path: Path) -> None:
    async with visit(orchard(tmp_path), (40, 14)) as here:
        await here.press("p")
        frame = here.screen.query_one("#frame")
        await here.until(lambda: frame.max_scroll_y > 0)
        await here.press("pagedown", "pagedown")
        assert frame.scroll_y == frame.max_scroll_y
        await here.press("pageup", "pageup")
        assert frame.scroll_y == 0


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


async def test_the_end_of_a_folder_is_never_cut(tmp_path: Path) -> None:
    folder = f"/{'long/' * 20}garden"
    path = make_database(tmp_path / "opencode" / "opencode.db", [session("A", directory=folder)])
    execute(path, "UPDATE project SET worktree = ?", folder)
    async with visit(path, (80, 24)) as here:
        await here.press("6")
        await here.idle()
        lines = here.screen._compositor.render_strips()
        assert any("garden ⚠ gone" in line.text for line in lines)
