"""The files screen: sizes as a tree, live while counting; removing asks first."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Static

from tests.data_directory import DEAD, LIVING, STORE, data_directory, du, filled, put
from tests.screens.tidy import untidy
from tests.visit import SIZES, Visit, visit
from tui.format import size
from tui.screens.confirm import ConfirmDialog
from tui.widgets.file_tree import FileTree


async def counted(here: Visit) -> FileTree:
    """The tree of the files screen, once all is counted."""
    await here.press("3")
    tree = here.screen.query_one(FileTree)
    summary = here.screen.query_one("#summary", Static)
    await here.until(lambda: tree.count > 0 and "counting" not in str(summary.content))
    return tree


def line(tree: FileTree, id: str, width: int = 120) -> str:
    at = next(i for i, row in enumerate(tree.rows) if row.id == id)
    return "".join(text for text, _ in tree.pieces(at, width))


@pytest.mark.parametrize("terminal", SIZES, ids=str)
async def test_it_is_tidy_and_says_how_much_there_is(
    tmp_path: Path, terminal: tuple[int, int]
) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db", terminal) as here:
        await counted(here)
        assert untidy(here.screen) == []
        summary = str(here.screen.query_one("#summary", Static).content)
        assert size(du(folder)) in summary


async def test_a_row_shows_size_count_and_why(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db") as here:
        tree = await counted(here)
        shown = line(tree, "tool-output/old")
        assert size(12_288) in shown and "older than 7 days" in shown and "✓ Older" in shown
        assert "✓" not in line(tree, "log/newest")
        tree.select("log/newest")
        await here.pilot.pause()
        message = here.screen.query_one("#message", Static)
        assert "opencode writes to it" in str(message.content)


async def test_enter_folds_and_arrows_walk(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db") as here:
        tree = await counted(here)
        tree.select(f"snapshot/{LIVING}")
        assert f"snapshot/{LIVING}/{STORE}" not in [row.id for row in tree.rows]
        await here.press("l")
        assert f"snapshot/{LIVING}/{STORE}" in [row.id for row in tree.rows]
        await here.press("down", "h")
        assert tree.row is not None and tree.row.id == f"snapshot/{LIVING}"
        await here.press("h", "h", "enter")
        assert tree.row.id == "snapshot"
        assert f"snapshot/{LIVING}" not in [row.id for row in tree.rows]


async def test_removing_names_count_and_bytes_and_escape_keeps_all(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db") as here:
        tree = await counted(here)
        tree.select("log")
        await here.press("d")
        assert isinstance(here.screen, ConfirmDialog)
        assert here.button() == f"Remove 2 files — {size(16_384)}"
        sentences = str(here.screen.query_one("#sentences", Static).content)
        assert "nothing brings them back" in sentences
        focused = here.screen.focused
        assert isinstance(focused, Button) and focused.id == "safe"
        await here.press("enter")
        await here.idle()
        assert len(list((folder / "log").iterdir())) == 3
        await here.press("d", "tab", "enter")
        await here.idle()
        await here.until(lambda: len(list((folder / "log").iterdir())) == 1)
        await here.until(lambda: "log/old" not in [row.id for row in tree.rows])


async def test_all_that_may_go_goes_at_once(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db") as here:
        await counted(here)
        await here.press("E")
        assert here.button().startswith("Remove 7 files")
        await here.press("tab", "enter")
        await here.idle()
        await here.until(lambda: not (folder / "snapshot" / DEAD).exists())
        await here.idle()
        assert (folder / "auth.json").exists() and (folder / "opencode-next.db").exists()


async def test_what_must_stay_says_why_instead_of_asking(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    async with visit(folder / "opencode.db") as here:
        tree = await counted(here)
        tree.select("log/newest")
        await here.press("d")
        assert not isinstance(here.screen, ConfirmDialog)
        assert any("newest log" in toast for toast in here.toasts)


async def test_hostile_names_are_shown_harmlessly(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    put(folder / "snapshot" / "[red]evil\n\x1b[2J" / "objects" / "x")
    put(folder / "repos" / "x")
    (folder / "a\u202eb").symlink_to("/")
    async with visit(folder / "opencode.db", (80, 24)) as here:
        tree = await counted(here)
        shown = "".join(line(tree, row.id, 80) for row in tree.rows)
        assert not set(shown) & {"\n", "\x1b", "\u202e"}
        for _ in tree.rows:
            await here.press("down")
        assert untidy(here.screen) == []
