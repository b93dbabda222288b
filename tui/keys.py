"""Keys as Textual binds them and as people read them, from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from textual.binding import Binding
from textual.keys import format_key

from tui.actions import ACTIONS, KEYS_BY_ID


def bindings(ids: Iterable[str] | None = None) -> list[Binding]:
    """Textual bindings of these actions (all when None), in the order of the table."""
    wanted = None if ids is None else set(ids)
    return [
        Binding(
            action.keys,
            action.call,
            action.title,
            tooltip=action.help,
            id=action.id,
            show=action.footer,
        )
        for action in ACTIONS
        if wanted is None or action.id in wanted
    ]


SIGNS = {
    "space": "space", "enter": "↵", "escape": "Esc", "tab": "Tab", "backspace": "⌫",
    "pagedown": "PgDn", "pageup": "PgUp",
}  # fmt: skip
"""Keys that print nothing, as they are written."""

WORDS = {"↵": "Enter", "⌫": "Backspace", "↑": "Up", "↓": "Down", "←": "Left", "→": "Right"}
"""Their names where only ASCII is drawn: a stand-in of one letter would be taken for that key."""


ARROWS = ("up", "down", "left", "right")
"""Keys that work in every list and dialog beside those of the table."""


class Keys(Mapping[str, str]):
    """The key of every action as the user has it and as it is written: `keys["undo"]` is "u".

    The one place that texts for the user take keys from: `f"{keys['undo']} undoes it."`, or
    `TEXT.format_map(keys)` for a text with ids of actions in braces.
    """

    def __init__(self, own: Mapping[str, str] | None = None, *, ascii: bool = False) -> None:
        """`own` are the user's, by action id; the table has the rest. `ascii` names keys that have
        no letter by words of ASCII."""
        self._words = WORDS if ascii else {}
        self._own = {**KEYS_BY_ID, **{id: key for id, key in (own or {}).items() if key}}

    def __getitem__(self, id: str) -> str:
        """The first key of an action; of an arrow its sign, so that texts can name it as well."""
        return self.sign(id if id in ARROWS else self._own[id].split(",")[0])

    def sign(self, key: str) -> str:
        """Any key as it is written here: `sign("enter")` is "↵", or "Enter" in ASCII."""
        found = written(key)
        return self._words.get(found, found)

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS_BY_ID)

    def __len__(self) -> int:
        return len(KEYS_BY_ID)

    def all_of(self, id: str) -> str:
        """Every key of an action, blanks between them."""
        return " ".join(self.sign(key) for key in self._own[id].split(","))


def written(key: str) -> str:
    """A key of Textual's as it stands on a screen: "question_mark" is "?"."""
    return SIGNS.get(key.strip()) or format_key(key.strip())
