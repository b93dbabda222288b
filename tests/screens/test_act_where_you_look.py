"""Archive, prune, reclaim and delete from the largest rows, the search and the conversation.

The same plans and dialogs as in the tree, for the tree of the session one looks at; then the view
shows what came of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from tests.factories import Tool, Turn, days_ago, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.screens.confirm import ConfirmDialog
from tui.screens.conversation import ConversationScreen
from tui.screens.largest import LargestScreen
from tui.screens.prune import PruneDialog
from tui.screens.reclaim import ReclaimDialog
from tui.screens.search import SearchScreen
from tui.screens.sessions import SessionsScreen
from tui.widgets.choice import Choice

TREE = {"ses_yew", "ses_needles"}


def wood(path: Path) -> Path:
    """A tree whose child is huge, old and full of marked output; an oak; and others."""
    marked = [Turn("Count the yew needles", "So many", [Tool(3_000_000, compacted=True)])]
    oak = [Turn("Fell the oak", "Done", [Tool(1_500_000, compacted=True)])]
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Yew", active=days_ago(40), project="hill",
                    children=[session("Needles", turns=marked, active=days_ago(41),
                                      project="hill")]),
            session("Oak", turns=oak, active=days_ago(40)),
            *(session(f"Birch {n}", active=days_ago(3)) for n in range(6)),
        ],
    )  # fmt: skip


async def by_largest(here: Visit) -> None:
    await here.press("L")
    screen = here.screen
    assert isinstance(screen, LargestScreen)
    await here.until(lambda: screen.table.count == 2 and screen._whole)


async def by_search(here: Visit) -> None:
    await here.press("F", *"yew", "enter")
    screen = here.screen
    assert isinstance(screen, SearchScreen)
    await here.until(lambda: screen.share == 1 and len(screen.hits) == 1)


async def by_conversation(here: Visit) -> None:
    await here.go_to("ses_needles")
    await here.press("o")
    screen = here.screen
    assert isinstance(screen, ConversationScreen)
    await here.until(lambda: screen.share == 1)


Way = Callable[[Visit], Awaitable[None]]
everywhere = pytest.mark.parametrize("way", [by_largest, by_search, by_conversation])


@everywhere
async def test_a_archives_the_whole_tree_and_the_view_stays(tmp_path: Path, way: Way) -> None:
    async with visit(wood(tmp_path)) as here:
        await way(here)
        screen = here.screen
        await here.press("a")
        await here.idle()
        assert here.archived() == TREE and here.screen is screen
        await here.press("a")
        await here.idle()
        assert here.archived() == set()


@everywhere
async def test_d_prunes_the_tree_and_what_was_shown_of_it_goes(tmp_path: Path, way: Way) -> None:
    async with visit(wood(tmp_path)) as here:
        await way(here)
        screen = here.screen
        await here.press("d")
        await here.idle()
        assert not here.sessions() & TREE
        match screen:
            case LargestScreen():
                assert [row.cells[-1][0] for row in screen.table.rows] == ["Oak"]
                assert screen.session_here() == "ses_oak"
            case SearchScreen():
                assert screen.list.count == 0 and "u brings back" in screen.list.empty_text
            case ConversationScreen():
                assert isinstance(here.screen, SessionsScreen), "nothing is left to read"
        await here.press("u")
        await here.idle()
        assert here.sessions() >= TREE
        if isinstance(screen, LargestScreen):
            await here.until(lambda: screen.table.count == 2)
        elif isinstance(screen, SearchScreen):
            await here.until(lambda: screen.list.count == 1)


@everywhere
async def test_capital_d_asks_with_the_count_of_the_tree(tmp_path: Path, way: Way) -> None:
    async with visit(wood(tmp_path)) as here:
        await way(here)
        await here.press("D")
        assert isinstance(here.screen, ConfirmDialog)
        assert here.screen.question.typed == "2"
        assert "“Yew” with 2 sessions" in here.screen.question.sentences[0]
        await here.press("2", "enter", "enter")
        await here.idle()
        assert not here.sessions() & TREE


@everywhere
async def test_p_offers_the_project_of_the_session(tmp_path: Path, way: Way) -> None:
    async with visit(wood(tmp_path)) as here:
        await way(here)
        await here.press("p")
        dialog = here.screen
        assert isinstance(dialog, PruneDialog)
        scope = dialog.query_one("#scope", Choice)
        assert [shown for shown, _ in scope.options] == ["all projects", "hill"]
        scope.action_turn(1)
        await here.pilot.pause()
        assert [item.id for item in dialog.plan] == ["ses_yew"]
        await here.press("right", "enter")
        await here.idle()
        assert not here.sessions() & TREE


@everywhere
async def test_r_begins_with_the_tree_and_the_view_follows(tmp_path: Path, way: Way) -> None:
    async with visit(wood(tmp_path)) as here:
        await way(here)
        screen = here.screen
        await here.press("r")
        dialog = here.screen
        assert isinstance(dialog, ReclaimDialog)
        assert dialog.scope.label == "this tree: Yew" and dialog.scope.ids == frozenset(TREE)
        await here.until(lambda: [item.id for item in dialog.plan] == ["ses_needles"])
        await here.press("right", "enter")
        await here.idle()
        assert here.screen is screen
        match screen:
            case LargestScreen():
                await here.until(lambda: screen.table.count == 1)
                assert screen.session_here() == "ses_oak"
            case SearchScreen():
                assert "changed since" in str(screen.query_one("#found", Static).content)
                await here.press("slash", "enter")
                await here.until(lambda: screen.share == 1)
                assert "changed since" not in str(screen.query_one("#found", Static).content)
            case ConversationScreen():
                await here.until(lambda: screen.share == 1)
                await here.until(lambda: max(e.bytes for e in screen.talk.entries) < 10_000)


async def test_a_conversation_stays_at_its_place_when_it_is_read_again(tmp_path: Path) -> None:
    async with visit(wood(tmp_path)) as here:
        await by_conversation(here)
        screen = here.screen
        assert isinstance(screen, ConversationScreen)
        await here.press("L")
        before = screen.talk.here
        assert before is not None
        await here.press("r")
        dialog = here.screen
        assert isinstance(dialog, ReclaimDialog)
        await here.until(lambda: bool(dialog.plan.items))
        await here.press("right", "enter")
        await here.idle()
        await here.until(lambda: screen.share == 1)
        await here.pilot.pause()
        assert screen.talk.here is not None and screen.talk.here.key == before.key


async def test_o_reads_on_from_the_row_and_comes_back_to_it(tmp_path: Path) -> None:
    async with visit(wood(tmp_path)) as here:
        await by_largest(here)
        await here.press("down", "o")
        screen = here.screen
        assert isinstance(screen, ConversationScreen)
        await here.until(lambda: screen.share == 1)
        assert screen.session_id == "ses_oak"
        assert screen.talk.here is not None and screen.talk.here.bytes > 1_000_000
        await here.press("escape")
        assert isinstance(here.screen, LargestScreen)
        assert here.screen.session_here() == "ses_oak"
        await here.press("L")
        assert isinstance(here.screen, SessionsScreen)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_largest_rows_are_tidy(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(wood(tmp_path), size) as here:
        await by_largest(here)
        assert untidy(here.screen) == []
