"""The session tree: keys, mouse, marks, columns, and that a key costs one screenful."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.message import Message

from tests.test_forest import a_row, octets
from tests.test_outline import NOW, ROWS, USAGE
from tui.forest import Forest
from tui.format import cells
from tui.ordering import Order
from tui.outline import Outline
from tui.records import SessionRow, Usage
from tui.widgets.session_line import Layout, pieces
from tui.widgets.session_tree import SessionTree

SIZES = [(120, 40), (80, 24), (50, 20)]


class CountingTree(SessionTree):
    """Counts the lines it draws."""

    drawn = 0

    def pieces(self, line: int, width: int) -> Any:
        self.drawn += 1
        return super().pieces(line, width)


class TreeApp(App[None]):
    """A session tree and nothing else; keeps every message."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield CountingTree()

    @property
    def tree_widget(self) -> CountingTree:
        return self.query_one(CountingTree)

    def on_session_tree_highlighted(self, event: SessionTree.Highlighted) -> None:
        self.heard.append(event)

    def on_session_tree_chosen(self, event: SessionTree.Chosen) -> None:
        self.heard.append(event)

    def on_session_tree_marks_changed(self, event: SessionTree.MarksChanged) -> None:
        self.heard.append(event)

    def on_session_tree_sort_requested(self, event: SessionTree.SortRequested) -> None:
        self.heard.append(event)


def screen_lines(app: App[None]) -> list[str]:
    """What is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in strips]


def an_outline(
    rows: list[SessionRow] | None = None, usage: dict[str, Usage] | None = None, **how: Any
) -> Outline:
    """The shop and infra sessions of the outline's tests, without groups."""
    forest = Forest.of(ROWS if rows is None else rows, USAGE if usage is None else usage)
    return Outline.of(forest, NOW, **{"grouping": "flat", **how})


def many(sessions: int) -> list[SessionRow]:
    """Trees of ten, each root with nine children."""
    return [
        a_row(f"s{i}", f"s{i // 10 * 10}" if i % 10 else None, updated=NOW - i)
        for i in range(sessions)
    ]


async def test_h_and_l_open_close_and_climb() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline())
        assert tree.cursor_id == "deploy"
        await pilot.press("l", "j", "l")
        assert (tree.count, tree.cursor_id) == (5, "gateway")
        await pilot.press("down", "down")
        assert tree.cursor_id == "agent"
        await pilot.press("h")
        assert (tree.cursor_id, tree.count) == ("gateway", 5)
        await pilot.press("left")
        assert (tree.cursor_id, tree.count) == ("gateway", 3)
        await pilot.press("h", "right", "G")
        assert (tree.cursor_id, tree.count) == ("flaky", 5)


async def test_enter_opens_then_chooses_and_never_anything_else() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline())
        await pilot.press("j", "enter")
        assert tree.folds.opened == {"gateway"}
        assert not [event for event in app.heard if isinstance(event, SessionTree.Chosen)]
        await pilot.press("enter", "j", "enter")
        chosen = [event.row.id for event in app.heard if isinstance(event, SessionTree.Chosen)]
        assert chosen == ["gateway", "helper"]
        await pilot.press("delete", "backspace")
        assert tree.marks == set()


async def test_the_first_group_is_open_at_the_first_sight_and_enter_folds_it() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline(grouping="project"))
        assert tree.count == 3
        assert tree.cursor_id is None
        assert tree.cursor_group is not None
        assert tree.cursor_group.label == "infra"
        await pilot.press("enter")
        tree.show(an_outline(grouping="project"))
        assert tree.count == 2


async def test_the_cursor_stays_on_its_session_and_on_its_row_when_the_order_changes() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.focus()
        rows = many(1000)
        tree.show(an_outline(rows, sort="activity"))
        await pilot.press("pagedown", "pagedown", "k", "k")
        here, height = tree.cursor_id, tree.cursor - tree.scroll_offset.y
        assert here == "s420"
        tree.show(an_outline(rows, sort="activity", reverse=True))
        await pilot.pause()
        assert tree.cursor_id == here
        assert tree.cursor == 57
        assert tree.cursor - tree.scroll_offset.y == height


