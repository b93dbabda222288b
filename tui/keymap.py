"""The keys a user gives to actions: each must be one, and may do one thing at a place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from string import punctuation
from typing import NamedTuple

from tui.actions import ACTIONS, EVERYWHERE, KEYS_BY_ID

FIXED = ("enter", "escape", "tab", "shift+tab")
"""What opens, means no, and leads from field to field, wherever one is."""

NAMED = (
    "up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete",
    "backspace", "space",
)  # fmt: skip
"""Keys that have a name and no letter; function keys beside them."""

SIGNS = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
    "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
"""Unicode's names of signs that Textual calls otherwise."""

MOVE = "Move and mark"
"""The group of the keys that every list has."""


class Problem(NamedTuple):
    """What is wrong with the key of an action."""

    action: str
    says: str


def keymap(own: Mapping[str, str]) -> dict[str, str]:
    """The user's [keys] as Textual names them: "?, ctrl+x" is "question_mark,ctrl+x".

    What is no key stays as it is: `problem_of` says so.
    """
    return {id: ",".join(key_name(key) or key for key in _split(keys)) for id, keys in own.items()}


def key_name(key: str) -> str | None:
    """Textual's name of a key, given as a letter, as a sign or by name; None for none."""
    held, plus, last = key.rpartition("+") if len(key) > 1 else ("", "", key)
    name = _name_of(last)
    if name is None or not re.fullmatch(r"(?:(?:ctrl|shift|alt|super)\+)*", held + plus):
        return None
    if held == "shift" and len(name) == 1:
        return name.upper()  # as terminals send it
    return held + plus + name


def problem_of(own: Mapping[str, str]) -> Problem | None:
    """The first of the user's keys (by Textual's names) that is none, is fixed, or does two things
    at one place; keys that only the table gives twice are meant so."""
    keys = {**KEYS_BY_ID, **{id: key for id, key in own.items() if key}}
    for id, text in own.items():
        for key in filter(None, text.split(",")):
            if key_name(key) is None:
                return Problem(id, f"“{key}” is no key: a letter, a sign, or a name such as f4, "
                                   "ctrl+x, space, pagedown")  # fmt: skip
            if key in FIXED:
                return Problem(id, f"“{key}” keeps its meaning everywhere: choose another key")
            for other in _together_with(id):
                if key in keys[other].split(","):
                    return Problem(id, f"“{key}” is the key of “{other}” too: give one of them "
                                       "another")  # fmt: skip
    return None


def _split(keys: str) -> Iterator[str]:
    """The keys of an action; a comma alone is a key as well."""
    found = [keys] if keys == "," else keys.split(",")
    return filter(None, (key.strip() or key[:1] for key in found))


def _name_of(key: str) -> str | None:
    if len(key) == 1:
        return key if key.isalnum() else _sign(key) or None
    known = key in (*NAMED, *FIXED, *map(_sign, punctuation)) or re.fullmatch(r"f[1-9]\d?", key)
    return key if known else None


def _sign(char: str) -> str:
    name = unicodedata.name(char, "").lower().replace("-", "_").replace(" ", "_")
    return SIGNS.get(name, name)


def _together_with(id: str) -> Iterator[str]:
    """Other actions that work wherever this one does: one screen's own keys go before the rest."""
    groups = {action.id: action.group for action in ACTIONS}
    together = (MOVE, *EVERYWHERE) if groups[id] in (MOVE, *EVERYWHERE) else (groups[id],)
    return (other for other, group in groups.items() if group in together and other != id)
