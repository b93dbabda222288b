"""`ocdu files`: shows, plans and removes; the JSON holds plan, counts and rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.data_directory import DEAD, LIVING, STORE, du, filled, json_era, put
from tests.factories import make_database, session

DEED = {"plan", "excluded", "done", "predicted_bytes", "freed_bytes", "batch"}
ROW = {
    "id": str, "kind": str, "parent": str | None, "title": str, "says": str, "path": str,
    "bytes": int, "apparent_bytes": int, "files": int, "newest": str | None, "safe": bool,
    "why": str, "reason": str | None, "safe_bytes": int, "safe_files": int,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_shown_without_options_nothing_is_removed(ocdu: Ocdu, folder: Path) -> None:
    ocdu("files", "--db", folder / "opencode.db")
    before = files(folder)
    said = ocdu("files", "--db", folder / "opencode.db")
    assert said.exit_code == 0 and files(folder) == before
    for words in ("snapshot", "tmp_pack_old1 in garden", "older than 7 days", "--yes removes it"):
        assert words in said.out
    assert said.err == ""


def test_the_json_names_every_row_and_adds_up_to_du(ocdu: Ocdu, folder: Path) -> None:
    said = ocdu("files", "--json", "--db", folder / "opencode.db").json
    assert set(said) == {"ocdu", "command", "outcome", "message", "files", "errors", *DEED}
    assert (said["outcome"], said["done"], said["freed_bytes"]) == ("done", None, None)
    for row in said["files"]:
        assert {name: isinstance(row[name], kind) for name, kind in ROW.items()} == (
            dict.fromkeys(ROW, True)
        )
        assert set(row) == set(ROW)
    assert sum(row["bytes"] for row in said["files"] if row["parent"] is None) == du(folder)
    assert said["predicted_bytes"] == sum(item["bytes"] for item in said["plan"]["items"])


def test_a_dry_run_plans_and_removes_nothing(ocdu: Ocdu, folder: Path) -> None:
    said = ocdu("files", "--dry-run", "--json", "--db", folder / "opencode.db").json
    assert said["outcome"] == "planned"
    assert said["plan"]["totals"]["files"] == 7
    assert said["excluded"] == {"owned": 2, "recent": 2, "kept": 3, "only_copy": 1}
    assert (folder / "tool-output" / "tool_old").exists()


def test_yes_removes_what_is_safe_and_counts_what_is_gone(ocdu: Ocdu, folder: Path) -> None:
    ocdu("files", "--db", folder / "opencode.db")
    before, sized = files(folder), du(folder)
    said = ocdu("files", "--yes", "--json", "--db", folder / "opencode.db").json
    assert said["outcome"] == "done", said
    assert len(before - files(folder)) == said["done"]["files"] == 7
    assert said["freed_bytes"] == said["predicted_bytes"] == sized - du(folder)
    assert not (folder / "snapshot" / DEAD).exists()
    assert sum(row["safe_files"] for row in said["files"]) == 0
    again = ocdu("files", "--yes", "--json", "--db", folder / "opencode.db").json
    assert (again["outcome"], again["freed_bytes"]) == ("nothing", 0)


def test_only_the_kinds_named_go(ocdu: Ocdu, folder: Path) -> None:
    pack = folder / "snapshot" / LIVING / STORE / "objects" / "pack" / "tmp_pack_old1"
    said = ocdu("files", "log", "--yes", "tool-output", "--json", "--db", folder / "opencode.db")
    assert said.json["done"]["files"] == 3, said.all
    assert {row["kind"] for row in said.json["files"]} == {"log", "tool-output"}
    assert pack.exists() and (folder / "snapshot" / DEAD).exists()


def test_an_unknown_kind_is_a_sentence(ocdu: Ocdu, folder: Path) -> None:
    said = ocdu("files", "logs", "--db", folder / "opencode.db")
    assert said.exit_code == 2
    assert "“logs”" in said.err and "tool-output" in said.err


def test_read_only_refuses(ocdu: Ocdu, folder: Path) -> None:
    said = ocdu("files", "--yes", "--read-only", "--db", folder / "opencode.db")
    assert said.exit_code == 3
    assert (folder / "tool-output" / "tool_old").exists()


def test_sessions_that_were_never_imported_are_told_and_kept(ocdu: Ocdu, folder: Path) -> None:
    json_era(folder, "ses_lost")
    said = ocdu("files", "storage", "--yes", "--db", folder / "opencode.db")
    assert "in no database" in said.all
    shown = ocdu("files", "storage", "--db", folder / "opencode.db")
    assert "only copy" in shown.out
    assert (folder / "storage" / "session" / LIVING / "ses_lost.json").exists()


def test_hostile_names_reach_no_terminal(ocdu: Ocdu, tmp_path: Path) -> None:
    folder = tmp_path / "opencode"
    make_database(folder / "opencode.db", [session("cress")])
    put(folder / "snapshot" / "evil\n\x1b[2J" / "objects" / "x")
    put(folder / "\x1b]0;title\x07.txt")
    said = ocdu("files", "--db", folder / "opencode.db")
    assert "\x1b" not in said.all and "\x07" not in said.all
    assert ocdu("files", "--json", "--db", folder / "opencode.db").json["outcome"] == "done"
