"""The reclaim in the background: asked once, then quiet; never without consent."""

from __future__ import annotations

from pathlib import Path

from tests.factories import NOW, Tool, days_ago, execute, make_database, session
from tests.picture import picture
from tests.visit import Visit, visit
from tui.config import Config
from tui.screens.confirm import ConfirmDialog


def marked(path: Path) -> Path:
    """One session with output that opencode marked as compacted."""
    tools = [Tool(50_000, compacted=True), Tool(3_000)]
    return make_database(
        path / "opencode.db", [session("Long talk", active=days_ago(3), tools=tools)]
    )


def outputs(path: Path) -> list[str]:
    found = execute(
        path, "SELECT data ->> '$.state.output' FROM part WHERE data ->> '$.type' = 'tool'"
    )
    return sorted(str(text) for (text,) in found)


async def asked(here: Visit) -> None:
    await here.until(lambda: isinstance(here.screen, ConfirmDialog))


async def test_not_now_is_the_safe_choice_and_nothing_is_written(tmp_path: Path) -> None:
    path = marked(tmp_path)
    before = picture(path)
    async with visit(path, config=Config()) as here:
        await asked(here)
        await here.press("enter")
        await here.idle()
        assert here.app.site.ledger.consent() is False
    assert picture(path) == before


async def test_with_consent_marked_output_goes_and_the_rest_stays(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path, config=Config()) as here:
        await asked(here)
        await here.press("right", "enter")
        await here.until(lambda: outputs(path) == ["[reclaimed]", "o" * 3_000])
        await here.idle()
        assert here.app.site.ledger.consent() is True
        assert here.toasts == []  # what nobody ordered is not announced


async def test_consent_given_once_is_enough(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path, config=Config()) as here:
        await asked(here)
        await here.press("right", "enter")
        await here.until(lambda: "[reclaimed]" in outputs(path))
        await here.idle()
    execute(
        path,
        "UPDATE part SET time_updated = ?, data = json_set(data, '$.state.time.compacted', ?)"
        " WHERE data ->> '$.state.output' LIKE 'ooo%'",
        NOW,
        NOW,
    )
    async with visit(path, config=Config()) as here:
        await here.until(lambda: outputs(path) == ["[reclaimed]", "[reclaimed]"])


async def test_reclaim_by_key_shows_the_bytes_and_takes_only_them(tmp_path: Path) -> None:
    path = marked(tmp_path)
    async with visit(path) as here:
        await here.press("r")
        await here.until(lambda: here.button().startswith("Reclaim 1 tool output"))
        here.screen.query_one("#act").focus()
        await here.press("enter")
        await here.idle()
        assert outputs(path) == ["[reclaimed]", "o" * 3_000]
        assert here.toasts