async def test_when_its_session_is_gone_the_cursor_stays_on_its_line() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline(many(100), sort="activity"))
        await pilot.press("j", "j", "space", "k")
        assert tree.cursor_id == "s20"
        assert tree.marks == {"s20"}
        left = [row for row in many(100) if not 20 <= int(row.id[1:]) < 30]
        tree.show(an_outline(left, sort="activity"))
        assert tree.cursor_id == "s30"
        assert tree.marks == set()
        tree.show(an_outline([]))
        await pilot.press("j", "space", "l", "h", "enter", "G", "asterisk")
        assert tree.cursor_id is None


async def test_clearing_a_filter_leaves_the_cursor_on_what_was_found() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.focus()
        outline = an_outline()
        tree.show(outline)
        tree.show(outline.filtered("helper"))
        await pilot.press("G")
        assert tree.cursor_id == "helper"
        await pilot.press("k", "h")
        assert tree.count == 1
        await pilot.press("l", "j")
        tree.show(outline)
        assert tree.cursor_id == "helper"
        assert tree.folds.opened == {"gateway"}


async def test_select_opens_what_hides_a_session() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)):
        tree = app.tree_widget
        tree.show(an_outline(grouping="project"))
        assert tree.select("agent")
        assert tree.cursor_id == "agent"
        assert not tree.select("nobody")
        assert tree.cursor_id == "agent"


async def test_space_marks_and_moves_on_and_a_group_stands_for_its_trees() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline(grouping="project"))
        await pilot.press("space", "space")
        assert tree.marks == set(), "the group's tree was marked, then unmarked on its own line"
        await pilot.press("space")
        assert tree.marked_ids() == ["gateway", "flaky"]
        await pilot.pause()
        assert [line[0] for line in screen_lines(app)[1:4]] == [" ", " ", "✓"]
        await pilot.press("minus")
        assert tree.marked_ids() == []
        last = [event.ids for event in app.heard if isinstance(event, SessionTree.MarksChanged)]
        assert last[-2:] == [frozenset({"gateway", "flaky"}), frozenset()]


async def test_the_star_marks_what_was_asked_for_and_not_what_leads_to_it() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline(grouping="project").filtered("helper"))
        await pilot.press("asterisk")
        assert tree.marks == {"helper"}
        await pilot.press("minus")
        tree.show(an_outline(grouping="project"))
        tree.folds.opened = set()
        tree.show(an_outline(grouping="project"))
        await pilot.press("asterisk")
        assert tree.marks == {"deploy", "gateway", "flaky"}


async def test_marks_survive_a_filter_and_leave_with_the_view() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline())
        await pilot.press("space")
        tree.show(an_outline().filtered("flaky"))
        assert tree.marks == {"deploy"}
        archived = [row._replace(archived=1 if row.id == "deploy" else None) for row in ROWS]
        tree.show(an_outline(archived, view="active"))
        assert tree.marks == set(), "what can no longer be seen must not be pruned by a key"


async def test_a_click_moves_a_click_on_the_glyph_folds_and_a_double_click_does_both() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.show(an_outline())
        await pilot.pause()
        await pilot.click(tree, offset=(40, 2))
        assert (tree.cursor_id, tree.count) == ("gateway", 3)
        await pilot.click(tree, offset=(1, 2))
        assert tree.count == 5
        await pilot.click(tree, offset=(60, 2), times=2)
        assert tree.count == 3
        await pilot.click(tree, offset=(60, 3), times=2)
        assert isinstance(app.heard[-1], SessionTree.Chosen)
        await pilot.click(tree, offset=(0, 1))
        assert tree.marks == {"deploy"}
        await pilot.click(tree, offset=(40, 30))
        assert tree.cursor_id == "deploy"


