"""What stale, subagents and diffs leave behind, the opencode that made it reads on, and goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.opencode.ageing import age
from tests.opencode.ocdu import ocdu
from tests.opencode.past import Past
from tests.opencode.provider import Provider, Reply, bash
from tests.opencode.server import Server
from tests.opencode.witness import (
    PLACEHOLDER,
    RECLAIMED,
    conversation,
    is_reclaimed,
    opencode_accepts,
    reading,
    rows_of,
    tree,
)

LEVELS = ("stale", "subagents", "diffs")


@pytest.fixture(params=("1.2.20", "1.18.33"))
def past(request: pytest.FixtureRequest, past_of: Callable[[str], Past], tmp_path: Path) -> Past:
    """A past of ten days ago, whose long session opencode has not pruned itself."""
    made = past_of(request.param).copied_to(tmp_path / "past")
    with closing(sqlite3.connect(made.home.db)) as db, db:
        db.execute(
            "UPDATE part SET data = json_remove(data, '$.state.time.compacted')"
            " WHERE data LIKE '%\"compacted\":%'"
        )
        for (id,) in db.execute('SELECT id FROM message WHERE data LIKE \'%"role":"user"%\''):
            db.execute("UPDATE message SET data = json_set(data, ?, json(?)) WHERE id = ?",
                       ("$.summary", json.dumps({"diffs": diffs(request.param)}), id))  # fmt: skip
    age(made.home, days=10)
    return made


def diffs(version: str) -> list[dict[str, Any]]:
    """Entries as this version writes them (facts on opencode's storage, §4b.7)."""
    texts = {"before": "old\n" * 500, "after": "new\n" * 500}
    if version != "1.2.20":
        texts = {"patch": "@@ -1 +1 @@\n" + "-old\n+new\n" * 500}
    return [{"file": "poem.txt", **texts, "additions": 500, "deletions": 500, "status": "modified"}]


def patches(past: Past) -> set[str]:
    """Every text of a diff in the file."""
    with reading(past.home) as db:
        found = db.execute(
            "SELECT coalesce(value ->> '$.patch', value ->> '$.before') FROM message,"
            " json_each(data, '$.summary.diffs') WHERE data LIKE '%\"role\":\"user\"%'"
        )
        return {str(text) for (text,) in found}


def test_opencode_reads_continues_and_reverts_what_the_levels_left(
    past: Past, provider: Provider
) -> None:
    said = ocdu(past.home, "reclaim", "--level", ",".join(LEVELS))
    assert said.json["outcome"] == "done", str(said)
    assert said.json["done"]["messages"] > 0 and said.json["done"]["parts"] > 0
    assert patches(past) == {""}
    earlier = len(provider.turns_about("Sow cress."))
    seen = opencode_accepts(past, continues="pruned", exports=["pruned", "family"])

    states = seen[past.ids["pruned"]].tool_states
    taken = [is_reclaimed(state) for state in states]
    assert taken == sorted(taken, reverse=True) and 0 < sum(taken) < len(taken)
    request = provider.turns_about("Sow cress.")[earlier]
    assert [each == PLACEHOLDER for each in request.tool_results] == taken
    assert RECLAIMED not in request.text

    (child,) = tree(past, "family") - {past.ids["family"]}
    assert all(is_reclaimed(state) for state in seen[child].tool_states)
    assert not any(is_reclaimed(state) for state in seen[past.ids["family"]].tool_states)
    with Server(past.home, past.alpha) as server:
        _revert_and_back(server, past)
        for title in past.ids:
            _one_more_turn(server, past, title)
    assert past.home.complaints() == []


def _revert_and_back(server: Server, past: Past) -> None:
    """To before the second turn and back again, in the session that lost most."""
    session, project = past.ids["pruned"], past.alpha
    messages = conversation(server, session, project)
    second = [each["info"]["id"] for each in messages if each["info"]["role"] == "user"][1]
    reverted = server.post(f"/session/{session}/revert", {"messageID": second}, project)
    assert reverted["revert"]["messageID"] == second
    back = server.post(f"/session/{session}/unrevert", {}, project)
    assert not back.get("revert")
    assert conversation(server, session, project) == messages


def _one_more_turn(server: Server, past: Past, title: str) -> None:
    session, project = past.ids[title], past.project_of(title)
    plan = (Reply(calls=(bash(1, "dill"),)), Reply("The dill is up."))
    assert server.converse(session, project, "Sow dill.", *plan) == "The dill is up."


def test_stale_marks_what_opencode_itself_would_have_marked(past: Past) -> None:
    """In its past this opencode pruned the long session; ocdu does so again, from the start."""
    said = ocdu(past.home, "reclaim", "--level", "stale", past.ids["pruned"])
    assert said.json["outcome"] == "done", str(said)
    with reading(past.home) as db:
        ours = [
            bool(marked)
            for (marked,) in db.execute(
                "SELECT data ->> '$.state.time.compacted' FROM part WHERE session_id = ?"
                " AND data ->> '$.type' = 'tool' ORDER BY time_created, id",
                (past.ids["pruned"],),
            )
        ]
    # Ten outputs of 45 KB are 11,520 tokens each; two turns of one output are skipped, three
    # more are protected, and the fourth crosses the forty thousand.
    assert ours == [True] * 5 + [False] * 5


def test_undo_gives_opencode_back_every_byte(past: Past) -> None:
    config = past.home.root / "keep.toml"
    config.write_text("[reclaim]\nkeep = true\n")
    everything = set(past.ids.values()) | tree(past, "family")
    before = rows_of(past.home, everything)
    said = ocdu(past.home, "reclaim", "--level", ",".join(LEVELS), "--config", str(config))
    assert said.json["outcome"] == "done" and said.json["batch"], str(said)
    said = ocdu(past.home, "undo")
    assert said.json["outcome"] == "done", str(said)
    assert rows_of(past.home, everything) == before
    opencode_accepts(past, continues="quiet")
