"""The last line: the keys that work here, the most important ones first; each can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui import format


class Key(NamedTuple):
    """One entry: what to press, what it is called, which action it runs."""

    key: str
    title: str
    action: str


class KeyBar(Widget):
    """Keys from left to right; what does not fit is left out, help and quit never are."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $foreground; }
    """

    keys: reactive[tuple[Key, ...]] = reactive((), init=False)

    def render(self) -> RenderResult:
        """The line at the present width."""
        shown = fitting(self.keys, self.size.width - 2)
        return Content.assemble(" ", Content("  ").join(_entry(key) for key in shown))

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the entry under the mouse."""
        at = 1
        for key in fitting(self.keys, self.size.width - 2):
            wide = _entry(key).cell_length
            if at <= event.x < at + wide:
                await self.screen.run_action(key.action)
                return
            at += wide + 2


ALWAYS = ("help", "quit")
"""Ids of the actions that stay when everything else has to go."""


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """The entries that fit into `width` cells, in order; help and quit keep their place."""
    kept = [key for key in keys if _id(key) in ALWAYS]
    room = width + 2 - sum(_entry(key).cell_length + 2 for key in kept)
    shown: list[Key] = []
    for key in keys:
        if key in kept:
            continue
        taken = _entry(key).cell_length + 2
        if taken <= room:
            room -= taken
            shown.append(key)
    return [*shown, *kept]


def _id(key: Key) -> str:
    return key.action.rpartition(".")[2]


def _entry(key: Key) -> Content:
    return Content.assemble((key.key, "bold $text-accent"), " ", format.clean(key.title))
