"""The conversation screen: reading, searching in it, acting, in every terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, Static

from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.screens.conversation import ConversationScreen
from tui.screens.sessions import SessionsScreen

TURNS = [
    Turn("Where do hares live?", "In fields.", [Tool(900, compacted=True)]),
    Turn(compaction=True, answer="Hares were discussed."),
    Turn("And rabbits?", "In burrows.", [Tool(40_000), Tool(0, name="read", status="error")]),
    Turn("Thanks [red]x[/red] \x1b[31m", "You are welcome."),
]


def hutch(path: Path) -> Path:
    return make_database(
        path / "opencode" / "opencode.db",
        [
            session("Hares", turns=TURNS, active=days_ago(5),
                    children=[session("Burrow", active=days_ago(6))]),
            session("Empty", turns=[], active=days_ago(50)),
        ],
    )  # fmt: skip


async def reading(here: Visit, id: str = "ses_hares") -> ConversationScreen:
    """Open a session by keys and wait until it is read."""
    await here.go_to(id)
    await here.press("o")
    screen = here.screen
    assert isinstance(screen, ConversationScreen)
    await here.until(lambda: screen.share == 1)
    await here.pilot.pause()
    await here.until(lambda: not any(w.is_running for w in here.app.workers if w.group == "bodies"))
    await here.pilot.pause()
    return screen


def shown(screen: ConversationScreen) -> str:
    """What stands on the screen."""
    return "\n".join(screen.talk.render_line(y).text for y in range(screen.talk.size.height))


async def test_the_whole_conversation_stands_there(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        text = shown(await reading(here))
        for said in ("Where do hares live?", "In fields.", "above this the model sees nothing",
                     "compacted", "bash", "And rabbits?", "Thanks [red]x[/red] ␛[31m"):  # fmt: skip
            assert said in text, said
        head = str(here.screen.query_one("#talk-head", Static).content)
        assert "Hares" in head and "8 messages" in head and "read" not in head


async def test_a_tool_is_unfolded_and_read_to_its_end(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        screen = await reading(here)
        await here.press("L", "space", "space")
        entry = screen.talk.here
        assert entry is not None and entry.bytes > 40_000
        await here.until(lambda: entry.key in screen.talk.bodies)
        for _ in range(2):
            body = screen.talk.bodies.get(entry.key)
            assert body is not None and body.next is not None
            before = body.left
            await here.press("right_square_bracket", "up", "up")
            screen.talk.cursor = screen.talk._ends[screen.talk._places[entry.key]] - 1
            await here.press("enter")
            await here.until(lambda: screen.talk.bodies.get(entry.key).left < before)  # type: ignore[union-attr]  # noqa: B023
        body = screen.talk.bodies.get(entry.key)
        assert body is not None and body.next is None
        assert sum(text.count("o") for text, _ in body.pieces[1:]) == 40_000


async def test_slash_searches_in_it_and_n_goes_from_hit_to_hit(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        screen = await reading(here)
        await here.press("slash", *"HARES", "enter")
        await here.until(
            lambda: "2 parts with it" in str(screen.query_one("#talk-head", Static).content)
        )
        assert screen.talk.here is not None and screen.talk.here.key == "prt_hares_0u_0"
        await here.press("n")
        assert screen.talk.here.key == "prt_hares_1a_1"
        await here.press("n")
        assert screen.talk.here.key == "prt_hares_0u_0"
        await here.press("N", "escape")
        assert isinstance(here.screen, ConversationScreen)
        assert not screen.query_one("#within", Input).display
        await here.press("escape")
        assert isinstance(here.screen, SessionsScreen)


async def test_a_hit_far_down_a_long_text_is_read_up_to(tmp_path: Path) -> None:
    path = hutch(tmp_path)
    execute(
        path,
        "UPDATE part SET data = json_replace(data, '$.state.output',"
        " json_extract(data, '$.state.output') || char(10) || 'the needle')"
        " WHERE octet_length(data) > 20000",
    )
    async with visit(path) as here:
        screen = await reading(here)
        await here.press("slash", *"the needle", "enter")
        await here.until(lambda: "the needle" in shown(screen))
        line = screen.talk.cursor - screen.talk.scroll_offset.y + 1
        await here.until(
            lambda: "the needle" in screen.talk.render_line(
                screen.talk.cursor - screen.talk.scroll_offset.y + 1).text
        )  # fmt: skip
        assert line > 0


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        await reading(here)
        await here.press("slash", *"unicorn", "enter")
        await here.until(lambda: "Nobody said that here." in here.toasts)


async def test_deeds_act_on_its_tree_and_say_when_it_is_gone(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        await reading(here, "ses_burrow")
        await here.press("a")
        await here.idle()
        assert here.archived() == {"ses_hares", "ses_burrow"}
        await here.press("u", "d")
        await here.idle()
        assert here.sessions() == {"ses_empty"}
        assert isinstance(here.screen, SessionsScreen), "there is nothing left to read"
        await here.press("u")
        await here.idle()
        assert here.sessions() == {"ses_hares", "ses_burrow", "ses_empty"}
        screen = await reading(here, "ses_burrow")
        assert "Burrow" in str(screen.query_one("#talk-head", Static).content)


async def test_a_session_that_others_delete_is_said_to_be_gone(tmp_path: Path) -> None:
    path = hutch(tmp_path)
    async with visit(path) as here:
        screen = await reading(here, "ses_empty")
        execute(path, "DELETE FROM session WHERE id = 'ses_empty'")
        await here.press("R")
        await here.until(lambda: "ses_empty" not in here.app.forest)
        await here.pilot.pause()
        assert here.screen is screen
        assert "is gone" in str(screen.query_one("#talk-head", Static).content)


async def test_an_empty_session_says_so_and_every_key_is_harmless(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        screen = await reading(here, "ses_empty")
        assert "Nothing was said" in shown(screen)
        for key in ("space", "enter", "n", "N", "L", "J", "K", "G", "right_square_bracket", "h"):
            await here.press(key)
        assert isinstance(here.screen, ConversationScreen)


@pytest.mark.parametrize("size", [*SIZES, (200, 60)], ids=str)
async def test_it_is_tidy_in_every_terminal(tmp_path: Path, size: tuple[int, int]) -> None:
    async with visit(hutch(tmp_path), size) as here:
        screen = await reading(here)
        assert untidy(here.screen) == []
        await here.press("slash", *"hare", "enter")
        head = screen.query_one("#talk-head", Static)
        await here.until(lambda: "parts with it" in str(head.content))
        assert untidy(here.screen) == []


async def test_another_session_opens_anew_and_the_same_one_where_it_was(tmp_path: Path) -> None:
    async with visit(hutch(tmp_path)) as here:
        screen = await reading(here)
        await here.press("G", "o")
        assert isinstance(here.screen, SessionsScreen) and here.tree.cursor_id == "ses_hares"
        await here.go_to("ses_burrow")
        again = await reading(here, "ses_burrow")
        assert again is screen and "How are things?" in shown(screen)
