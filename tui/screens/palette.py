"""The command palette: every action of the table, by name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import ACTIONS, EVERYWHERE, Action
from tui.desk import desk_of
from tui.screens.page import Page


class Actions(Provider):
    """What can be done on the screen the palette was opened from."""

    async def discover(self) -> Hits:
        """All of them, in the order of the table."""
        keys = desk_of(self.screen).keys
        for action in ACTIONS:
            if (run := self._runner(action)) is not None:
                yield DiscoveryHit(action.title, run, help=action.help.format_map(keys))
        for title, help, run_app in self._of_the_app():
            yield DiscoveryHit(title, run_app, help=help)

    async def search(self, query: str) -> Hits:
        """Those whose title or explanation matches."""
        matcher, keys = self.matcher(query), desk_of(self.screen).keys
        for action in ACTIONS:
            text = f"{action.title}: {action.help.format_map(keys)}"
            score = matcher.match(text)
            if score > 0 and (run := self._runner(action)) is not None:
                yield Hit(score, matcher.highlight(text), run, help=f"key {keys.all_of(action.id)}")
        for title, help, run_app in self._of_the_app():
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), run_app, help=help)

    def _of_the_app(self) -> tuple[tuple[str, str, Callable[[], None]], ...]:
        """What Textual offers and has no key here."""
        return (
            ("Theme", "Choose other colours", self.app.search_themes),
            ("Screenshot", "Save a picture of the screen", self._screenshot),
        )

    def _screenshot(self) -> None:
        self.app.deliver_screenshot()

    def _runner(self, action: Action) -> Callable[[], Coroutine[Any, Any, Any]] | None:
        """None for the palette itself, and for what this screen does not know."""
        page = self.screen
        if action.id == "command_palette":
            return None
        if isinstance(page, Page):
            address = page.address(action)
            known = self._knows(page, action)
            return partial(page.run_action, address) if known else None
        return None

    def _knows(self, page: Page, action: Action) -> bool:
        """Whether it can be done here: on this very screen, or from everywhere."""
        if any(each.id == action.id for _, each in page._bindings):
            return True
        return action.group in EVERYWHERE and hasattr(self.app, action.method)
