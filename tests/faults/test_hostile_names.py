"""Names of tables and columns that would end a statement of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.cli.conftest import ocdu as ocdu
from tests.factories import days_ago, execute, make_database, session
from tests.hostile import harms
from tests.picture import picture

EVIL = 'x"; DELETE FROM session; --'

QUOTED = EVIL.replace('"', '""')


@pytest.fixture
def database(tmp_path: Path) -> Path:
    given = [session("old", active=days_ago(90)), session("new")]
    return make_database(tmp_path / "opencode.db", given)


OF_SESSIONS = (
    f'CREATE TABLE "{QUOTED}" (id INTEGER PRIMARY KEY, session_id TEXT'
    " REFERENCES session (id) ON DELETE CASCADE, data TEXT)",
    f'ALTER TABLE session ADD COLUMN "{QUOTED}" TEXT',
    f'ALTER TABLE part ADD COLUMN "{QUOTED}" TEXT',
    f'CREATE TABLE notes (id INTEGER PRIMARY KEY, "{QUOTED}" TEXT'
    " REFERENCES session (id) ON DELETE CASCADE)",
)

LOOKS = (["list"], ["stats"], ["show", "ses_old"], ["doctor"], ["doctor", "--deep"], ["files"])


@pytest.mark.parametrize("statement", OF_SESSIONS)
def test_a_session_is_shown_and_nothing_written_where_a_name_could_not_be_carried(
    ocdu: Ocdu, database: Path, statement: str
) -> None:
    execute(database, statement)
    before = picture(database)
    for look in LOOKS:
        said = ocdu(*look, "--db", database)
        assert said.exit_code == 0, said.all
    for verb in (["prune", "ses_old"], ["prune", "ses_old", "--permanent"], ["archive", "ses_old"]):
        said = ocdu(*verb, "--yes", "--db", database)
        assert said.exit_code == 3
        assert "of a shape ocdu does not know" in said.err
    assert picture(database) == before


@pytest.mark.parametrize("name", [QUOTED, "\x1b[31mred", "line\nbreak", "select"])
def test_a_strange_table_that_belongs_to_no_session_is_no_hindrance(
    ocdu: Ocdu, database: Path, name: str
) -> None:
    execute(database, f'CREATE TABLE "{name}" (a TEXT, data TEXT)')
    execute(database, f"INSERT INTO \"{name}\" VALUES ('a', 'b')")
    before = picture(database)
    for look in LOOKS:
        said = ocdu(*look, "--db", database)
        assert said.exit_code == 0, said.all
        assert list(harms(said.all)) == []
    assert ocdu("prune", "ses_old", "--yes", "--db", database).exit_code == 0
    assert ocdu("undo", "--yes", "--db", database).exit_code == 0
    assert picture(database) == before
    assert ocdu("prune", "ses_old", "--permanent", "--yes", "--db", database).exit_code == 0
    assert ocdu("vacuum", "--yes", "--db", database).exit_code == 0
    assert execute(database, "SELECT id FROM session") == [("ses_new",)]
    assert picture(database)[name.replace('""', '"')] == before[name.replace('""', '"')]
