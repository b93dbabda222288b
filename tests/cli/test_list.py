"""`ocdu list`: sizes to the octet, times by contract, harmless titles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ocdu
from tests.factories import NOW, days_ago, execute, make_database, session
from tui.format import iso


def sessions(ocdu: Ocdu, database: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Sessions of `list --json` by id."""
    said = ocdu("list", "--json", "--db", database, *options)
    assert (said.exit_code, said.json["outcome"]) == (0, "done")
    return {each["id"]: each for each in said.json["sessions"]}


def test_bytes_are_exactly_the_octets_of_messages_parts_and_events(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    umlauts = session("wide", octets=12, events=2)
    path = make_database(tmp_path / "o.db", [umlauts])
    execute(path, "UPDATE part SET data = replace(data, 'oooo', 'äöü€')")
    wanted = 0
    for table in ("message", "part", "event"):
        wanted += execute(path, f"SELECT sum(length(CAST(data AS BLOB))) FROM {table}")[0][0]
    assert sessions(ocdu, path)["ses_wide"]["bytes"] == wanted


def test_a_tree_counts_its_children_and_their_activity(ocdu: Ocdu, tmp_path: Path) -> None:
    child = session("child", active=days_ago(3), octets=5000)
    root = session("root", active=days_ago(9), children=[child])
    found = sessions(ocdu, make_database(tmp_path / "o.db", [root]))
    assert found["ses_root"]["tree_bytes"] == (
        found["ses_root"]["bytes"] + found["ses_child"]["bytes"]
    )
    assert found["ses_root"]["last_activity"] == iso(days_ago(3))
    assert found["ses_root"]["updated"] == iso(days_ago(9))
    assert found["ses_child"]["last_activity"] == iso(days_ago(3))
    assert found["ses_child"]["parent_id"] == "ses_root"


def test_a_message_newer_than_the_row_is_activity(ocdu: Ocdu, tmp_path: Path) -> None:
    talk = session("talk", active=days_ago(1), updated=days_ago(50))
    found = sessions(ocdu, make_database(tmp_path / "o.db", [talk]))
    assert found["ses_talk"]["last_activity"] == iso(days_ago(1))
    assert found["ses_talk"]["updated"] == iso(days_ago(50))


def test_absent_values_are_null_and_archived_zero_is_not_archived(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    rows = [session("plain"), session("zero", archived=0), session("put", archived=NOW)]
    found = sessions(ocdu, make_database(tmp_path / "o.db", rows))
    assert found["ses_plain"]["archived"] is None
    assert found["ses_plain"]["parent_id"] is None
    assert found["ses_zero"]["archived"] is None
    assert found["ses_put"]["archived"] == iso(NOW)


def test_the_filters_choose_by_archive_and_project(ocdu: Ocdu, garden: Path) -> None:
    assert set(sessions(ocdu, garden, "--archived")) == {"ses_attic"}
    assert set(sessions(ocdu, garden, "--project", "orchard")) == {"ses_new"}
    everything = sessions(ocdu, garden, "--all")
    assert set(sessions(ocdu, garden, "--active")) == set(everything) - {"ses_attic"}
    assert len(everything) == 6
    assert set(sessions(ocdu, garden, "--limit", "1")) == {"ses_old", "ses_helper"}


def test_the_filter_line_of_the_app_works_here_too(ocdu: Ocdu, garden: Path) -> None:
    def found(*options: str) -> set[str]:
        return set(sessions(ocdu, garden, "--filter", *options))

    assert found("idle:>60d") == {"ses_old", "ses_helper", "ses_shed"}
    assert found("idle:>60d -is:child size:>50kB") == {"ses_old"}
    assert found("is:archived") == {"ses_attic"}
    assert found("help", "--limit", "1") == {"ses_helper"}
    assert "ses_helper" in ocdu("list", "--filter", "help", "--db", garden).out
    said = ocdu("list", "--filter", "size:huge", "--db", garden)
    assert said.exit_code == 2 and "“huge” is not a size" in said.err


def test_trees_come_largest_first_each_root_before_its_children(ocdu: Ocdu, garden: Path) -> None:
    order = list(sessions(ocdu, garden))
    assert order[:2] == ["ses_old", "ses_helper"]


def test_people_see_roots_and_with_tree_the_children_indented(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("list", "--db", garden)
    assert "ses_helper" not in said.out
    assert "attic  [archived]" in said.out
    said = ocdu("list", "--tree", "--db", garden)
    line = next(line for line in said.out.splitlines() if "ses_helper" in line)
    assert line.endswith("    helper")


@pytest.mark.parametrize("title", ["\x1b[31mred", "two\nlines", "\u202egnp.exe", "[red]x[/red]"])
def test_a_hostile_title_never_reaches_the_terminal_raw(
    ocdu: Ocdu, tmp_path: Path, title: str
) -> None:
    path = make_database(tmp_path / "o.db", [session(title, id="ses_x")])
    said = ocdu("list", "--db", path)
    assert said.exit_code == 0
    assert not {"\x1b", "\u202e"} & set(said.out)
    assert sum("ses_x" in line for line in said.out.splitlines()) == 1
    as_json = ocdu("list", "--json", "--db", path)
    assert as_json.json["sessions"][0]["title"] == title
    assert as_json.out.isascii()


def test_a_database_without_sessions_lists_nothing(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("list", "--db", make_database(tmp_path / "o.db"))
    assert (said.exit_code, said.out) == (0, "0 sessions in 0 trees, 0 B.\n")


def test_listing_leaves_every_byte_as_it_was(ocdu: Ocdu, garden: Path) -> None:
    before = garden.read_bytes()
    sessions(ocdu, garden)
    assert garden.read_bytes() == before
