"""The JSON is a contract: these keys, these types, for whoever builds on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ocdu
from tui import __version__

ALWAYS = ("ocdu", "command", "outcome", "message")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OUTCOMES = {"done", "nothing", "planned", "refused", "partial", "failed"}
TOTALS = {"trees", "sessions", "messages", "parts", "events", "files", "bytes"}
DEED = {"plan", "excluded", "done", "predicted_bytes", "freed_bytes", "batch"}

SESSION: dict[str, Any] = {
    "id": str,
    "parent_id": str | None,
    "project": str,
    "directory": str,
    "title": str,
    "created": str,
    "updated": str,
    "last_activity": str,
    "archived": str | None,
    "shared": bool,
    "pinned": bool,
    "messages": int,
    "parts": int,
    "bytes": int,
    "tree_bytes": int,
    "generation": str,
}


def test_every_answer_begins_with_the_same_four_keys(ocdu: Ocdu, garden: Path) -> None:
    for verb in ("list", "stats", "prune", "trash", "undo", "databases", "vacuum"):
        said = ocdu(verb, "--json", "--db", garden).json
        assert tuple(said)[:4] == ALWAYS
        assert (said["ocdu"], said["command"]) == (__version__, verb)
        assert said["outcome"] in OUTCOMES
        assert said["message"].endswith((".", "!", ")")), said["message"]


def test_list(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("list", "--json", "--db", garden).json
    assert set(said) == {*ALWAYS, "sessions"}
    for each in said["sessions"]:
        assert {name: isinstance(each[name], kind) for name, kind in SESSION.items()} == (
            dict.fromkeys(SESSION, True)
        )
        assert set(each) == set(SESSION)
        for name in ("created", "updated", "last_activity"):
            assert TIME.fullmatch(each[name])


def test_stats(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("stats", "--json", "--db", garden).json
    assert set(said) == {
        *ALWAYS,
        "database",
        "sessions",
        "messages",
        "parts",
        "events",
        "tables",
        "bytes",
        "get_back",
    }
    assert {name: type(value) for name, value in said["database"].items()} == {
        "path": str,
        "generation": str,
        "bytes": int,
        "wal_bytes": int,
        "free_bytes": int,
        "holders": list,
    }
    assert {name: type(n) for name, n in said["sessions"].items()} == dict.fromkeys(
        ("total", "root", "child", "archived"), int
    )
    for row in said["get_back"]:
        assert set(row) == {"action", "level", "bytes"}
        is_costly = row["level"] in ("stale", "subagents")  # counted only when asked for
        assert row["bytes"] is None if is_costly else type(row["bytes"]) is int


WRITES = (
    ["archive", "ses_old"],
    ["unarchive", "ses_attic"],
    ["reclaim"],
    ["prune", "ses_old"],
    ["vacuum"],
)


@pytest.mark.parametrize("write", WRITES, ids=" ".join)
def test_what_changes_something_tells_plan_and_deed(
    ocdu: Ocdu, garden: Path, write: list[str]
) -> None:
    ocdu("prune", "ses_new", "--permanent", "--yes", "--db", garden)
    planned = ocdu(*write, "--json", "--db", garden).json
    assert planned["outcome"] == "planned"
    own = {"prune": {"events_kept"}, "vacuum": {"decision"}}.get(write[0], set())
    assert set(planned) == {*ALWAYS, *DEED, *own}
    assert set(planned["plan"]) == {"items", "totals"}
    assert set(planned["plan"]["totals"]) == TOTALS
    for item in planned["plan"]["items"]:
        assert {"id", "title", "reason", "bytes"} <= set(item)
    assert [planned[name] for name in ("done", "freed_bytes", "batch")] == [None] * 3

    done = ocdu(*write, "--yes", "--json", "--db", garden).json
    assert done["outcome"] == "done", done
    assert {*ALWAYS, *DEED} <= set(done)
    assert set(done["done"]) == TOTALS
    assert done["plan"]["totals"] == planned["plan"]["totals"], "preview and deed are one plan"
    assert done["predicted_bytes"] == planned["predicted_bytes"]
    assert type(done["freed_bytes"]) is int
    assert (done["batch"] is None) == (write[0] != "prune")


def test_trash(ocdu: Ocdu, garden: Path) -> None:
    batch = ocdu("prune", "ses_old", "--yes", "--json", "--db", garden).json["batch"]
    (found,) = ocdu("trash", "list", "--json", "--db", garden).json["batches"]
    assert {"id", "created", "trees", "sessions", "bytes"} <= set(found)
    assert (found["id"], found["trees"], found["sessions"]) == (batch, 1, 2)
    assert TIME.fullmatch(found["created"])


def test_a_refusal_is_an_object_too(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("list", "--json", "--db", tmp_path / "no.db")
    assert said.exit_code == 3
    assert (tuple(said.json), said.json["outcome"]) == (ALWAYS, "refused")
    assert said.err == ""


def test_a_wrong_call_is_an_object_too(ocdu: Ocdu) -> None:
    said = ocdu("nonsense", "--json")
    assert (said.exit_code, tuple(said.json)) == (2, ALWAYS)
    assert (said.json["command"], said.json["outcome"]) == (None, "failed")
