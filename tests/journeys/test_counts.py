"""What people come for, in as few keys as the README says; typed text is counted by itself."""

from __future__ import annotations

import re
from pathlib import Path

from tests.factories import Turn, days_ago, execute, make_database, session
from tests.visit import garden, visit
from tui.screens.dig import DigScreen
from tui.screens.relink import RelinkDialog
from tui.widgets.row_table import RowTable

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")


def keys_in_the_readme(task: str) -> int:
    """The count in the table of journeys."""
    found = re.search(rf"^\| {re.escape(task)} \|.*\| (\d+) \|$", README, re.MULTILINE)
    assert found, task
    return int(found[1])


def test_space_without_deleting_a_session_takes_three_keys() -> None:
    """Done in test_rescue: x, right, enter."""
    assert keys_in_the_readme("as much space as possible, no session deleted") == 3


async def test_everything_idle_in_one_project_is_archived(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.archived()
        keys = ["slash", "enter", "asterisk", "a"]
        await here.press(keys[0], *"project:garden", "space", *"idle:50d")
        await here.press(*keys[1:])
        await here.idle()
        assert here.archived() == before | {"ses_oldroses", "ses_sharedbeds"}
        assert "u undoes" in here.toasts[-1]
        await here.press("u")
        await here.idle()
        assert here.archived() == before
    assert keys_in_the_readme("archive everything idle for 60 days in one project") == len(keys)


async def test_what_was_pruned_is_found_by_a_word_said_in_it_and_comes_back(tmp_path: Path) -> None:
    said = [Turn("What goes with quinces?", "Cheese.")]
    path = make_database(
        tmp_path / "o.db",
        [
            session("Dinner", active=days_ago(40),
                    children=[session("Look it up", turns=said, active=days_ago(40))]),
            session("Another", turns=[Turn("Nothing")], active=days_ago(9)),
        ],
    )  # fmt: skip
    async with visit(path) as here:
        for id in ("ses_dinner", "ses_another"):
            await here.go_to(id)
            await here.press("d")
            await here.idle()
        assert here.sessions() == set()
        keys = ["F", "enter", "enter", "enter"]
        await here.press(keys[0], *"quinces", keys[1])
        hits = here.screen.list  # type: ignore[attr-defined]
        await here.until(lambda: "Enter looks for it in the trash" in hits.empty_text)
        await here.press(keys[2])
        dig = here.screen
        assert isinstance(dig, DigScreen)
        await here.until(lambda: len(dig.hits) == 1 and dig.stop is None)
        await here.press(keys[3])
        await here.until(lambda: here.sessions() == {"ses_dinner", "ses_lookitup"})
        await here.idle()
    assert keys_in_the_readme("find by a word said in it what was pruned, and restore it") == len(
        keys
    )


async def test_a_project_is_moved(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    path = make_database(
        tmp_path / "o.db", [session("Old oak", project="moved", directory="/no/oak")]
    )
    execute(path, "UPDATE project SET worktree = '/no/oak'")
    async with visit(path) as here:
        keys = ["6", "l", "enter", "enter"]
        await here.press(keys[0])
        table = here.screen.query_one(RowTable)
        await here.until(lambda: table.count == 1)
        await here.press(keys[1])
        assert isinstance(here.screen, RelinkDialog)
        await here.press("ctrl+u", *str(new))
        await here.until(lambda: not here.screen.query_one("#act").disabled)
        await here.press(*keys[2:])
        await here.idle()
        moved = execute(path, "SELECT directory FROM session")
        assert moved == [(str(new),)]
    assert keys_in_the_readme("tell opencode that a project moved") == len(keys)
