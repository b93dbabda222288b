"""`ocdu projects`: listed with sizes, relinked, removed."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import execute
from tests.neighbour import Holder
from tests.picture import run
from tui.engine.site import open_site
from tui.engine.undo import plan_undo
from tui.policy.projects import plan_relink
from tui.store.projects import places


def test_every_project_is_listed_with_what_it_takes(ocdu: Ocdu, garden: Path) -> None:
    rows = {row["name"]: row for row in ocdu("projects", "--json", "--db", garden).json["projects"]}
    listed = ocdu("list", "--json", "--db", garden).json["sessions"]
    for name in ("garden", "orchard"):
        mine = [each for each in listed if each["project"] == name]
        assert rows[name]["sessions"] == len(mine)
        assert rows[name]["bytes"] == sum(each["bytes"] for each in mine)
        assert rows[name]["last_activity"]


def test_a_project_moves_with_its_folder(ocdu: Ocdu, garden: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    planned = ocdu("projects", "relink", "/tmp", new, "--dry-run", "--json", "--db", garden).json
    assert planned["outcome"] == "planned" and planned["plan"]["totals"]["sessions"] == 6
    assert {(m["before"], m["after"]) for m in planned["moves"] if m["table"] == "session"} == {
        ("/tmp", str(new))
    }
    assert execute(garden, "SELECT DISTINCT directory FROM session") == [("/tmp",)]
    said = ocdu("projects", "relink", "/tmp", new, "--yes", "--json", "--db", garden)
    assert (said.exit_code, said.json["outcome"]) == (0, "done")
    assert execute(garden, "SELECT DISTINCT directory FROM session") == [(str(new),)]
    assert ocdu("undo", "--yes", "--db", garden).exit_code == 0
    assert execute(garden, "SELECT DISTINCT directory FROM session") == [("/tmp",)]


def test_nothing_moves_while_opencode_has_the_file_open_unless_told(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    with Holder(garden):
        said = ocdu("projects", "relink", "/tmp", tmp_path, "--yes", "--db", garden)
        assert said.exit_code == 3 and "--live" in said.err
        assert execute(garden, "SELECT DISTINCT directory FROM session") == [("/tmp",)]
        assert ocdu("projects", "relink", "/tmp", tmp_path, "--live", "--yes", "--db", garden)
    assert execute(garden, "SELECT DISTINCT directory FROM session") == [(str(tmp_path),)]


def test_a_relink_is_turned_back_and_again_under_the_same_rule(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    refused = ""
    with Holder(garden):
        refused = ocdu("projects", "relink", "/tmp", tmp_path, "--yes", "--db", garden).err
    ocdu("projects", "relink", "/tmp", tmp_path, "--yes", "--db", garden)
    for verb, before, after in (("undo", str(tmp_path), "/tmp"), ("redo", "/tmp", str(tmp_path))):
        with Holder(garden):
            said = ocdu(verb, "--yes", "--db", garden)
            assert said.exit_code == 3
            assert refused.split("using this database")[1] in said.err
            assert execute(garden, "SELECT DISTINCT directory FROM session") == [(before,)]
            assert ocdu(verb, "--live", "--yes", "--db", garden).exit_code == 0
        assert execute(garden, "SELECT DISTINCT directory FROM session") == [(after,)]


def test_other_undos_do_not_mind_an_open_opencode(ocdu: Ocdu, garden: Path) -> None:
    ocdu("archive", "ses_old", "--yes", "--db", garden)
    with Holder(garden):
        assert ocdu("undo", "--yes", "--db", garden).exit_code == 0


def test_an_opencode_that_came_after_the_plan_counts_too(garden: Path, tmp_path: Path) -> None:
    site = open_site(garden)
    plan = plan_relink(places(site.store), "/tmp", str(tmp_path))
    with Holder(garden):
        assert run(plan, site).ending == "refused"
    assert run(plan, site).ending == "done"
    back = plan_undo(site)
    with Holder(garden):
        assert run(back, site).ending == "refused"
    assert run(back, site).ending == "done"


def test_wrong_calls_are_sentences(ocdu: Ocdu, garden: Path) -> None:
    for words in (["relink"], ["relink", "/a"], ["remove"], ["remove", "nobody"], ["list", "x"],
                  ["relink", os.sep, "/tmp"]):  # fmt: skip
        said = ocdu("projects", *words, "--db", garden)
        assert said.exit_code == 2 and said.err, words


def test_a_folder_that_is_not_there_yet_and_a_full_project_are_refused(
    ocdu: Ocdu, garden: Path
) -> None:
    assert ocdu("projects", "relink", "/tmp", "/no/such", "--yes", "--db", garden).exit_code == 3
    said = ocdu("projects", "remove", "garden", "--yes", "--db", garden)
    assert said.exit_code == 3 and "prune --project" in said.err