async def test_the_line_below_the_mouse_lights_up_and_goes_out() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.show(an_outline())
        await pilot.hover(tree, offset=(20, 3))
        assert tree.hover == 2
        await pilot.hover(tree, offset=(20, 0))
        assert tree.hover == -1


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.show(an_outline(many(1000)))
        await pilot.pause()
        tree.post_message(MouseScrollDown(tree, 9, 9, 0, 1, 0, False, False, False, 9, 9))
        await pilot.pause()
        await pilot.wait_for_animation()
        assert tree.scroll_offset.y > 0
        assert tree.cursor == 0


async def test_a_click_on_a_heading_asks_for_that_order() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.show(an_outline())
        await pilot.pause()
        heading = screen_lines(app)[0]
        for name in ("size", "active", "msgs", "session"):
            await pilot.click(tree, offset=(heading.index(name), 0))
        asked = [e.column for e in app.heard if isinstance(e, SessionTree.SortRequested)]
        assert asked == ["size", "activity", "messages", "title"]
        assert "size▼" in heading


@pytest.mark.parametrize(
    ("how", "heading", "first"),
    [
        ({"sort": "activity"}, "active▼", "12 h"),
        ({"sort": "activity", "reverse": True}, "active▲", "13 mo"),
        ({"sort": "cost"}, "cost▼", "$2.00"),
        ({"sort": "title"}, "session▲", "Deploy"),
        ({"sort": "created"}, "created▼", "Flaky"),
    ],
)
async def test_the_order_is_named_in_the_heading_and_its_value_is_on_the_line(
    how: dict[str, Any], heading: str, first: str
) -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.tree_widget.show(an_outline(**how))
        await pilot.pause()
        lines = screen_lines(app)
        assert heading in lines[0]
        assert first in lines[1]


