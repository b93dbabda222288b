"""Sizes remembered between runs: shown only while nothing says that they changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import execute, make_database, session
from tests.picture import picture
from tui.store import size_cache
from tui.store.database import Store, open_store
from tui.store.ledger import Ledger, default_folder
from tui.store.models import Event, EventSequence
from tui.store.size_cache import cached_usage, fingerprints, forget_usage, remember_usage
from tui.store.usage import measure_all


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(size_cache, "SMALLEST", 0)
    trees = [session("a", octets=5000, events=2), session("b"), session("c", events=1)]
    return open_store(make_database(tmp_path / "opencode.db", trees))


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(default_folder(), store.path)


def test_what_was_measured_is_known_next_time(store: Store, ledger: Ledger) -> None:
    measured = measure_all(store).sessions
    before = picture(store.path)
    assert cached_usage(store, ledger) == {}
    remember_usage(store, ledger, measured)
    assert cached_usage(store, Ledger(default_folder(), store.path)) == measured
    remember_usage(store, ledger, measured)
    assert cached_usage(store, ledger) == measured
    assert picture(store.path) == before


CHANGES = (
    "UPDATE session SET time_updated = time_updated + 1 WHERE id = 'ses_a'",
    "INSERT INTO message SELECT 'm', session_id, 1, 1, '{}' FROM message"
    " WHERE session_id = 'ses_a' LIMIT 1",
    "INSERT INTO part SELECT 'p', message_id, session_id, 1, 1, '{}' FROM part"
    " WHERE session_id = 'ses_a' LIMIT 1",
    "DELETE FROM part WHERE rowid = (SELECT max(rowid) FROM part WHERE session_id = 'ses_a')",
    "UPDATE event_sequence SET seq = seq + 1 WHERE aggregate_id = 'ses_a'",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_changed_is_measured_again(
    store: Store, ledger: Ledger, change: str
) -> None:
    measured = measure_all(store).sessions
    remember_usage(store, ledger, measured)
    execute(store.path, change)
    assert set(cached_usage(store, ledger)) == {"ses_b", "ses_c"}


def test_a_session_that_changes_while_it_is_measured_is_not_remembered(
    store: Store, ledger: Ledger
) -> None:
    before = fingerprints(store)
    measured = measure_all(store).sessions
    execute(store.path, "UPDATE session SET time_updated = 1 WHERE id = 'ses_b'")
    remember_usage(store, ledger, measured, before)
    assert set(cached_usage(store, ledger)) == {"ses_a", "ses_c"}


def test_it_can_be_forgotten_whole_or_in_part(store: Store, ledger: Ledger) -> None:
    forget_usage(ledger)
    remember_usage(store, ledger, measure_all(store).sessions)
    forget_usage(ledger, ["ses_a", "ses_b"])
    assert set(cached_usage(store, ledger)) == {"ses_c"}
    forget_usage(ledger)
    assert cached_usage(store, ledger) == {}


def test_each_database_has_its_own(store: Store, ledger: Ledger, tmp_path: Path) -> None:
    other = open_store(make_database(tmp_path / "other.db", [session("a")]))
    theirs = Ledger(default_folder(), other.path)
    remember_usage(store, ledger, measure_all(store).sessions)
    remember_usage(other, theirs, measure_all(other).sessions)
    forget_usage(theirs)
    assert set(cached_usage(store, ledger)) == {"ses_a", "ses_b", "ses_c"}
    assert cached_usage(other, theirs) == {}


def test_a_file_that_is_measured_quickly_is_not_remembered(
    store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measure_all(store).sessions
    remember_usage(store, ledger, measured)
    monkeypatch.setattr(size_cache, "SMALLEST", store.path.stat().st_size + 1)
    assert cached_usage(store, ledger) == {}
    remember_usage(store, ledger, {})
    monkeypatch.setattr(size_cache, "SMALLEST", 0)
    assert cached_usage(store, ledger) == measured


def test_fingerprints_in_slices_are_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fingerprints(store)
    monkeypatch.setattr(size_cache, "FIRST_SESSIONS", 1)
    assert fingerprints(store) == whole
    assert len(set(whole.values())) == 3


def test_an_old_database_has_fingerprints_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_database(tmp_path / "old.db", [session("a")], without=[EventSequence, Event])
    assert set(fingerprints(open_store(path))) == {"ses_a"}
