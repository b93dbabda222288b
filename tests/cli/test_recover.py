"""`ocdu recover`: list what only events know, and rebuild it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import execute


def test_lost_sessions_are_listed_planned_and_rebuilt(ocdu: Ocdu, demo_copy: Path) -> None:
    path = demo_copy
    said = ocdu("recover", "--json", "--db", path)
    assert (said.exit_code, said.json["outcome"], said.json["lost"]) == (0, "nothing", [])
    [[id]] = execute(path, "SELECT aggregate_id FROM event GROUP BY 1 ORDER BY count(*) LIMIT 1")
    for table, key in (("part", "session_id"), ("message", "session_id"), ("session", "id")):
        execute(path, f"DELETE FROM {table} WHERE {key} = ?", id)
    [lost] = ocdu("recover", "--json", "--db", path).json["lost"]
    assert lost["id"] == id and lost["events"] > 0 and lost["bytes"] > 0
    planned = ocdu("recover", id, "--dry-run", "--json", "--db", path).json
    assert planned["outcome"] == "planned" and planned["plan"]["totals"]["events"] == lost["events"]
    done = ocdu("recover", id[:12], "--yes", "--json", "--db", path)
    assert (done.exit_code, done.json["done"]["sessions"]) == (0, 1)
    assert execute(path, "SELECT count(*) FROM session WHERE id = ?", id) == [(1,)]
    assert ocdu("recover", "nobody", "--yes", "--db", path).exit_code == 2
