"""What the filter line offers: completion by Tab, and the line below it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_forest import a_row
from tui.forest import Forest
from tui.widgets.filter_words import candidates, completed, hint_of

FOREST = Forest.of([a_row("a", project="shop"), a_row("b", project="shed"),
                    a_row("c", project="two words")])  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("si", "size:"),
        ("i", "i"),
        ("id", "idle:"),
        ("is:a", "is:archived "),
        ("is:r", "is:r"),
        ("is:ru", "is:running "),
        ("-is:sh", "-is:shared "),
        ("gen:b", "gen:both "),
        ("project:s", "project:sh"),
        ("project:sho", "project:shop "),
        ("project:t", 'project:"two words" '),
        ("hello is:p", "hello is:pinned "),
        ("is:nothing", "is:nothing"),
        ("hello", "hello"),
        ("", ""),
        ("is:archived ", "is:archived "),
    ],
)
def test_tab_completes_the_last_word_as_far_as_it_is_certain(typed: str, whole: str) -> None:
    assert completed(typed, FOREST) == whole


def test_the_hint_tells_what_may_follow_and_what_is_wrong() -> None:
    assert "archived shared" in hint_of("is:", FOREST)
    assert hint_of("is:sh", FOREST) == "is: shared"
    assert "since the last activity" in hint_of("idle:", FOREST)
    assert "“huge” is not a size" in hint_of("size:huge", FOREST)
    assert "is no word" in hint_of("foo:bar", FOREST)
    assert hint_of("payment", FOREST) == hint_of("", FOREST) == hint_of("size:>5MB", FOREST) == ""


@given(st.text(alphabet='is:arc -"gdz', max_size=10))
def test_completing_only_ever_adds_and_candidates_are_whole_words(typed: str) -> None:
    assert completed(typed, FOREST).startswith(typed[: typed.rfind(" ") + 1])
    assert len(completed(typed, FOREST)) >= len(typed)
    for each in candidates(typed, FOREST):
        assert ":" in each
