"""Sizes at once where measuring takes long: remembered, muted until measured."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Event

import pytest

from tests.factories import NOW, execute
from tests.visit import garden
from tui.app import log as logs
from tui.app.census import Census
from tui.engine.site import Site, open_site
from tui.store import size_cache


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A small database that is treated as a large one."""
    monkeypatch.setattr(size_cache, "SMALLEST", 0)
    return open_site(garden(tmp_path))


def loaded(site: Site) -> Census:
    census = Census(site, lambda: NOW)
    list(census.load(quickly=True))
    return census


def test_the_second_start_shows_all_sizes_before_it_measures(site: Site) -> None:
    measured = list(loaded(site).measure(Event()))[-1]
    again = loaded(site)
    first = next(iter(again.measure(Event())))
    assert first.measured == len(first) and not again.complete
    assert first.bytes == measured.bytes


def test_known_sizes_stand_until_the_whole_file_is_measured_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app.census.SHOWN_EVERY", 0.0)
    census = loaded(site)
    *_, whole = census.measure(Event())
    assert {forest.bytes for forest in census.measure(Event())} == {whole.bytes}


def test_the_log_is_nobody_elses_business(tmp_path: Path) -> None:
    path = tmp_path / "ledger" / "ocdu.log"
    before = list(logs.log.handlers)
    try:
        logs.keep_log(path)
        logs.log.error("Something")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        for handler in set(logs.log.handlers) - set(before):
            handler.close()
            logs.log.removeHandler(handler)
        logs.log.propagate = True


def test_bytes_that_no_session_says_it_won_are_measured_all_the_same(site: Site) -> None:
    """opencode inserts parts without touching the session's row."""
    census = loaded(site)
    list(census.measure(Event()))
    assert census.catch_up() is not None
    id, message = execute(site.store.path, "SELECT session_id, message_id FROM part")[0]
    body = '{"type":"text","text":"' + "x" * 400_000 + '"}'
    insert = "INSERT INTO part VALUES ('prt_quiet', ?, ?, 1, 1, ?)"
    execute(site.store.path, insert, message, id, body)
    list(census.load())
    assert census.catch_up() is None
    *_, whole = census.measure(Event())
    assert whole.usage_of(str(id)).part_bytes > 400_000  # type: ignore[union-attr]


def test_rows_whose_session_is_gone_are_no_reason_to_measure_for_ever(site: Site) -> None:
    execute(site.store.path, "UPDATE part SET data = data || ?", " " * 400_000)
    (id,) = execute(site.store.path, "SELECT session_id FROM part")[0]
    execute(site.store.path, "DELETE FROM session WHERE id = ?", id)
    census = loaded(site)
    list(census.measure(Event()))
    assert census.catch_up() is not None
