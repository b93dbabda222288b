"""The configured policies while the app is open: only where told to, announced before they act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import days_ago, make_database, session
from tests.picture import picture
from tests.visit import Visit, visit
from tui.config import Compaction, Config, Retention
from tui.engine.site import open_site
from tui.widgets.row_table import RowTable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(
        tmp_path / "opencode.db",
        [session("Old", active=days_ago(90), octets=9_000), session("New", active=days_ago(2))],
    )


def told(**retention: Any) -> Config:
    return Config(compaction=Compaction(reclaim=False), retention=Retention(**retention))


POLICY = {"prune_after": "30d", "archive_after": "1d"}


def shown(here: Visit) -> str:
    """The words of every table on the screen."""
    tables = here.screen.query(RowTable)
    return " ".join(text for table in tables for row in table.rows for text, _ in row.cells)


async def test_without_being_told_the_app_carries_out_no_policy(path: Path) -> None:
    before = picture(path)
    async with visit(path, config=told(**POLICY)) as here:
        await here.idle()
        assert here.app._retaining is False
        assert here.toasts == [] and here.app.site.ledger.entries() == []
    assert picture(path) == before


async def test_the_first_visit_announces_and_the_next_one_acts(path: Path) -> None:
    before = picture(path)
    async with visit(path, config=told(in_app=True, **POLICY)) as here:
        await here.until(lambda: bool(here.toasts))
        assert "the next one does it" in here.toasts[0]
        await here.idle()
        assert picture(path) == before
        assert [entry.verb for entry in here.app.site.ledger.entries()] == ["auto"]
        await here.press("5")
        await here.until(lambda: "announced" in shown(here))
    async with visit(path, config=told(in_app=True, **POLICY)) as here:
        await here.until(lambda: here.sessions() == {"ses_new"})
        await here.until(lambda: here.archived() == {"ses_new"})
        await here.idle()
        assert sum("moved to trash" in toast for toast in here.toasts) == 1


async def test_while_paused_or_read_only_no_policy_begins(path: Path) -> None:
    async with visit(path, config=told(in_app=True, **POLICY)) as here:
        await here.until(lambda: bool(here.toasts))
    before = picture(path)
    async with visit(path, config=told(**POLICY)) as here:
        here.app.worker.pause()
        here.app._retain()
        await here.idle()
        assert not [each for each in here.app.workers if each.group == "retention"]
    assert picture(path) == before


async def test_an_hour_later_it_looks_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.app.orders.RETAIN_EVERY", 0.05)
    async with visit(path, config=told(in_app=True, **POLICY)) as here:
        await here.until(lambda: here.sessions() == {"ses_new"})
        await here.idle()
    ledger = open_site(path).ledger
    assert [entry.verb for entry in ledger.entries()][-1] == "auto", "announced first"
