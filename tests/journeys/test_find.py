"""Finding a session: by a piece of its title, by a word said in it; counted in keys."""

from __future__ import annotations

from pathlib import Path

from tests.factories import Tool, Turn, days_ago, make_database, session
from tests.visit import Visit, visit
from tui.screens.conversation import ConversationScreen
from tui.screens.search import SearchScreen


def crowd(path: Path) -> Path:
    """Many sessions; one of them, old, archived and a child, holds the word."""
    secret = session(
        "Child", id="ses_secret", archived=days_ago(100), active=days_ago(200),
        turns=[Turn("Run it", "Done", [Tool(9)]), Turn("It said: permission \"denied\"")],
    )  # fmt: skip
    others = [session(f"Session {n}", project=f"p{n % 5}", active=days_ago(n)) for n in range(60)]
    return make_database(
        path / "opencode" / "opencode.db",
        [*others, session("Parent", archived=days_ago(100), active=days_ago(200),
                          children=[secret])],
    )  # fmt: skip


async def pressed(here: Visit, *keys: str) -> int:
    """Press keys; how many that were."""
    await here.press(*keys)
    return len(keys)


async def test_a_word_said_long_ago_leads_to_its_session_in_four_keys_beside_the_word(
    tmp_path: Path,
) -> None:
    async with visit(crowd(tmp_path)) as here:
        word = [{'"': "quotation_mark", " ": "space"}.get(char, char) for char in 'n "denied"']
        keys = await pressed(here, "slash", "slash", *word, "enter")
        screen = here.screen
        assert isinstance(screen, SearchScreen)
        await here.until(lambda: len(screen.hits) == 1 and screen.stop is None)
        keys += await pressed(here, "enter")
        assert here.tree.cursor_id == "ses_secret"
        assert keys - len(word) == 4


async def test_from_the_word_into_the_conversation_and_out_to_the_tree(tmp_path: Path) -> None:
    async with visit(crowd(tmp_path)) as here:
        await here.press("ctrl+f", *"denied", "enter")
        found = here.screen
        assert isinstance(found, SearchScreen)
        await here.until(lambda: len(found.hits) == 1 and found.stop is None)
        await here.press("o")
        screen = here.screen
        assert isinstance(screen, ConversationScreen)
        await here.until(lambda: screen.share == 1)
        assert screen.talk.here is not None and screen.talk.here.key == "prt_secret_1u_0"
        await here.press("o")
        assert here.tree.cursor_id == "ses_secret"


async def test_any_session_is_found_by_a_piece_of_its_title_whatever_its_state(
    tmp_path: Path,
) -> None:
    async with visit(crowd(tmp_path)) as here:
        assert await pressed(here, "slash", *"paren", "enter", "o") == 8
        assert isinstance(here.screen, ConversationScreen)
        assert here.screen.session_id == "ses_parent"
        await here.press("escape", "slash")
        await here.press(*(["backspace"] * 5), *"sesion 41", "enter")
        assert here.tree.cursor_id == "ses_session41"
