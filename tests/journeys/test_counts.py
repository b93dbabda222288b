"""What people come for, in as few keys as the README says; typed text is counted by itself."""

from __future__ import annotations

import re
from pathlib import Path

from tests.factories import days_ago, execute, make_database, session
from tests.visit import garden, visit
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


async def test_what_was_pruned_is_found_where_the_search_points(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "o.db",
        [
            session("Talk of quinces", active=days_ago(40), octets=9_000),
            session("Another", active=days_ago(9)),
        ],
    )
    async with visit(path) as here:
        await here.go_to("ses_talkofquinces")
        await here.press("d")
        await here.idle()
        keys = ["F", "enter", "4", "enter"]
        await here.press(keys[0], *"quinces", keys[1])
        hits = here.screen.list  # type: ignore[attr-defined]
        await here.until(lambda: "4 lists what is in it" in hits.empty_text)
        await here.press("escape", keys[2])
        table = here.screen.query_one(RowTable)
        await here.until(lambda: table.count == 1)
        assert "Talk of quinces" in table.rows[0].cells[-1][0]
        await here.press(keys[3])
        await here.until(lambda: "ses_talkofquinces" in here.sessions())
        await here.idle()
    task = "find by a word what was pruned, and restore it"
    assert keys_in_the_readme(task) == len(keys) + 1  # Esc leaves the line that takes letters


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
