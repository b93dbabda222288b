"""The sessions screen: what it shows, filters, sorts; hostile titles; the details."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, Static

from tests.engine.test_rescue import bloated
from tests.factories import days_ago, execute, make_database, session
from tests.screens.tidy import untidy
from tests.visit import SIZES, garden, visit
from tui.widgets.detail_panel import SessionDetailPanel
from tui.widgets.filter_bar import FilterBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.session_detail import Shown, panel_text
from tui.widgets.session_tree import SessionTree
from tui.widgets.status_header import StatusHeader


async def test_the_frame_stands_before_the_database_is_read(tmp_path: Path) -> None:
    from tests.visit import Visit
    from tui.app import OcduApp
    from tui.engine.site import open_site

    app = OcduApp(open_site(garden(tmp_path)))
    async with app.run_test() as pilot:
        here = Visit(app, pilot, tmp_path)
        assert app.screen.query_one(SessionTree).is_mounted
        await here.until(lambda: app.measure.done)


async def test_sizes_are_those_of_the_payload(tmp_path: Path) -> None:
    path = garden(tmp_path)
    async with visit(path) as here:
        forest = here.app.forest
        for table in ("message", "part"):
            wanted = execute(
                path, f"SELECT session_id, sum(octet_length(data)) FROM {table} GROUP BY 1"
            )
            for id, octets in wanted:
                usage = forest.usage_of(id)
                assert usage is not None and getattr(usage, f"{table}_bytes") == octets


async def test_the_filter_narrows_as_you_type_and_escape_clears(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        everything = here.tree.outline.sessions if here.tree.outline else 0
        await here.press("slash", "h", "o", "l", "e", "s")
        outline = here.tree.outline
        assert outline is not None and outline.sessions == 1
        await here.press("escape")
        assert here.tree.outline is not None and here.tree.outline.sessions == everything
        assert here.tree.cursor_id == "ses_digholes", "what was found keeps the cursor"
        assert here.screen.focused is here.tree
        assert not here.screen.query_one(FilterBar).has_class("-open")


async def test_a_filter_finds_archived_sessions_in_the_active_view_and_says_so(
    tmp_path: Path,
) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.press("slash", *"put")
        assert here.tree.cursor_id == "ses_putaway"
        assert "1 session · 1 archived" in str(here.screen.query_one("#summary", Static).content)
        await here.press("enter", "a")
        await here.idle()
        assert here.archived() == set()
        await here.press("escape")
        outline = here.tree.outline
        assert outline is not None and not outline.is_filtered and outline.order.view == "active"


async def test_words_for_state_narrow_tab_completes_and_a_slip_is_told(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        field = here.screen.query_one(FilterBar)
        hint = here.screen.query_one("#filter-hint", Static)
        await here.press("slash", *"is:sh", "tab")
        assert field.needle == "is:shared "
        outline = here.tree.outline
        assert outline is not None and outline.sessions == 1
        await here.press(*"size:>x")
        assert hint.display and "“x” is not a size" in str(hint.content)
        assert untidy(here.screen) == []
        await here.press(*(["backspace"] * 7))
        assert hint.display and "Esc clears" in str(hint.content)
        await here.press("tab")
        assert not hint.display
        assert here.tree.has_focus, "nothing to complete: on to the tree"


async def test_neither_a_letter_nor_a_fold_lays_the_screen_out_anew(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        laid_out: list[str] = []
        signal = here.screen.screen_layout_refresh_signal
        await here.press("i", "home", "right")  # without the panel: its texts come when they come
        signal.subscribe(here.screen, lambda _: laid_out.append("again"), immediate=True)
        lines = here.tree.count
        await here.press("left")
        assert here.tree.count < lines and laid_out == []
        await here.press("slash", "r")
        laid_out.clear()
        outline = here.tree.outline
        await here.press("o", "s", "backspace")
        assert here.tree.outline is not outline and laid_out == []


async def test_letters_in_the_filter_are_no_keys(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        before = here.sessions()
        await here.press("slash", "d", "a", "q", "colon", "question_mark")
        await here.idle()
        assert here.screen.query_one(Input).value == "daq:?"
        assert here.sessions() == before and here.archived() == {"ses_putaway"}


async def test_cursor_folds_and_marks_survive_a_reload(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_digholes")
        await here.press("space")
        await here.go_to("ses_buyapples")
        opened = set(here.tree.folds.opened)
        await here.press("R")
        await here.idle()
        assert here.tree.cursor_id == "ses_buyapples"
        assert here.tree.marks == {"ses_digholes"} and here.tree.folds.opened == opened


async def test_what_opencode_writes_appears_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.loading.SETTLE", 0.01)
    monkeypatch.setattr("tui.engine.watch.EVERY", 0.05)
    path = garden(tmp_path)
    async with visit(path) as here:
        execute(path, "UPDATE session SET title = 'Renamed' WHERE id = 'ses_oldroses'")
        await here.until(lambda: here.app.forest.row("ses_oldroses").title == "Renamed")


async def test_titles_are_text_and_nothing_else(tmp_path: Path) -> None:
    titles = ["[bold red]x[/]", "a\x1b[31mb", "line\nbreak", "\u202eback", "[/]", "宽标题宽标题"]
    path = make_database(
        tmp_path / "o.db",
        [session(t, id=f"ses_{n}", active=days_ago(n + 1)) for n, t in enumerate(titles)],
    )
    for size in (SIZES[0], SIZES[-1]):
        async with visit(path, size) as here:
            for number in range(len(titles)):
                await here.go_to(f"ses_{number}")
                await here.press("D", "escape")
            picture = here.app.export_screenshot()
            assert "\x1b" not in picture and "\u202e" not in picture


@pytest.mark.parametrize(("size", "beside"), [((120, 40), True), ((80, 24), False)])
async def test_details_stand_beside_the_tree_where_there_is_room(
    tmp_path: Path, size: tuple[int, int], beside: bool
) -> None:
    async with visit(garden(tmp_path), size) as here:
        panel = here.screen.query_one(SessionDetailPanel)
        assert panel.display is beside
        await here.press("i")
        assert panel.display is not beside
        await here.press("i")
        assert panel.display is beside


async def test_details_tell_the_kinds_of_bytes_of_the_whole_tree(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_planttrees")
        panel = here.screen.query_one(SessionDetailPanel)
        await here.until(lambda: isinstance(panel.shown, Shown) and bool(panel.shown.detail.kinds))
        assert isinstance(panel.shown, Shown)
        detail = panel.shown.detail
        assert sum(detail.kinds.values()) == detail.tree_usage.bytes
        text = panel_text(panel.shown, 40).plain
        assert "Plant trees" in text and "of 3 sessions" in text and "the whole tree" in text
        assert all(len(line) <= 40 for line in text.splitlines()[:8])


@pytest.mark.parametrize("size", [(80, 24), (50, 20)])
async def test_a_low_panel_tells_first_what_can_be_got_back(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with visit(garden(tmp_path), size) as here:
        panel = here.screen.query_one(SessionDetailPanel)
        for keys in (["g"], ["g", "j"]):
            await here.press(*keys)
            await here.press("i")
            await here.until(lambda: panel.shown is not None and panel.size.height > 0)
            await here.idle()
            seen = panel.text.plain.splitlines()
            assert any("to trash" in line for line in seen[: panel.size.height]), seen
            await here.press("i")


async def test_the_keyboard_scrolls_details_that_do_not_fit(tmp_path: Path) -> None:
    async with visit(garden(tmp_path), (110, 14)) as here:
        panel = here.screen.query_one(SessionDetailPanel)
        await here.go_to("ses_planttrees")
        await here.until(lambda: isinstance(panel.shown, Shown) and bool(panel.shown.detail.kinds))
        await here.until(lambda: panel.is_cut and panel.max_scroll_y > 0)
        assert "Scroll details" in [key.title for key in here.screen.query_one(KeyBar).keys]
        await here.press(*["J"] * 9)
        await here.until(lambda: panel.scroll_offset.y == panel.max_scroll_y > 0)
        assert here.tree.cursor_id == "ses_planttrees", "the cursor stays"
        last = panel.text.plain.splitlines()[-1].strip()
        drawn = panel.render_line(panel.size.height - 1).text
        assert last.endswith(drawn.strip()[-8:])
        await here.press("K")
        assert panel.scroll_offset.y < panel.max_scroll_y
        await here.press("j")
        await here.until(lambda: panel.scroll_offset.y == 0)


async def test_of_a_subagent_the_gains_are_said_to_be_those_of_the_tree(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        panel = here.screen.query_one(SessionDetailPanel)
        for id, of_tree in (("ses_digholes", True), ("ses_planttrees", False)):
            await here.go_to(id)
            await here.until(
                lambda id=id: isinstance(panel.shown, Shown) and panel.shown.detail.row.id == id  # type: ignore[misc]
            )
            assert ("back, of the whole tree" in panel_text(panel.shown, 40).plain) is of_tree


async def test_a_word_that_is_not_understood_is_named_once_the_filter_is_kept(
    tmp_path: Path,
) -> None:
    async with visit(garden(tmp_path)) as here:
        summary = here.screen.query_one("#summary", Static)
        await here.press("slash", *"size:>abc", "enter")
        assert "not understood" in str(summary.content)
        await here.press("slash", *"foo:bar", "enter")
        assert "“foo:” is no word of the filter" in here.tree.empty_text
        await here.press("escape")
        assert "not understood" not in str(summary.content)


async def test_while_it_is_looked_for_anew_the_header_tells_what_was_found_before(
    tmp_path: Path,
) -> None:
    async with visit(bloated(tmp_path / "opencode.db")) as here:
        header = here.screen.query_one(StatusHeader)
        await here.until(lambda: here.app.promise is not None)
        before = here.app.payloads
        assert header.status.get_back.startswith("about ")
        await here.press("R")
        assert here.app.payloads is not None or before is None
        here.app.payloads = None
        await here.pilot.pause()
        assert header.status.get_back == "", "a part of it is no answer"


async def test_a_cursor_on_a_group_stays_with_it_through_groupings_and_views(
    tmp_path: Path,
) -> None:
    async with visit(garden(tmp_path)) as here:
        tree = here.tree
        house = next(g for g in tree.outline.order.groups if g.label == "house")  # type: ignore[union-attr]
        assert tree.select(house.key)
        await here.press("t")
        assert tree.cursor_id == "ses_kitchenredsinkred", "flat: its first tree"
        await here.press("t")
        group = tree.cursor_group
        assert group is not None and group.label == "last 90 days", "the age of that tree"
        await here.press("t")
        assert tree.cursor_group is not None and tree.cursor_group.key == house.key
        await here.press("s", "S")
        assert tree.cursor_group is not None and tree.cursor_group.key == house.key
        await here.press("v")
        assert tree.cursor_group is not None and tree.cursor_group.key == house.key
        await here.press("v")
        garden_key = next(g.key for g in tree.outline.order.groups if g.label != "house")  # type: ignore[union-attr]
        assert tree.select(garden_key)
        await here.press("v", "v")
        assert tree.cursor_group is not None and tree.cursor_group.key == house.key, "the nearest"
        await here.press("v")
        assert tree.cursor_group is not None and tree.cursor_group.key == garden_key
        await here.press("j", "t", "t", "t")
        assert tree.cursor_group is None or tree.cursor_group.key != garden_key, "moved by hand"


async def test_marks_are_counted_as_whole_trees(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_digholes")
        await here.press("space")
        await here.go_to("ses_buyapples")
        await here.press("space")
        line = here.screen.query_one("#marks", Static)
        assert (
            line.display
            and "1 tree marked" in str(line.content)
            and "3 sessions" in str(line.content)
        )
        await here.press("minus")
        assert not line.display


async def test_sort_view_grouping_and_bars_go_round(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        summary = here.screen.query_one("#summary", Static)
        first = str(summary.content)
        for _ in range(6):
            await here.press("s")
        assert str(summary.content) == first
        await here.press("S")
        assert "▲" in str(summary.content)
        await here.press("v")
        assert "archived" in str(summary.content)
        assert here.tree.outline is not None and here.tree.outline.sessions == 1


async def test_pinned_trees_are_in_no_plan_until_unpinned(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        await here.go_to("ses_oldroses")
        await here.press("P")
        await here.idle()
        assert here.app.forest.row("ses_oldroses").pinned
        await here.press("P")
        await here.idle()
        assert not here.app.forest.row("ses_oldroses").pinned


async def test_the_header_tells_path_size_and_disk(tmp_path: Path) -> None:
    async with visit(garden(tmp_path)) as here:
        status = here.screen.query_one(StatusHeader).status
        assert status.path.endswith("opencode.db") and status.generation == "v1"
        assert status.bytes == here.path.stat().st_size
        assert status.free_disk is not None and status.free_disk > 0


async def test_an_empty_database_says_so(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [])
    for size in (SIZES[0], SIZES[-1]):
        async with visit(path, size) as here:
            assert "no sessions" in here.tree.empty_text
            await here.press("a", "d", "D", "space", "P", "y", "enter", "l", "h")
            await here.idle()
            assert here.tree.count == 0


async def test_who_has_not_moved_yet_starts_at_the_largest_group(tmp_path: Path) -> None:
    """The first picture knows no sizes; the group that was active last stands first in it."""
    path = make_database(
        tmp_path / "o.db",
        [
            session("New and small", project="small", active=days_ago(1)),
            session("Old and large", project="large", active=days_ago(90), octets=90_000),
        ],
    )
    async with visit(path) as here:
        assert here.tree.cursor == 0
        group = here.tree.cursor_group
        assert group is not None and here.tree.folds.opened == {group.key}
        assert group.label == "large"
