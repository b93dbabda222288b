"""`ocdu show`: one session and its tree."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import Turn, make_database, session


def test_it_tells_the_session_its_tree_and_its_kinds(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("show", "ses_old", "--json", "--db", garden).json["session"]
    assert (said["id"], said["tree_sessions"]) == ("ses_old", 2)
    assert sum(said["kinds"].values()) == said["tree_bytes"]
    assert said["kinds"]["tool_output"] > 90_000
    assert said["kinds"]["event:message.part.updated.1"] > 30_000


def test_it_tells_the_largest_rows_of_the_tree(ocdu: Ocdu, garden: Path) -> None:
    rows = ocdu("show", "ses_old", "--json", "--db", garden).json["session"]["largest"]
    assert [(row["table"], row["kind"]) for row in rows[:3]] == [
        ("part", "tool bash"),
        ("event", "message.part.updated.1"),
        ("part", "tool bash"),
    ]
    assert rows[0]["bytes"] > 60_000
    assert rows[0]["preview"] == "o" * 200
    assert len(rows) == 10
    assert rows == sorted(rows, key=lambda row: -row["bytes"])


def test_it_tells_what_each_action_would_give_back_here(ocdu: Ocdu, garden: Path) -> None:
    for id in ("ses_attic", "ses_old"):
        session = ocdu("show", id, "--json", "--db", garden).json["session"]
        found = {(row["action"], row["level"]): row["bytes"] for row in session["get_back"]}
        reclaim = ocdu("reclaim", id, "--json", "--db", garden).json["plan"]["totals"]["bytes"]
        prune = ocdu("prune", id, "--json", "--db", garden).json["plan"]["totals"]["bytes"]
        assert found["reclaim", "compacted"] == reclaim
        assert found["prune", None] == prune > 0
    assert found["reclaim", "compacted"] == 0


def test_people_see_kinds_rows_and_gains(ocdu: Ocdu, garden: Path) -> None:
    out = ocdu("show", "ses_old", "--db", garden).out
    for words in ("Where its bytes are", "Tool output:", "Largest rows", "tool bash", "prune:"):
        assert words in out


def test_a_glimpse_is_shown_harmlessly(ocdu: Ocdu, tmp_path: Path) -> None:
    talk = session("talk", turns=[Turn(answer="\x1b[31m[red]\n\u202eevil" + "!" * 900)])
    out = ocdu("show", "ses_talk", "--db", make_database(tmp_path / "o.db", [talk])).out
    line = next(line for line in out.splitlines() if "evil" in line)
    assert "\x1b" not in line
    assert "\u202e" not in line
    assert "[red]" in line


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


def test_a_conversation_goes_into_a_new_file_or_onto_the_terminal(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    target = tmp_path / "talk.md"
    said = ocdu("show", "ses_old", "--markdown", target, "--json", "--db", garden)
    assert (said.exit_code, said.json["bytes"]) == (0, target.stat().st_size)
    assert target.stat().st_mode & 0o077 == 0
    assert "How are things?" in target.read_text(encoding="utf-8")
    streamed = ocdu("show", "ses_old", "--markdown", "-", "--db", garden)
    assert streamed.out == target.read_text(encoding="utf-8")
    again = ocdu("show", "ses_old", "--markdown", target, "--db", garden)
    assert again.exit_code == 3 and "exists already" in again.err
    both = ocdu("show", "ses_old", "--markdown", "-", "--json", "--db", garden)
    assert both.exit_code == 2
    lost = ocdu("show", "ses_old", "--markdown", tmp_path / "no" / "talk.md", "--db", garden)
    assert lost.exit_code == 3 and "cannot be written" in lost.err


def test_a_session_can_be_written_as_the_trash_writes_it(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    target, from_trash = tmp_path / "live.json", tmp_path / "trash.json"
    said = ocdu("show", "ses_old", "--export", target, "--json", "--db", garden)
    assert (said.exit_code, said.json["left_out"]) == (0, 0)
    assert target.stat().st_mode & 0o077 == 0
    written = json.loads(target.read_bytes())
    assert written["info"]["id"] == "ses_old"
    assert len(written["messages"]) == said.json["messages"] > 0
    assert ocdu("show", "ses_old", "--export", target, "--db", garden).exit_code == 3
    for arguments in (("--export", "-", "--json"), ("--export", "-", "--markdown", "-")):
        assert ocdu("show", "ses_old", *arguments, "--db", garden).exit_code == 2
    ocdu("prune", "ses_old", "--yes", "--db", garden)
    ocdu("trash", "export", "ses_old", "--output", from_trash, "--db", garden)
    assert target.read_bytes() == from_trash.read_bytes()
