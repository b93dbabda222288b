"""The keys a user gives to actions: what is taken, and what is said of the rest."""

from __future__ import annotations

from string import punctuation

import pytest
from textual.keys import _character_to_key

from tui.actions import ACTIONS
from tui.keymap import key_name, keymap, problem_of


@pytest.mark.parametrize("char", punctuation)
def test_a_sign_is_a_key_by_itself_and_by_the_name_that_textual_gives_it(char: str) -> None:
    assert key_name(char) == key_name(_character_to_key(char)) == _character_to_key(char)


@pytest.mark.parametrize(
    ("given", "name"),
    [("shift+a", "A"), ("ctrl+x", "ctrl+x"), ("f12", "f12"), ("ä", "ä"), ("pagedown", "pagedown"),
     ("ctrl+shift+up", "ctrl+shift+up"), ("+", "plus"), ("ctrl+/", "ctrl+slash")],
)  # fmt: skip
def test_a_key_has_one_name_however_it_is_given(given: str, name: str) -> None:
    assert key_name(given) == name


@pytest.mark.parametrize("text", ["blubb", "uu", "Ctrl+x", "hyper+x", "ctrl+", "f0", "\x07"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert key_name(text) is None
    found = problem_of(keymap({"undo": text}))
    assert found is not None and found.action == "undo" and "no key" in found.says


def test_blanks_and_signs_of_a_list_are_taken_as_meant() -> None:
    assert keymap({"help": "?, f1", "undo": ",", "pin": ""}) == {
        "help": "question_mark,f1", "undo": "comma", "pin": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "own",
    [{"prune_tree": "a"}, {"undo": "ctrl+f"}, {"open": "j"}, {"move_down": "a"},
     {"next_question": "n"}, {"empty": "E"}, {"archive": "f5", "undo": "f5"}],
)  # fmt: skip
def test_a_key_that_does_two_things_at_one_place_is_named(own: dict[str, str]) -> None:
    found = problem_of(own)
    assert found is not None and found.action in own and "too" in found.says


@pytest.mark.parametrize(
    "own",
    [{}, {"archive": "d", "prune_tree": "a"}, {"restore": "u"}, {"undo": "n"}, {"relink": "k"},
     {action.id: action.keys for action in ACTIONS}],
)  # fmt: skip
def test_keys_may_be_swapped_and_mean_another_thing_on_one_screen(own: dict[str, str]) -> None:
    assert problem_of(own) is None


@pytest.mark.parametrize("key", ["enter", "escape", "tab"])
def test_what_opens_and_means_no_keeps_its_meaning(key: str) -> None:
    found = problem_of({"delete": key})
    assert found is not None and "keeps its meaning" in found.says
