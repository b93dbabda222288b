"""Other databases: what they hold, why a session may be hidden, and the way there."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Static

from tests.factories import make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.screens.databases import DatabasesDialog


def two(home: Path) -> tuple[Path, Path]:
    """A database of the release, and a larger one of a development build."""
    folder = home / "data" / "opencode"
    dev = make_database(folder / "opencode-dev.db", [session("Far", octets=90_000)])
    return make_database(folder / "opencode.db", [session("Near")]), dev


async def asked(here: Visit) -> DatabasesDialog:
    await here.press("O")
    dialog = here.screen
    assert isinstance(dialog, DatabasesDialog)
    await here.until(lambda: dialog.table.count > 0)
    return dialog


async def test_the_other_database_is_opened_with_enter(home: Path) -> None:
    path, dev = two(home)
    async with visit(path) as here:
        dialog = await asked(here)
        assert [row.key for row in dialog.table.rows] == [str(dev), str(path)]
        hints = str(dialog.query_one("#hints", Static).content)
        assert "1 session more in 1 other database" in hints
        assert not dialog.query_one("#act", Button).disabled
        await here.press("enter")
        assert here.app.next_database == dev


async def test_the_open_one_and_a_broken_one_are_not_offered(home: Path) -> None:
    path, dev = two(home)
    dev.write_bytes(b"broken" * 9999)
    async with visit(path) as here:
        dialog = await asked(here)
        for _ in range(2):
            assert dialog.query_one("#act", Button).disabled
            await here.press("enter", "down")
        told = {row.key: row.cells[-1][0] for row in dialog.table.rows}
        assert "not an SQLite database" in told[str(dev)] and told[str(path)].startswith("●")
        assert here.app.next_database is None
        await here.press("escape")
        assert not isinstance(here.screen, DatabasesDialog)


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_tidy_in_every_terminal(home: Path, size: tuple[int, int]) -> None:
    path, _ = two(home)
    async with visit(path, size) as here:
        await asked(here)
        assert untidy(here.screen) == []
