"""The reclaim dialog: levels with their bytes, for whom it counts, and if there is a way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tests.generations import every_state
from tests.visit import Visit, visit
from tui.config import Compaction, Config, Reclaim
from tui.policy.reclaim import LEVELS, MIGRATED
from tui.screens.reclaim import ReclaimDialog
from tui.widgets.choice import Choice
from tui.widgets.row_table import RowTable

QUIET = Config(compaction=Compaction(reclaim=False))
KEEPING = Config(compaction=Compaction(reclaim=False), reclaim=Reclaim(keep=True))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two projects: marked output in each, diffs in one."""
    marked = Turn(tools=[Tool(50_000, compacted=True)])
    return make_database(
        tmp_path / "opencode.db",
        [
            session("Roses", active=days_ago(3), turns=[marked, Turn(diffs=30_000)]),
            session("Cress", active=days_ago(4), turns=[marked]),
            session("Sink", project="house", active=days_ago(5), turns=[marked, marked]),
        ],
    )


def outputs(path: Path) -> int:
    found = execute(
        path, "SELECT count(*) FROM part WHERE data ->> '$.state.output' = '[reclaimed]'"
    )
    return int(found[0][0])


async def ready(here: Visit) -> None:
    await here.until(lambda: here.button().startswith(("Reclaim ", "Nothing")))


def shown(here: Visit, id: str) -> str:
    return str(here.screen.query_one(id, Static).content)


async def test_the_sentence_is_about_the_level_that_was_asked_for(path: Path) -> None:
    async with visit(path, config=QUIET) as here:
        here.app.action_reclaim("diffs")
        await here.until(lambda: bool(here.screen.query("#sentence")))
        await ready(here)
        assert LEVELS["diffs"].loses in shown(here, "#sentence")


async def test_the_scope_goes_from_all_to_this_tree_and_its_project(path: Path) -> None:
    async with visit(path, config=QUIET) as here:
        await here.go_to("ses_roses")
        await here.press("r")
        await here.until(lambda: here.button().startswith("Reclaim 4 tool outputs"))
        said = []
        for _ in range(3):
            await here.press("s")
            await ready(here)
            scope = here.screen.query_one("#scope", Choice)
            said.append((scope.options[scope.place][0], here.button().split(" —")[0]))
        assert said == [
            ("this tree: Roses", "Reclaim 1 tool output"),
            ("project garden", "Reclaim 2 tool outputs"),
            ("all sessions", "Reclaim 4 tool outputs"),
        ]


async def test_marked_trees_are_the_first_choice_and_only_they_are_taken(path: Path) -> None:
    async with visit(path, config=QUIET) as here:
        await here.go_to("ses_sink")
        await here.press("space", "r")
        await here.until(lambda: here.button().startswith("Reclaim 2 tool outputs"))
        assert "marked tree" in here.screen.query_one("#scope", Choice).options[0][0]
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
    assert outputs(path) == 2


async def test_the_level_under_the_cursor_is_told_in_full_and_turned_by_space(path: Path) -> None:
    async with visit(path, config=QUIET, size=(80, 24)) as here:
        await here.press("r")
        await ready(here)
        table = here.screen.query_one("#levels", RowTable)
        table.focus()
        await here.pilot.pause()
        for level in LEVELS.values():
            if level.name == MIGRATED:  # of files that 2.x uses
                continue
            assert table.key == level.name
            told = shown(here, "#sentence")
            assert level.takes in told and level.loses in told
            if level.name == "diffs":
                await here.press("space")
            await here.press("j")
        assert here.button().startswith("Reclaim 4 tool outputs and the diffs of 1 message")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_everything_of_the_dialog_is_on_the_screen(path: Path, size: tuple[int, int]) -> None:
    async with visit(path, config=QUIET, size=size) as here:
        await here.press("r")
        await ready(here)
        for id in ("#scope", "#levels", "#sentence", "#items", "#left-out", "#act"):
            region = here.screen.query_one(id).region
            assert region.height and region.bottom <= size[1], id
        assert here.screen.query_one("#levels").size.height >= len(LEVELS) + 1


async def test_without_copies_it_says_that_nothing_brings_it_back(path: Path) -> None:
    async with visit(path, config=QUIET) as here:
        await here.press("r")
        await ready(here)
        assert "cannot be undone" in shown(here, "#left-out")


async def test_with_copies_it_names_u_and_their_size_and_u_brings_all_back(path: Path) -> None:
    before = execute(path, "SELECT id, data FROM part ORDER BY id")
    async with visit(path, config=KEEPING) as here:
        await here.press("r")
        await ready(here)
        assert isinstance(here.screen, ReclaimDialog)
        assert "u brings it all back from a copy of about 200 kB" in shown(here, "#left-out")
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert outputs(path) == 4
        await here.until(lambda: (here.app.undoable or "").startswith("reclaim of"))
        await here.press("u")
        await here.until(lambda: outputs(path) == 0)
        await here.idle()
    assert execute(path, "SELECT id, data FROM part ORDER BY id") == before


async def test_what_takes_long_to_look_for_is_counted_last(tmp_path: Path) -> None:
    old = [Turn(tools=[Tool(120_000 + n)]) for n in range(4)]
    path = make_database(
        tmp_path / "o.db", [session("Roses", active=days_ago(3), turns=[*old, Turn(), Turn()])]
    )
    async with visit(path, config=QUIET) as here:
        await here.press("r")
        dialog = here.screen
        assert isinstance(dialog, ReclaimDialog)
        await here.until(lambda: bool(dialog.whole))
        found = [each for each in dialog.payloads or () if each.level == "stale"]
        assert [each.session_id for each in found] == ["ses_roses"]
        assert len(dialog.whole) == 1


async def test_orphans_are_nobodys_and_counted_where_all_are_meant(path: Path) -> None:
    execute(path, "DELETE FROM session WHERE id = 'ses_sink'")
    async with visit(path, config=KEEPING) as here:
        await here.press("r")
        await ready(here)
        here.screen.query_one("#levels", RowTable).focus()
        await here.press("G", "space")
        await here.until(lambda: "messages" in here.button())
        assert "u brings all but orphans back" in shown(here, "#left-out")


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_file_of_2x_shows_what_1x_left_behind(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    every_state(tmp_path / "opencode.db")
    async with visit(tmp_path / "opencode.db", config=QUIET, size=size) as here:
        await here.press("r")
        await ready(here)
        table = here.screen.query_one("#levels", RowTable)
        table.focus()
        await here.pilot.pause()
        for _ in LEVELS:
            await here.press("j")
        assert table.key == MIGRATED
        assert LEVELS[MIGRATED].takes in shown(here, "#sentence")
        for id in ("#scope", "#levels", "#sentence", "#items", "#act"):
            region = here.screen.query_one(id).region
            assert region.height > 0 and region.bottom <= size[1], id


async def test_with_no_level_taken_nothing_is_said_to_go(path: Path) -> None:
    async with visit(path, config=QUIET) as here:
        await here.press("r")
        await here.until(lambda: here.button().startswith("Reclaim 4 tool outputs"))
        await here.press("up", "space")
        await here.until(lambda: here.button() == "Nothing to reclaim")
        assert "cannot be undone" not in shown(here, "#left-out")
