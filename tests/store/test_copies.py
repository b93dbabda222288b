"""The proof before the deletion: no difference between copy and original goes unnoticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.factories import execute, make_database, session
from tests.picture import site_of
from tui.engine.site import Site
from tui.store import batch
from tui.store.copies import copy_session, differing_table, is_synced

ID = "ses_alpha"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = session("alpha", events=2, octets=3000, todos=2, share=True)
    return site_of(make_database(tmp_path / "opencode.db", [made]))


@pytest.fixture
def connection(site: Site, tmp_path: Path) -> Iterator[apsw.Connection]:
    """The database with a batch attached that holds one session, event rows and all."""
    path = batch.new_batch(
        tmp_path / "trash", "x", site.store.schema, now=1, rows=True, events=True
    )
    with site.store.writing() as db, batch.attached(db.connection(), path):
        copy_session(db.connection(), site.store.schema, ID, with_events=True)
        yield db.connection()


def test_a_true_copy_has_no_difference(site: Site, connection: apsw.Connection) -> None:
    assert differing_table(connection, site.store.schema, ID, with_events=True) is None
    assert differing_table(connection, site.store.schema, ID, with_events=False) is None


DAMAGE = {
    "a bit": "UPDATE trash.part SET data = replace(data, 'oo', 'op') WHERE rowid = 1",
    "a type": "UPDATE trash.part SET time_created = CAST(time_created AS TEXT) WHERE rowid = 1",
    "a null": "UPDATE trash.session SET title = NULL",
    "a lost copy": "DELETE FROM trash.todo WHERE rowid = 1",
    "a copy too many": "INSERT INTO trash.todo SELECT * FROM trash.todo LIMIT 1",
    "an exchanged row": "UPDATE trash.message SET ocdu_source = 3 - ocdu_source",
    "a new row": "INSERT INTO main.todo VALUES ('ses_alpha', 'x', 'x', 'x', 9, 1, 1)",
    "a changed row": "UPDATE main.session_share SET secret = 'other'",
    "a lost secret": "UPDATE trash.session_share SET secret = NULL",
    "an event": "UPDATE trash.event SET data = '{}' WHERE rowid = 1",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_every_difference_is_found(site: Site, connection: apsw.Connection, damage: str) -> None:
    connection.execute(damage)
    assert differing_table(connection, site.store.schema, ID, with_events=True) is not None


def test_events_are_compared_only_where_they_are_kept(
    site: Site, connection: apsw.Connection
) -> None:
    connection.execute("DELETE FROM trash.event")
    assert differing_table(connection, site.store.schema, ID, with_events=False) is None
    assert differing_table(connection, site.store.schema, ID, with_events=True) == "event"


def test_a_shared_workspace_and_an_owner_make_a_history_others_may_ask_for(site: Site) -> None:
    def synced() -> bool:
        with site.store.reading() as db:
            return is_synced(db.connection(), site.store.schema, ID)

    assert not synced()
    execute(site.store.path, "UPDATE event_sequence SET owner_id = 'machine'")
    assert synced()
    execute(site.store.path, "UPDATE event_sequence SET owner_id = NULL")
    execute(site.store.path, "UPDATE session SET workspace_id = 'wrk'")
    assert synced()
