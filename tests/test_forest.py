"""The sessions as flat arrays: laws that hold for any parent_id whatsoever."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.forest import Forest
from tui.records import NOTHING, SessionRow, Usage


def a_row(id: str, parent: str | None = None, **more: Any) -> SessionRow:
    """A session of which only the point of the test is given."""
    row = SessionRow(
        id=id,
        parent_id=parent,
        project_id="prj_shop",
        project="shop",
        title=id.title(),
        directory="/home/dev/shop",
        created=1_000,
        updated=2_000,
        archived=None,
    )
    return row._replace(**more)


def octets(amount: int, messages: int = 1) -> Usage:
    """A usage of so many octets, spread over two tables."""
    return Usage(messages=messages, part_bytes=amount - amount // 2, event_bytes=amount // 2)


NAMES = "abcdefgh"
some_rows = st.lists(
    st.builds(
        lambda id, parent, created, active: a_row(id, parent, created=created, updated=active),
        st.sampled_from(NAMES),
        st.none() | st.sampled_from([*NAMES, "gone", ""]),
        st.integers(0, 3),
        st.integers(0, 9),
    ),
    unique_by=lambda row: row.id,
)
some_usage = st.dictionaries(st.sampled_from(NAMES), st.builds(octets, st.integers(0, 99)))


@given(some_rows)
def test_every_session_stands_exactly_once_right_below_its_parent(rows: list[SessionRow]) -> None:
    forest = Forest.of(rows)
    assert sorted(row.id for row in forest.rows) == sorted(row.id for row in rows)
    for i, row in enumerate(forest.rows):
        above = forest.parent[i]
        assert forest.index(row.id) == i
        if above >= 0:
            assert forest.rows[above].id == row.parent_id
            assert above < i < above + forest.span[above]
            assert forest.depth[i] == forest.depth[above] + 1
        else:
            assert forest.depth[i] == 0


@given(some_rows)
def test_a_span_counts_a_session_and_all_below_it(rows: list[SessionRow]) -> None:
    forest = Forest.of(rows)
    for i in range(len(forest)):
        children = [k for k in range(len(forest)) if forest.parent[k] == i]
        assert forest.span[i] == 1 + sum(forest.span[child] for child in children)


@given(some_rows, some_usage)
def test_a_tree_adds_up_what_its_sessions_say(
    rows: list[SessionRow], usage: dict[str, Usage]
) -> None:
    forest = Forest.of(rows, usage)
    trees = list(forest.trees())
    assert sorted(id for tree in trees for id in tree.ids) == sorted(row.id for row in rows)
    assert forest.bytes == sum(tree.bytes for tree in trees)
    for tree in trees:
        total = NOTHING
        for id in tree.ids:
            total = total.plus(usage.get(id, NOTHING))
        assert tree.usage == total
        assert tree.active == max(row.active for row in tree.rows)
        assert tree.measured == all(id in usage for id in tree.ids)
        top = forest.index(tree.root.id)
        assert forest.subtree_bytes(top) == total.bytes
        assert forest.subtree_messages(top) == total.messages


@given(some_rows, some_usage, some_usage)
def test_new_sizes_change_sizes_and_nothing_else(
    rows: list[SessionRow], before: dict[str, Usage], after: dict[str, Usage]
) -> None:
    forest = Forest.of(rows, before)
    renewed = forest.with_usage(after)
    assert renewed.shape is forest.shape
    assert list(renewed.trees()) == list(Forest.of(rows, after).trees())


@given(some_rows)
def test_a_root_has_no_known_parent_or_is_the_oldest_of_a_cycle(rows: list[SessionRow]) -> None:
    known = {row.id: row for row in rows}
    for tree in Forest.of(rows).trees():
        circle: list[SessionRow] = []
        row: SessionRow | None = tree.root
        while row is not None and row not in circle:
            circle.append(row)
            row = known.get(row.parent_id or "")
        if row is not None:
            assert row is tree.root
            assert (row.created, row.id) == min((each.created, each.id) for each in circle)


def test_a_cycle_hangs_on_its_oldest_member_with_all_that_hangs_on_it() -> None:
    rows = [a_row("a", "c", created=5), a_row("b", "a", created=3), a_row("c", "b", created=4)]
    rows += [a_row("leaf", "c"), a_row("self", "self")]
    trees = {tree.root.id: tree.ids for tree in Forest.of(rows).trees()}
    assert trees == {"b": ("b", "c", "a", "leaf"), "self": ("self",)} or trees == {
        "b": ("b", "c", "leaf", "a"),
        "self": ("self",),
    }


def test_a_child_whose_parent_is_gone_is_a_dangling_root() -> None:
    forest = Forest.of([a_row("child", "gone"), a_row("root"), a_row("other", "root")])
    assert [tree.root.id for tree in forest.trees()] == ["child", "root"]
    assert forest.is_dangling("child")
    assert not forest.is_dangling("root")
    assert not forest.is_dangling("other")


def test_trees_come_with_the_newest_activity_anywhere_in_them_first() -> None:
    rows = [
        a_row("old", updated=1),
        a_row("busy child", "old", updated=3, last_message=99),
        a_row("new", updated=50),
    ]
    assert [tree.root.id for tree in Forest.of(rows).trees()] == ["old", "new"]


def test_tree_of_a_child_is_the_whole_and_branch_of_it_only_what_is_below() -> None:
    forest = Forest.of([a_row("top"), a_row("mid", "top"), a_row("leaf", "mid"), a_row("x", "top")])
    assert set(forest.tree_of("leaf").ids) == {"top", "mid", "leaf", "x"}
    assert forest.tree_of("leaf").root.id == "top"
    assert forest.branch_of("mid").ids == ("mid", "leaf")
    with pytest.raises(KeyError):
        forest.tree_of("nobody")


def test_ids_may_be_shortened_and_an_exact_id_wins() -> None:
    forest = Forest.of([a_row("ses_a"), a_row("ses_ab"), a_row("ses_b")])
    assert forest.matching_ids("ses_") == ["ses_a", "ses_ab", "ses_b"]
    assert forest.matching_ids("ses_a") == ["ses_a"]
    assert forest.matching_ids("ses_b") == ["ses_b"]
    assert forest.matching_ids("nope") == forest.matching_ids("") == []


def test_what_is_not_measured_is_unknown_and_not_zero() -> None:
    usage = {"a": octets(10)}
    forest = Forest.of([a_row("a"), a_row("b", "a")], usage)
    assert forest.usage_of("a") == octets(10)
    assert forest.usage_of("b") is None
    assert forest.measured == forest.subtree_measured(0) == 1
    usage["b"] = octets(90)
    assert forest.usage_of("b") is None, "the forest must not change under its reader"


def test_of_two_rows_with_one_id_the_first_counts() -> None:
    forest = Forest.of([a_row("a", title="first"), a_row("a", title="second"), a_row("b", "a")])
    assert [row.title for row in forest.rows] == ["first", "B"]
    assert "a" in forest
    assert len(forest) == 2


def test_a_chain_of_a_hundred_thousand_needs_no_deep_stack() -> None:
    rows = [a_row(str(i), str(i - 1)) for i in range(100_000)]
    forest = Forest.of(rows, {"99999": octets(7)})
    assert forest.depth[-1] == 99_999
    assert forest.subtree_bytes(0) == 7
    ring = Forest.of([rows[0]._replace(parent_id="99999"), *rows[1:]])
    assert ring.span[0] == 100_000


def test_an_empty_forest_answers_too() -> None:
    forest = Forest.of([])
    assert list(forest.trees()) == []
    assert (len(forest), forest.bytes, forest.measured) == (0, 0, 0)
