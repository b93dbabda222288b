"""The database of the 2.x beta may go once all that is in it is elsewhere, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.cli.conftest import ocdu as ocdu
from tests.factories import execute, make_database
from tests.generations import UPGRADED, add_in_v2, fresh, go_on_in_v2, grown, upgrade
from tui.store.beta import is_copied


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An upgraded database, and a beta whose one session it has imported."""
    beta = fresh(tmp_path / "opencode-next.db")
    add_in_v2(beta, "early", time=UPGRADED - 1)
    database = make_database(tmp_path / "opencode.db", [grown("a")])
    upgrade(database)
    add_in_v2(database, "early", time=UPGRADED - 1)
    return tmp_path


def copied(folder: Path) -> bool:
    return is_copied(folder / "opencode-next.db", folder / "opencode.db")


def test_a_beta_that_is_all_imported_may_go(folder: Path, ocdu: Ocdu) -> None:
    assert copied(folder)
    ids = "opencode-next.db"
    said = ocdu("files", ids, "--yes", "--json", "--db", folder / "opencode.db")
    assert said.json["outcome"] == "done", said.all
    assert not (folder / "opencode-next.db").exists()
    assert (folder / "opencode.db").exists()


def test_a_message_that_is_only_there_keeps_it(folder: Path) -> None:
    beta = folder / "opencode-next.db"
    execute(beta, "UPDATE session_message SET id = 'msg_other' WHERE seq = 1")
    assert not copied(folder)


def test_a_session_that_is_only_there_keeps_it(folder: Path) -> None:
    add_in_v2(folder / "opencode-next.db", "another", time=UPGRADED - 1)
    assert not copied(folder)


def test_what_was_written_after_the_import_keeps_it(folder: Path) -> None:
    go_on_in_v2(folder / "opencode-next.db", "ses_early", time=UPGRADED + 1)
    assert not copied(folder)


def test_an_import_that_is_not_complete_keeps_it(folder: Path) -> None:
    execute(folder / "opencode.db", 'UPDATE kv SET value = \'{"phase":"sessions"}\'')
    assert not copied(folder)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\1" * 90])
def test_a_beta_that_cannot_be_read_stays(folder: Path, content: bytes) -> None:
    (folder / "opencode-next.db").write_bytes(content)
    assert not copied(folder)
