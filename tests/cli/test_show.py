"""`ocdu show`: one session and its tree."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import Turn, make_database, session


def test_it_tells_the_session_its_tree_and_its_kinds(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("show", "ses_old", "--json", "--db", garden).json["session"]
    assert (said["id"], said["tree_sessions"]) == ("ses_old", 2)
    assert sum(said["kinds"].values()) == said["tree_bytes"]
    assert said["kinds"]["tool"] > 90_000
    assert said["kinds"]["events"] > 30_000


def test_a_shortened_id_is_enough(ocdu: Ocdu, garden: Path) -> None:
    assert ocdu("show", "ses_att", "--json", "--db", garden).json["session"]["id"] == "ses_attic"


def test_people_see_how_the_conversation_begins_harmlessly(ocdu: Ocdu, tmp_path: Path) -> None:
    talk = session("talk", turns=[Turn(text="Sow \x1b[31mcress\nplease" + "!" * 500)])
    said = ocdu("show", "ses_talk", "--db", make_database(tmp_path / "o.db", [talk]))
    line = next(line for line in said.out.splitlines() if "Sow" in line)
    assert "\x1b" not in line
    assert "cress please" in line
    assert line.endswith("…”")


def test_a_share_secret_is_never_printed(ocdu: Ocdu, garden: Path) -> None:
    for arguments in (["show", "ses_shed"], ["list"], ["prune", "ses_shed"]):
        for more in ([], ["--json"]):
            assert "s3cr3t" not in ocdu(*arguments, *more, "--db", garden).all
