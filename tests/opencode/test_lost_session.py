"""A session whose rows were deleted: rebuilt from its events, opencode reads it and goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tests.opencode.ocdu import ocdu
from tests.opencode.past import Past
from tests.opencode.provider import Reply, bash
from tests.opencode.server import Server
from tests.opencode.witness import conversation


def test_a_rebuilt_session_is_listed_exported_and_continued(newest_past: Past) -> None:
    past, home = newest_past, newest_past.home
    session = past.ids["pruned"]
    before = home.exported(session, past.alpha)
    with closing(sqlite3.connect(home.db)) as db:
        db.execute("DELETE FROM part WHERE session_id = ?", (session,))
        db.execute("DELETE FROM message WHERE session_id = ?", (session,))
        db.execute("DELETE FROM session WHERE id = ?", (session,))
        db.commit()
    assert session not in home.listed(past.alpha)

    assert [each["id"] for each in ocdu(home, "recover").json["lost"]] == [session]
    said = ocdu(home, "recover", session)
    assert said.json["outcome"] == "done", str(said)
    assert session in home.listed(past.alpha)
    after = home.exported(session, past.alpha)
    assert after["messages"] == before["messages"]
    assert _without_title(after["info"]) == _without_title(before["info"])
    assert after["info"]["title"] == "pruned (recovered)"
    with Server(home, past.alpha) as server:
        plan = (Reply(calls=(bash(1, "walnut"),)), Reply("Here again."))
        assert server.converse(session, past.alpha, "Go on.", *plan) == "Here again."
        assert len(conversation(server, session, past.alpha)) > len(before["messages"])
    assert home.complaints() == []


def _without_title(info: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in info.items() if key != "title"}
