"""`ocdu search`: hits by contract, harmless snippets, wrong calls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.factories import Turn, days_ago, make_database, session
from tui.format import iso


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Two conversations about roses, one of them old and archived."""
    old = session("Old beds", turns=[Turn("Where are the ROSES?", "\x1b[31mIn the\nrose bed")],
                  active=days_ago(50), archived=days_ago(5), project="house")  # fmt: skip
    return make_database(
        tmp_path / "o.db", [old, session("New beds", turns=[Turn("Water the roses")])]
    )


def test_hits_are_told_newest_first_with_their_session(ocdu: Ocdu, talks: Path) -> None:
    said = ocdu("search", "roses", "--json", "--db", talks)
    assert (said.exit_code, said.json["outcome"], said.json["complete"]) == (0, "done", True)
    new, old = said.json["hits"]
    assert new["session_id"] == "ses_newbeds" and new["project"] == "garden"
    assert new["snippet"][new["at"] : new["at"] + new["length"]] == "roses"
    assert (old["title"], old["archived"]) == ("Old beds", iso(days_ago(5)))
    assert (old["kind"], old["where"], old["part_id"]) == ("text", "user", "prt_oldbeds_0u_0")


def test_project_age_kind_and_limit_narrow_it(ocdu: Ocdu, talks: Path) -> None:
    def found(*options: str) -> list[str]:
        said = ocdu("search", "rose", "--json", "--db", talks, *options)
        return [hit["session_id"] for hit in said.json["hits"]]

    assert found("--project", "house") == ["ses_oldbeds"] * 2
    assert found("--since", "30d") == ["ses_newbeds"]
    assert found("--kind", "tool,reasoning") == []
    assert found("--limit", "1") == ["ses_newbeds"]


def test_people_read_harmless_lines(ocdu: Ocdu, talks: Path) -> None:
    said = ocdu("search", "rose bed", "--db", talks)
    assert "\x1b" not in said.out
    assert "In the rose bed" in said.out and "Old beds" in said.out
    nothing = ocdu("search", "tulips", "--db", talks)
    assert (nothing.exit_code, nothing.out) == (0, "0 hits in 0 sessions.\n")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("",), "Nothing to search for"),
        (("x", "--kind", "text,song"), "no kind “song”"),
        (("x", "--since", "soon"), "“soon” is not an age"),
        (("x", "--project", "moon"), "no project “moon”"),
    ],
)
def test_wrong_calls_say_what_is_right(
    ocdu: Ocdu, talks: Path, options: tuple[str, ...], says: str
) -> None:
    said = ocdu("search", *options, "--db", talks)
    assert said.exit_code == 2 and says in said.err


def test_what_was_pruned_is_found_in_the_trash_and_comes_back(ocdu: Ocdu, talks: Path) -> None:
    ocdu("prune", "ses_oldbeds", "--yes", "--db", talks)
    said = ocdu("search", "where are the roses", "--trash", "--json", "--db", talks)
    assert (said.exit_code, said.json["outcome"], said.json["complete"]) == (0, "done", True)
    [hit] = said.json["hits"]
    assert (hit["root"], hit["title"], hit["project"]) == ("ses_oldbeds", "Old beds", "house")
    assert hit["snippet"][hit["at"] : hit["at"] + hit["length"]] == "Where are the ROSES"
    read = ocdu("search", "rose", "--trash", "--db", talks)
    assert "Old beds  ses_oldbeds" in read.out and "New beds" not in read.out
    assert "2 hits in 1 tree of the trash. `ocdu trash restore ID`" in read.out
    assert ocdu("search", "rose", "--trash", "--project", "moon", "--db", talks).out.startswith(
        "0 hits"
    )
    ocdu("trash", "restore", f"{hit['batch']}/{hit['root']}", "--yes", "--db", talks)
    assert ocdu("search", "where are", "--json", "--db", talks).json["hits"]
    assert ocdu("search", "where are", "--trash", "--json", "--db", talks).json["hits"] == []


def test_a_batch_that_cannot_be_searched_makes_the_answer_partial(
    ocdu: Ocdu, garden: Path, home: Path
) -> None:
    for id in ("ses_old", "ses_attic"):
        ocdu("prune", id, "--yes", "--db", garden)
    first, *_ = sorted(home.rglob("*.trash"))
    os.truncate(first, first.stat().st_size - 40)
    said = ocdu("search", "the", "--trash", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"], said.json["complete"]) == (4, "partial", False)
    assert f"{first.stem} was not searched" in said.json["message"]
