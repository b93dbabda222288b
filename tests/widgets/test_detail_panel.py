"""The panel beside the tree: it draws what changed, and lays nothing out for it."""

from __future__ import annotations

from unittest.mock import patch

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from tests.test_forest import a_row
from tui.records import SessionDetail
from tui.widgets.detail_panel import SessionDetailPanel
from tui.widgets.session_detail import Gain, Shown


class PanelApp(App[None]):
    """A panel and nothing else."""

    CSS = "SessionDetailPanel { width: 44; }"

    def compose(self) -> ComposeResult:
        yield SessionDetailPanel()


def told(title: str, *, id: str = "ses_1", gains: int = 3) -> Shown:
    """A session of this name, with so many lines of what could be got back."""
    detail = SessionDetail(a_row(id, title=title))
    return Shown(detail, (Gain("r", "event history", 5),) * gains)


async def test_only_lines_that_say_something_else_are_drawn_again() -> None:
    app = PanelApp()
    async with app.run_test(size=(60, 30)) as pilot:
        panel = app.query_one(SessionDetailPanel)
        panel.shown = told("Plant trees")
        await pilot.pause()
        drawn: list[Region] = []
        with patch.object(
            panel, "refresh", side_effect=lambda *regions, **_: drawn.extend(regions)
        ):
            panel.shown = told("Dig holes")
        assert [(region.y, region.height) for region in drawn] == [(0, 1)]
        assert panel.text.plain.startswith("Dig holes")


async def test_another_length_lays_nothing_out() -> None:
    app = PanelApp()
    async with app.run_test(size=(60, 20)) as pilot:
        panel = app.query_one(SessionDetailPanel)
        panel.shown = told("Short", gains=1)
        await pilot.pause()
        with patch.object(Screen, "_refresh_layout") as laid_out:
            panel.shown = told("Long", id="ses_2", gains=60)
            await pilot.pause()
            panel.shown = told("Short", gains=1)
            await pilot.pause()
        assert not laid_out.called
        panel.shown = told("Long", id="ses_2", gains=60)
        await pilot.pause()
        assert panel.max_scroll_y > 20
