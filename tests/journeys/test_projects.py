"""The projects: what they take, relinked by keys, removed when empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Input, Static

from tests.factories import days_ago, execute, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.records import Usage
from tui.screens.projects import ProjectsScreen, Share, shares_of
from tui.screens.relink import RelinkDialog
from tui.widgets.plan_table import PlanTable
from tui.widgets.row_table import RowTable


def database(path: Path) -> Path:
    """Two projects, one of them moved away, and an empty one."""
    made = make_database(
        path / "opencode.db",
        [
            session("Old oak", active=days_ago(9), project="moved", directory="/no/oak",
                    octets=40_000, children=[session("Twig", project="moved",
                                                     directory="/no/oak/twig")]),
            session("Young fir", active=days_ago(1), project="here", directory=str(path)),
        ],
    )  # fmt: skip
    execute(made, "UPDATE project SET worktree = '/no/oak' WHERE id = 'prj_moved'")
    execute(made, "UPDATE project SET worktree = ? WHERE id = 'prj_here'", str(path))
    execute(
        made,
        "INSERT INTO project (id, name, worktree, sandboxes, time_created, time_updated)"
        " VALUES ('bare', 'bare', '/no/bare', '[]', 1, 1)",
    )
    return made


async def shown(here: Visit) -> RowTable:
    await here.press("6")
    assert isinstance(here.screen, ProjectsScreen)
    table = here.screen.query_one(RowTable)
    await here.until(lambda: table.count == 3)
    return table


def names(table: RowTable) -> list[str]:
    return [row.cells[3][0] for row in table.rows]


async def test_projects_stand_there_the_largest_first_and_gone_folders_are_named(
    tmp_path: Path,
) -> None:
    async with visit(database(tmp_path)) as here:
        table = await shown(here)
        assert names(table) == ["oak", tmp_path.name, "bare"]
        assert "gone" in table.rows[0].cells[4][0] and "gone" not in table.rows[1].cells[4][0]
        assert "folders of 2 are gone" in str(here.screen.query_one("#summary", Static).content)
        shares = shares_of(here.app.forest)
        usages = [here.app.forest.usage_of(row.id) or Usage() for row in here.app.forest.rows]
        assert sum(share.bytes for share in shares.values()) == sum(u.bytes for u in usages)
        assert shares.get("nobody", Share()).newest == ""
        await here.press("enter")
        assert here.app.current_mode == "sessions"
        assert here.tree.cursor_id in ("ses_oldoak", "ses_twig")


async def test_a_moved_project_is_relinked_in_a_few_keys_and_undone_with_one(
    tmp_path: Path,
) -> None:
    path = database(tmp_path)
    new = tmp_path / "new"
    new.mkdir()
    async with visit(path) as here:
        table = await shown(here)
        await here.press("l")
        dialog = here.screen
        assert isinstance(dialog, RelinkDialog)
        assert dialog.query_one("#act", Button).disabled
        dialog.query_one("#new", Input).value = str(new)
        await here.until(lambda: len(dialog.plan) == 3)
        await here.press("enter", "enter")
        await here.idle()
        await here.until(lambda: "gone" not in table.rows[0].cells[4][0])
        assert execute(path, "SELECT directory FROM session WHERE id = 'ses_twig'") == [
            (f"{new}/twig",)
        ]
        await here.press("u")
        await here.idle()
    assert execute(path, "SELECT directory FROM session WHERE id = 'ses_twig'") == [
        ("/no/oak/twig",)
    ]


async def test_a_folder_that_does_not_exist_offers_nothing(tmp_path: Path) -> None:
    async with visit(database(tmp_path)) as here:
        await shown(here)
        await here.press("l")
        dialog = here.screen
        for typed in ("/no/such/folder", "relative", "/"):
            dialog.query_one("#new", Input).value = typed
            await here.until(lambda: bool(str(dialog.query_one("#verdict", Static).content)))
            await here.idle()
            assert dialog.query_one("#act", Button).disabled, typed
        await here.press("escape")
        assert isinstance(here.screen, ProjectsScreen)


async def test_only_an_empty_project_can_be_removed(tmp_path: Path) -> None:
    path = database(tmp_path)
    async with visit(path) as here:
        table = await shown(here)
        await here.press("e")
        assert any("session" in toast for toast in here.toasts)
        await here.press("G", "e")
        assert here.screen.query_one("#act", Button)
        await here.press("right", "enter")
        await here.idle()
        await here.until(lambda: table.count == 2)
    assert execute(path, "SELECT count(*) FROM project") == [(2,)]


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_tidy_in_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(database(tmp_path), size) as here:
        await shown(here)
        assert untidy(here.screen) == []
        await here.press("l")
        assert untidy(here.screen) == []


async def test_before_anything_is_typed_the_dialog_asks_and_does_not_complain(
    tmp_path: Path,
) -> None:
    async with visit(database(tmp_path)) as here:
        await shown(here)
        await here.press("l")
        dialog = here.screen
        assert isinstance(dialog, RelinkDialog)
        await here.idle()
        said = str(dialog.query_one("#verdict", Static).content)
        assert said.startswith("Type the folder")
        assert dialog.query_one(PlanTable).empty_text != said
