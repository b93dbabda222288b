"""1.x on a file that 2.x has upgraded: after ocdu it reads and continues it as far as before."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from tests.generations import problems, upgrade
from tests.opencode.ocdu import ocdu
from tests.opencode.past import Past
from tests.opencode.witness import opencode_accepts, rows_of, session_rows, tree


def in_v2(past: Past) -> dict[str, int]:
    """Sessions of 2.x and how many messages each has."""
    with closing(sqlite3.connect(past.home.db)) as db:
        query = "SELECT s.id, count(m.id) FROM session_v2 s LEFT JOIN session_message m"
        return dict(db.execute(f"{query} ON m.session_id = s.id GROUP BY s.id"))


def test_opencode_1x_goes_on_with_an_upgraded_file_after_every_deed_of_ocdu(
    newest_past: Past,
) -> None:
    past = newest_past
    upgrade(past.home.db, at=int(time.time() * 1000))
    opencode_accepts(past, continues="spoken")
    kept = in_v2(past)
    assert ocdu(past.home, "stats").json["database"]["generation"] == "both"

    family = tree(past, "family")
    for verb in ("archive", "unarchive"):
        said = ocdu(past.home, verb, past.ids["family"])
        assert (said.json["outcome"], said.json["done"]["sessions"]) == ("done", 2), str(said)
    before = rows_of(past.home, family)
    said = ocdu(past.home, "prune", past.ids["family"])
    assert (said.json["outcome"], said.json["done"]["sessions"]) == ("done", 2), str(said)
    assert not any(rows_of(past.home, family).values())
    assert not family & opencode_accepts(past, continues="spoken").keys()
    said = ocdu(past.home, "trash", "restore", str(said.json["batch"]))
    assert said.json["outcome"] == "done", str(said)
    assert rows_of(past.home, family) == before
    opencode_accepts(past, continues="spoken", exports=["family"])

    copies = [past.ids[title] for title in ("summarised", "spoken")]
    said = ocdu(past.home, "reclaim", "--level", "migrated", *copies)
    assert said.json["outcome"] == "done", str(said)
    assert said.json["excluded"] == {"diverged": 1}, "1.x went on with it: not a copy any more"
    assert past.ids["summarised"] not in session_rows(past.home)
    assert past.ids["spoken"] in opencode_accepts(past, continues="quiet")
    assert in_v2(past) == kept, "2.x has all of its sessions and messages"
    assert problems(past.home.db) == []