HOSTILE = [
    a_row("ses_1", title="漢字" * 80, shared=True, pinned=True, running=True, missing=True),
    a_row("ses_2", "ses_1", title="[red]\x1b[31m\nevil\u202e" + "x" * 300, archived=5),
    a_row("ses_3", "ses_2", title=""),
    a_row("ses_4", title="e\u0301" * 90 + "👍🏽" * 50, generation="both"),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bars", ["bar", "percent", "both", "none"])
async def test_nothing_is_wider_than_the_tree_and_no_title_reaches_the_terminal_raw(
    size: tuple[int, int], bars: Any
) -> None:
    app = TreeApp()
    async with app.run_test(size=size) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.bars = bars
        tree.show(an_outline(HOSTILE, {"ses_1": octets(10**12)}, grouping="project"))
        for id in ("ses_3", "ses_4"):
            tree.select(id)
        await pilot.pause()
        strips = [tree.render_line(y) for y in range(tree.size.height)]
        assert {strip.cell_length for strip in strips} == {tree.line_width}
        lines = screen_lines(app)
        assert {cells(line) for line in lines} == {size[0]}
        text = "\n".join(lines)
        assert not {"\x1b", "\u202e", "\t"} & set(text)
        assert "1.00 TB" in text
        assert "(no title)" in text
        assert "…" in text


async def test_numbers_come_into_reserved_columns_and_nothing_jumps() -> None:
    app = TreeApp()
    async with app.run_test(size=(100, 24)) as pilot:
        tree = app.tree_widget
        outline = an_outline(usage={}, sort="title")
        tree.show(outline)
        await pilot.pause()
        before = screen_lines(app)[1]
        tree.show(outline.with_forest(outline.forest.with_usage(USAGE)))
        await pilot.pause()
        after = screen_lines(app)[1]
        assert before.index("Deploy") == after.index("Deploy")
        assert "·" in before
        assert "500 B" in after


def test_narrow_screens_lose_bars_first_and_keep_size_activity_and_title() -> None:
    wide = Layout.of(120, 120, "both", "size", False)
    half = Layout.of(79, 80, "both", "size", False)
    slim = Layout.of(49, 50, "both", "size", False)
    beside_details = Layout.of(76, 120, "bar", "size", False)
    assert (wide.bar, half.bar, slim.bar, beside_details.bar) == (8, 3, 0, 8)
    assert [sort for sort, _ in slim.columns] == ["size", "activity"]
    assert half.counts
    assert not slim.percent
    assert slim.title >= 24


async def test_badges_have_words_where_there_is_room() -> None:
    app = TreeApp()
    rows = [
        a_row("ses_1", title="Talk about room", shared=True),
        a_row("ses_2", "ses_1", running=True),
        a_row("ses_3", missing=True, archived=4, pinned=True),
    ]
    async with app.run_test(size=(120, 40)) as pilot:
        app.tree_widget.show(an_outline(rows, sort="title"))
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        for badge in ("◆ shared", "1↳", "▣ archived", "⚑ pinned", "⚠ directory is gone"):
            assert badge in text
        assert "V1" not in text
        await pilot.resize_terminal(50, 20)
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "◆" in text
        assert "shared" not in text
        assert "Talk about room" in text


async def test_of_two_badges_the_less_important_loses_its_words_first() -> None:
    row = a_row("ses_1", title="A title of thirty-four cells, no more", missing=True, archived=4)
    line = an_outline([row]).line(0)

    def shown(width: int) -> str:
        layout = Layout(width, 0, False, False, "size", False)
        return "".join(text for text, _ in pieces(line, layout, 0, False, False, False))

    assert "▣ archived  ⚠ directory is gone" in shown(100)
    assert "▣  ⚠ directory is gone" in shown(82)
    assert shown(60).endswith("▣  ⚠")


async def test_generations_are_named_only_where_they_differ() -> None:
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        rows = [a_row("one"), a_row("two", generation="v2"), a_row("three", generation="both")]
        app.tree_widget.show(an_outline(rows))
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert all(name in text for name in ("V1", "V2", "BOTH"))


async def test_an_empty_tree_says_why() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.empty_text = "Nothing matches [b]“zz”.\nEsc clears the filter."
        tree.show(an_outline().filtered("zz zz"))
        await pilot.pause()
        assert "Nothing matches [b]“zz”." in screen_lines(app)[1]
        assert "Esc clears the filter." in screen_lines(app)[2]


async def test_the_cursor_is_told_once_for_each_session_it_reaches() -> None:
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.tree_widget
        tree.focus()
        tree.show(an_outline())
        await pilot.press("j", "j", "j", "k")
        tree.show(an_outline())
        await pilot.pause()
        told = [e.row.id for e in app.heard if isinstance(e, SessionTree.Highlighted) and e.row]
        assert told == ["deploy", "gateway", "flaky", "gateway"]


async def test_with_twenty_thousand_sessions_a_key_draws_one_screenful_and_orders_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Order] = []
    original = Order.__init__

    def counted(self: Order, *given: Any, **named: Any) -> None:
        made.append(self)
        original(self, *given, **named)

    monkeypatch.setattr(Order, "__init__", counted)
    app = TreeApp()
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.tree_widget
        tree.focus()
        outline = an_outline(many(20_000), {}, grouping="project")
        tree.show(outline)
        await pilot.pause()
        for key in ("j", "k", "pagedown", "G", "h", "l", "k", "g", "space", "minus", "asterisk"):
            tree.drawn = 0
            await pilot.press(key)
            await pilot.pause()
            assert tree.drawn <= 39 + 2, key
        for needle in ("s", "s1", "s19", ""):
            tree.drawn = 0
            tree.show(outline.filtered(needle))
            await pilot.pause()
            assert tree.drawn <= 39 + 2, needle
        assert made == [outline.order]
        tree.drawn = 0
        await pilot.press("j")
        await pilot.pause()
        assert tree.drawn <= 2
