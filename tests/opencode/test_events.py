"""After the levels `events` and `orphans` the real program goes on as if nothing had happened."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.opencode.ocdu import ocdu
from tests.opencode.past import TITLES, Past
from tests.opencode.provider import Reply, bash
from tests.opencode.server import MODEL, Server
from tests.opencode.test_beside_a_living_opencode import keep_talking
from tests.opencode.witness import assert_sound, conversation, opencode_accepts, reading

VERSIONS = ("1.17.11", "1.18.33")
"""The first that keeps the log in its present shape, and the newest."""

NEWEST = """SELECT id, seq, data FROM (SELECT *, row_number() OVER (
    PARTITION BY aggregate_id, substr(type, 1, instr(type, '.updated') + instr(type, '.created')),
      coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.partID'),
        CASE WHEN type LIKE 'message%' THEN json_extract(data, '$.info.id') END)
    ORDER BY seq DESC) AS age FROM event WHERE type LIKE '%.updated.1') WHERE age = 1"""


@pytest.fixture(params=VERSIONS)
def past(request: pytest.FixtureRequest, past_of: Callable[[str], Past], tmp_path: Path) -> Past:
    """A fresh copy of the past, once for each version that writes events."""
    return past_of(request.param).copied_to(tmp_path / "past")


def rows(past: Past, statement: str) -> list[Any]:
    with reading(past.home) as db:
        return db.execute(statement).fetchall()


def sequences(past: Past) -> dict[str, int]:
    return dict(rows(past, "SELECT aggregate_id, seq FROM event_sequence"))


def clear(past: Past) -> dict[str, Any]:
    """All sessions by name, for they are minutes old."""
    ids = [id for (id,) in rows(past, "SELECT id FROM session")]
    return ocdu(past.home, "reclaim", "--level", "events", *ids).json


def test_nothing_but_superseded_events_goes_and_opencode_takes_all_of_it(past: Past) -> None:
    before, newest = sequences(past), rows(past, NEWEST)
    kept = [rows(past, f"SELECT * FROM {table}") for table in ("session", "message", "part")]
    said = clear(past)
    assert (said["outcome"], said["excluded"]) == ("done", {})
    assert said["done"]["events"] > 150 and said["done"]["sessions"] >= len(TITLES)
    assert sequences(past) == before
    assert set(newest) <= set(rows(past, NEWEST))
    assert kept == [
        rows(past, f"SELECT * FROM {table}") for table in ("session", "message", "part")
    ]
    assert clear(past)["outcome"] == "nothing"
    seen = opencode_accepts(past, exports=TITLES)
    assert len(seen) == len(kept[0])


def test_opencode_does_all_it_can_with_sessions_without_their_history(past: Past) -> None:
    clear(past)
    before = sequences(past)
    with Server(past.home, past.alpha) as server:
        live_on(server, past)
    with Server(past.home, past.alpha) as server:
        for title in TITLES:
            session, project = past.ids[title], past.project_of(title)
            plan = (Reply(calls=(bash(1, "rye"),)), Reply("The rye is cut."))
            assert server.converse(session, project, "Cut rye.", *plan) == "The rye is cut."
    assert_sound(past.home)
    assert past.home.complaints() == []
    after = sequences(past)
    assert all(after[id] > before[id] for id in past.ids.values()), "seq goes on from where it was"
    newest = dict(rows(past, "SELECT aggregate_id, max(seq) FROM event GROUP BY 1"))
    assert newest == after
    assert clear(past)["excluded"] == {}, "rows hold what the newest events say, as before"


def test_opencode_goes_on_with_events_whose_diffs_lost_their_text(past: Past) -> None:
    plant_diffs(past)
    before = sequences(past)
    ids = [id for (id,) in rows(past, "SELECT id FROM session")]
    said = ocdu(past.home, "reclaim", "--level", "events,diffs", *ids).json
    assert (said["outcome"], said["excluded"]) == ("done", {})
    assert said["done"]["messages"] > 5
    for table in ("message", "event"):
        assert rows(past, f"SELECT id FROM {table} WHERE data LIKE '%@@ -1 +1 @@%'") == []
        assert rows(past, f'SELECT id FROM {table} WHERE data LIKE \'%"patch":""%\'')
    assert sequences(past) == before
    opencode_accepts(past, exports=TITLES)
    with Server(past.home, past.alpha) as server:
        live_on(server, past)
    with Server(past.home, past.alpha) as server:
        for title in TITLES:
            session, project = past.ids[title], past.project_of(title)
            assert server.converse(session, project, "Cut rye.", Reply("Cut.")) == "Cut."
    assert_sound(past.home)
    assert past.home.complaints() == []
    assert clear(past)["excluded"] == {}, "rows hold what the newest events say, as before"


def plant_diffs(past: Past) -> None:
    """The same diffs in every question, and in all its events."""
    entry = {"file": "poem.txt", "additions": 9, "deletions": 9, "status": "modified"}
    diffs = json.dumps({"diffs": [{**entry, "patch": "@@ -1 +1 @@\n" + "-old\n+new\n" * 500}]})
    with closing(sqlite3.connect(past.home.db)) as db, db:
        for table, at in (("message", "$"), ("event", "$.info")):
            db.execute(
                f"UPDATE {table} SET data = json_set(data, '{at}.summary', json(?))"
                f" WHERE json_extract(data, '{at}.role') = 'user'",
                (diffs,),
            )


def live_on(server: Server, past: Past) -> None:
    """Archive, retitle, fork, summarise, revert and unrevert."""
    alpha, beta = past.alpha, past.beta
    quiet, summarised = past.ids["quiet"], past.ids["summarised"]
    server.patch(f"/session/{quiet}", {"title": "Silent", "time": {"archived": 7}}, alpha)
    info = server.get(f"/session/{quiet}", alpha)
    assert (info["title"], info["time"]["archived"]) == ("Silent", 7)
    fork = server.post(f"/session/{past.ids['pruned']}/fork", {}, alpha)
    copied = conversation(server, fork["id"], alpha)
    assert len(copied) == len(conversation(server, past.ids["pruned"], alpha))
    server.converse(fork["id"], alpha, "Go on.", Reply("Going on."))
    overflowed = past.ids["overflowed"]
    server.post(f"/session/{overflowed}/summarize", {**MODEL, "auto": False}, beta)
    server.converse(overflowed, beta, "Go on.", Reply("Going on."))
    talk = conversation(server, summarised, beta)
    asked = [each["info"]["id"] for each in talk if each["info"]["role"] == "user"]
    server.post(f"/session/{summarised}/revert", {"messageID": asked[-1]}, beta)
    assert server.get(f"/session/{summarised}", beta)["revert"]["messageID"] == asked[-1]
    server.post(f"/session/{summarised}/unrevert", {}, beta)
    assert json.dumps(conversation(server, summarised, beta)) == json.dumps(talk)
    server.post(f"/session/{summarised}/revert", {"messageID": asked[-1]}, beta)
    server.converse(summarised, beta, "Another way.", Reply("Gone another way."))
    left = {each["info"]["id"] for each in conversation(server, summarised, beta)}
    assert asked[-1] not in left, "a turn after a revert removes what was reverted"


def test_no_turn_fails_while_history_and_orphans_are_cleared(past: Past) -> None:
    stop = threading.Event()
    with reading(past.home) as db:
        family = [id for (id,) in db.execute("SELECT id FROM session WHERE parent_id IS NOT NULL")]
    with Server(past.home, past.alpha) as server, ThreadPoolExecutor(max_workers=1) as pool:
        turns = pool.submit(keep_talking, server, past, stop)
        gone = 0
        for _ in range(3):
            ids = [past.ids[title] for title in TITLES if title != "summarised"]
            said = ocdu(past.home, "reclaim", "--level", "events", *ids, *family)
            gone += (said.json["done"] or {"events": 0})["events"]
            ocdu(past.home, "reclaim", "--level", "orphans")
        stop.set()
        assert turns.result() > 0, "a failed turn would have raised"
        assert server.is_alive
    assert gone > 100
    assert past.home.complaints() == []
    opencode_accepts(past)
