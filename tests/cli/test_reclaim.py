"""`ocdu reclaim`: levels, ids, idleness."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import Tool, Turn, days_ago, execute, make_database, session


def outputs(path: Path) -> list[str]:
    """The output of every tool part, shortened."""
    rows = execute(
        path,
        "SELECT substr(data ->> '$.state.output', 1, 11) FROM part"
        " WHERE data ->> '$.type' = 'tool' ORDER BY id",
    )
    return [text for (text,) in rows]


def test_the_default_level_takes_only_what_opencode_marked(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("reclaim", "--yes", "--json", "--db", garden)
    assert said.json["outcome"] == "done", said.all
    assert said.json["done"]["parts"] == 1
    assert said.json["done"]["bytes"] == said.json["plan"]["totals"]["bytes"]
    assert outputs(garden).count("[reclaimed]") == 1
    again = ocdu("reclaim", "--yes", "--json", "--db", garden)
    assert (again.exit_code, again.json["outcome"]) == (0, "nothing")


def compacted(name: str, days: float) -> list[Turn]:
    """A conversation that was compacted after its first turn."""
    return [Turn(name, tools=[Tool(5000)]), Turn(compaction=True), Turn(tools=[Tool(700)])]


def test_levels_ids_and_idleness_narrow_it_down(ocdu: Ocdu, tmp_path: Path) -> None:
    given = [
        session(name, active=days_ago(days), turns=compacted(name, days))
        for name, days in (("plum", 20), ("pear", 5))
    ]
    path = make_database(tmp_path / "o.db", given)

    def planned(*options: str) -> set[str]:
        said = ocdu("reclaim", *options, "--json", "--db", path)
        assert said.exit_code == 0, said.all
        return {item["id"] for item in said.json["plan"]["items"]}

    assert planned("--level", "conservative") == set()
    assert planned("--level", "aggressive") == {"ses_plum", "ses_pear"}
    assert planned("--level", "summarised", "--idle", "10d") == {"ses_plum"}
    assert planned("--level", "compacted,summarised", "ses_pear") == {"ses_pear"}


def test_a_wrong_idle_age_is_a_sentence(ocdu: Ocdu, garden: Path) -> None:
    said = ocdu("reclaim", "--idle", "ages", "--yes", "--db", garden)
    assert said.exit_code == 2
    assert "“ages” is not an age" in said.err


def test_superseded_events_go_by_their_own_level_and_say_so(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "o.db",
        [session("plum", active=days_ago(9), events=3, turns=[Turn(tools=[Tool(900)])])],
    )
    stats = ocdu("stats", "--json", "--db", path).json["get_back"]
    said = ocdu("reclaim", "--level", "events", "--yes", "--json", "--db", path)
    assert said.json["outcome"] == "done", said.all
    done = said.json["done"]
    assert (done["events"], done["parts"], done["sessions"]) == (10, 0, 1)
    assert {"action": "reclaim", "level": "events", "bytes": done["bytes"]} in stats
    assert "10 events" in said.json["message"]
    assert execute(path, "SELECT count(*) FROM event") == [(5,)]
    assert execute(path, "SELECT seq FROM event_sequence") == [(14,)]


def test_a_session_whose_rows_differ_from_its_log_is_left_and_named(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    path = make_database(tmp_path / "o.db", [session("plum", active=days_ago(9), events=2)])
    execute(path, "UPDATE part SET data = json_set(data, '$.text', 'other')")
    said = ocdu("reclaim", "--level", "events", "--yes", "--json", "--db", path)
    assert (said.exit_code, said.json["outcome"]) == (0, "nothing")
    assert said.json["excluded"] == {"diverged": 1}
    assert "“plum”" in said.json["message"]


def test_orphans_are_no_sessions_and_still_in_the_plan(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("plum", active=days_ago(9), events=2)])
    execute(path, "DELETE FROM session")
    said = ocdu("reclaim", "--level", "orphans", "--yes", "--json", "--db", path)
    assert [item["id"] for item in said.json["plan"]["items"]] == ["ses_plum"], said.all
    assert said.json["outcome"] == "done", said.all
    assert said.json["done"]["events"] == 8
    for table in ("message", "part", "event", "event_sequence"):
        assert execute(path, f"SELECT count(*) FROM {table}") == [(0,)]
