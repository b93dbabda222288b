"""The card of the first start: the screen in five lines, below the tree; it takes no key."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widgets import Static

LINES = (
    "Each line is a session with its subagents: its size, its share, its last use.",
    "{up} {down} move, {right} opens; {filter} filters, {search} searches what was said, {open} "
    "reads.",
    "{rescue} gets space back without deleting a session; {vacuum} gives it to the disk.",
    "{prune_tree} moves a tree to the trash, {archive} archives it; {undo} undoes both.",
    "{show_dashboard} shows where the bytes are, {help} every key. Esc puts this away for good.",
)
"""Ids of actions in braces stand for their keys."""

WIDTH, HEIGHT = 80, 28
"""Cells and lines of a terminal below which it would take room that the tree needs."""


class Welcome(Static):
    """Hidden until it is told the keys."""

    DEFAULT_CSS = """
    Welcome {
        display: none; height: auto; padding: 0 1; color: $foreground-muted;
        border-top: solid $foreground 25%;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)

    def tell(self, keys: Mapping[str, str]) -> None:
        """Show the lines with these keys, by action id."""
        self.update(Content("\n").join(_line(line, keys) for line in LINES))
        self.display = True


def _line(line: str, keys: Mapping[str, str]) -> Content:
    """Keys stand out."""
    found = []
    for at, piece in enumerate(line.replace("{", "}").split("}")):
        found.append(Content.styled(keys[piece], "bold $text-accent") if at % 2 else Content(piece))
    return Content.assemble(*found)
