"""What the tree shows: order, groups, view, filter, folds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_forest import NAMES, a_row, octets, some_rows
from tui.forest import Forest
from tui.format import DAY
from tui.ordering import GROUPINGS, SORTS, VIEWS, Grouping, Sort, View
from tui.outline import Outline
from tui.records import SessionRow

NOW = 1_000 * DAY

ROWS = [
    a_row("gateway", updated=NOW - DAY // 2, created=30, cost=2.0),
    a_row("agent", "gateway", updated=NOW - 9 * DAY, created=40),
    a_row("helper", "gateway", updated=NOW - 8 * DAY, created=20),
    a_row("flaky", updated=NOW - 12 * DAY, created=50, cost=1.0),
    a_row("deploy", updated=NOW - 400 * DAY, created=10, project_id="prj_infra", project="infra"),
]
USAGE = {
    "gateway": octets(100, 1),
    "agent": octets(10, 5),
    "helper": octets(30, 2),
    "flaky": octets(130, 3),
    "deploy": octets(500, 9),
}


def an_outline(rows: list[SessionRow] | None = None, **how: Any) -> Outline:
    """Everything open, unless the test says otherwise."""
    return Outline.of(Forest.of(ROWS if rows is None else rows, USAGE), NOW, **how)


def shown(outline: Outline, opened: set[str] | None = None) -> list[str]:
    """Keys on show, two blanks for each level; all open when nothing is said."""
    every = {outline.order.key(position) for position in range(len(outline.order.items))}
    return [
        "  " * outline.order.depth[position] + outline.order.key(position)
        for position in outline.lines(every if opened is None else opened)
    ]


def test_groups_roots_and_children_are_sorted_by_what_lies_in_their_subtrees() -> None:
    assert shown(an_outline()) == [
        "project:prj_infra",
        "  deploy",
        "project:prj_shop",
        "  gateway",
        "    helper",
        "    agent",
        "  flaky",
    ]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("size", ["deploy", "gateway", "  helper", "  agent", "flaky"]),
        ("activity", ["gateway", "  helper", "  agent", "flaky", "deploy"]),
        ("created", ["flaky", "gateway", "  agent", "  helper", "deploy"]),
        ("title", ["deploy", "flaky", "gateway", "  agent", "  helper"]),
        ("messages", ["deploy", "gateway", "  agent", "  helper", "flaky"]),
        ("cost", ["gateway", "  helper", "  agent", "flaky", "deploy"]),
    ],
)
def test_each_sort_orders_siblings_on_every_level(sort: Sort, order: list[str]) -> None:
    assert shown(an_outline(grouping="flat", sort=sort)) == order


def test_reversing_turns_siblings_round_and_leaves_children_below_their_parents() -> None:
    assert shown(an_outline(grouping="flat", reverse=True)) == [
        "flaky",
        "gateway",
        "  agent",
        "  helper",
        "deploy",
    ]


def test_while_sizes_are_unknown_the_newest_activity_comes_first() -> None:
    outline = Outline.of(Forest.of(ROWS), NOW, grouping="flat", sort="size")
    assert shown(outline, set()) == ["gateway", "flaky", "deploy"]
    assert outline.line(0).bytes is None
    assert outline.line(0).share is None


def test_bands_of_age_go_by_the_activity_of_the_whole_tree() -> None:
    outline = an_outline(grouping="age", sort="activity")
    assert shown(outline, set(outline.order.headers)) == [
        "age:last 24 hours",
        "  gateway",
        "age:last 30 days",
        "  flaky",
        "age:older than a year",
        "  deploy",
    ]
    assert shown(an_outline(grouping="age", sort="title"), set())[0] == "age:last 24 hours"


def test_a_closed_line_hides_everything_below_it() -> None:
    assert shown(an_outline(), set()) == ["project:prj_infra", "project:prj_shop"]
    assert shown(an_outline(), {"project:prj_shop", "agent"}) == [
        "project:prj_infra",
        "project:prj_shop",
        "  gateway",
        "  flaky",
    ]


ARCHIVED = [
    a_row("gone", archived=5),
    a_row("child of gone", "gone"),
    a_row("here"),
    a_row("put away", "here", archived=6),
    a_row("below it", "put away"),
    a_row("still here", "here"),
]


def test_a_tree_is_shown_by_its_roots_state() -> None:
    assert shown(an_outline(ARCHIVED, grouping="flat", sort="title", view="active")) == [
        "here",
        "  still here",
    ]
    archived = an_outline(ARCHIVED, grouping="flat", sort="title", view="archived")
    assert shown(archived) == ["gone", "  child of gone", "here", "  put away", "    below it"]
    assert len(shown(an_outline(ARCHIVED, grouping="flat"))) == len(ARCHIVED)


def test_an_active_root_above_an_archived_branch_is_context_and_never_a_target() -> None:
    outline = an_outline(ARCHIVED, sort="title", view="archived")
    here = outline.position("here")
    assert here is not None
    assert outline.is_context(here)
    assert outline.targets(0) == ["gone", "put away"]
    assert outline.sessions == 4


def test_a_filter_keeps_the_ancestors_of_what_it_finds_and_opens_them() -> None:
    outline = an_outline().filtered("help")
    assert shown(outline, set()) == ["project:prj_shop", "  gateway", "    helper"]
    position = outline.position("gateway")
    assert position is not None
    assert outline.is_context(position)
    assert outline.folds(position)
    assert outline.targets(outline.lines(set())[0]) == ["helper"]
    assert outline.sessions == outline.trees == 1


def test_below_a_filter_only_what_was_folded_by_hand_is_closed() -> None:
    outline = an_outline().filtered("help")
    keys = [outline.order.key(place) for place in outline.lines(set(), {"gateway"})]
    assert keys == ["project:prj_shop", "gateway"]


def test_a_filter_searches_title_id_and_directory_and_every_word_counts() -> None:
    rows = [
        a_row("ses_1", title="Fix the Gateway"),
        a_row("ses_2", title="Break it", directory="/srv/gateway"),
        a_row("ses_3", title="Straße"),
    ]
    outline = an_outline(rows, grouping="flat", sort="title")
    assert shown(outline.filtered("GATEWAY")) == ["ses_2", "ses_1"]
    assert shown(outline.filtered("gateway fix")) == ["ses_1"]
    assert shown(outline.filtered("ses_3")) == shown(outline.filtered("STRASSE")) == ["ses_3"]
    assert shown(outline.filtered("nothing like it")) == []
    assert len(shown(outline.filtered("   "))) == 3


def test_letters_in_order_find_a_title_only_when_no_substring_does() -> None:
    rows = [a_row("ses_pmt", title="Payment"), a_row("ses_2", title="Prompt")]
    outline = an_outline(rows, grouping="flat", sort="title")
    assert shown(outline.filtered("pmt")) == ["ses_pmt"], "the id holds it literally"
    assert shown(outline.filtered("pymt")) == ["ses_pmt"]
    assert shown(outline.filtered("pt")) == ["ses_2"]
    assert shown(outline.filtered("tnemyap")) == []
    assert shown(outline.filtered("sspt")) == [], "letters of an id stand at random"
    assert shown(outline.filtered("^[.*+")) == []


def test_shares_are_of_the_line_above_and_at_the_top_of_everything() -> None:
    outline = an_outline()
    shares = {line.key: line.share for line in map(outline.line, range(7))}
    assert shares["project:prj_infra"] == pytest.approx(500 / 770)
    assert shares["deploy"] == 1
    assert shares["gateway"] == pytest.approx(140 / 270)
    assert shares["helper"] == pytest.approx(30 / 140)
    flat = an_outline(grouping="flat")
    assert flat.line(0).share == pytest.approx(500 / 770)


def test_new_numbers_appear_without_sorting_anew() -> None:
    outline = an_outline(grouping="flat").filtered("flaky")
    measured = outline.forest.with_usage({**USAGE, "flaky": octets(9_000)})
    renewed = outline.with_forest(measured)
    assert renewed.order is outline.order
    assert renewed.lines(set()) == outline.lines(set())
    assert renewed.line(renewed.lines(set())[0]).bytes == 9_000


def test_a_group_line_counts_its_trees_and_tells_when_nothing_is_complete() -> None:
    line = an_outline().line(2)
    assert (line.trees, line.sessions, line.bytes, line.messages) == (2, 4, 270, 11)
    assert line.complete
    partly = Outline.of(Forest.of(ROWS, {"flaky": octets(130)}), NOW)
    group = partly.line(partly.position("project:prj_shop") or 0)
    assert (group.bytes, group.complete) == (130, False)


def test_a_group_whose_directories_are_all_gone_says_so() -> None:
    rows = [a_row("a", missing=True), a_row("b", missing=True), a_row("c", "a")]
    assert an_outline(rows).order.groups[0].missing
    assert not an_outline([*rows, a_row("d")]).order.groups[0].missing


def test_projects_of_one_name_are_told_apart_by_their_directory() -> None:
    rows = [a_row("a", project_id="1"), a_row("b", project_id="2", directory="/other/shop")]
    hints = {group.key: group.hint for group in an_outline(rows).order.groups}
    assert hints == {"project:1": "/home/dev/shop", "project:2": "/other/shop"}
    assert an_outline().order.groups[0].hint == ""


@given(
    some_rows,
    st.sampled_from(GROUPINGS),
    st.sampled_from(SORTS),
    st.booleans(),
    st.sampled_from(VIEWS),
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from(["", "a", "shop", "zz"]),
)
def test_every_line_stands_once_below_its_parent_whatever_is_asked(
    rows: list[SessionRow],
    grouping: Grouping,
    sort: Sort,
    reverse: bool,
    view: View,
    opened: set[str],
    needle: str,
) -> None:
    archived = [row._replace(archived=row.created or None) for row in rows]
    forest = Forest.of(archived, {"a": octets(5), "c": octets(50)})
    outline = Outline.of(forest, NOW, grouping, sort, reverse, view, needle)
    order = outline.order
    keys = [order.key(position) for position in range(len(order.items))]
    assert len(keys) == len(set(keys))
    if view == "all":
        assert set(keys) - set(order.headers) == {row.id for row in rows}
    for position, above in enumerate(order.parent):
        assert outline.position(keys[position]) == position
        assert above < position
        if above >= 0 and order.items[above] >= 0:
            row = order.rows[order.items[position]]
            assert row.parent_id == keys[above]
            assert position < above + order.span[above]
    lines = outline.lines(opened | set(order.headers))
    assert lines == sorted(set(lines))
    for position in lines:
        assert order.parent[position] < 0 or order.parent[position] in lines
        assert outline.line(position).key == keys[position]


@given(some_rows, st.sets(st.sampled_from(NAMES)), st.booleans())
def test_below_a_filter_folds_hide_exactly_what_lies_below_them(
    rows: list[SessionRow], folded: set[str], grouped: bool
) -> None:
    grouping: Grouping = "project" if grouped else "flat"
    outline = Outline.of(Forest.of(rows, USAGE), NOW, grouping).filtered("e")
    folds = {outline.position(key) for key in folded}
    every = outline.lines(set())
    hidden = [at for at in every if folds & set(outline.ancestors(at))]
    assert outline.lines(set(), folded) == [at for at in every if at not in hidden]
