"""Payload batches brought back by `trash restore`: what is said is what came back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.reclaim.parts import Database
from tests.engine.reclaim.test_keeping import do, fill, kept
from tests.picture import site_of
from tui.engine.restore import plan_restore
from tui.engine.trash import batches


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    fill(made)
    yield made
    made.close()


def test_rows_changed_since_are_not_said_to_be_restored(database: Database) -> None:
    site = site_of(database.path)
    do(kept(database), site)
    database.connection.execute("UPDATE part SET data = '{}' WHERE id = 'prt_old'")
    (batch,) = batches(site.ledger.trash_folder)
    outcome = do(plan_restore(site, [batch.id]), site)
    (left,) = batches(site.ledger.trash_folder)
    assert left.lines[0].parts == 1
    assert outcome.ending == "partial", outcome.message
    assert outcome.done.bytes == batch.bytes - left.bytes
    assert "1 row had changed since" in outcome.message


def test_two_batches_of_payloads_count_each_for_itself(database: Database) -> None:
    site = site_of(database.path)
    first = do(kept(database, "compacted"), site)
    second = do(kept(database, "diffs"), site)
    wanted = first.done.bytes + second.done.bytes
    plan = plan_restore(site, [each.id for each in batches(site.ledger.trash_folder)])
    assert len(plan) == 2
    outcome = do(plan, site)
    assert (outcome.ending, outcome.done.bytes) == ("done", wanted), outcome.message
