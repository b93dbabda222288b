"""Archive with one key, take it back with another."""

from __future__ import annotations

from pathlib import Path

from tests.visit import garden, visit


async def test_one_key_archives_the_whole_tree_and_another_brings_it_back(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.archived()
        await here.go_to("ses_digholes")
        await here.press("a")
        await here.idle()
        tree = {"ses_planttrees", "ses_digholes", "ses_buyapples"}
        assert here.archived() == before | tree
        assert "frees no space" in here.toasts[-1] and "u undoes" in here.toasts[-1]
        assert here.tree.outline is not None
        assert here.tree.outline.position("ses_planttrees") is None  # the view is of active ones
        await here.press("u")
        await here.idle()
        assert here.archived() == before


async def test_the_same_key_unarchives_what_is_archived(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("v")
        await here.go_to("ses_putaway")
        await here.press("a")
        await here.idle()
        assert here.archived() == set()


async def test_marked_trees_are_archived_together(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("space")
        await here.go_to("ses_freshcress")
        await here.press("space", "a")
        await here.idle()
        assert {"ses_oldroses", "ses_freshcress"} <= here.archived()
        assert here.tree.marks == set()


async def test_what_u_would_undo_stands_in_the_last_line(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        assert here.app.undoable is None
        await here.go_to("ses_oldroses")
        await here.press("a")
        await here.idle()
        await here.until(lambda: here.app.undoable is not None)
        assert "Old roses" in (here.app.undoable or "")
