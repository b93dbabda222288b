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


def test_a_project_narrows_it_down_and_an_unknown_one_is_a_sentence(
    ocdu: Ocdu, tmp_path: Path
) -> None:
    given = [
        session(name, project=project, active=days_ago(20), tools=[Tool(5000, compacted=True)])
        for name, project in (("plum", "orchard"), ("sink", "house"))
    ]
    path = make_database(tmp_path / "o.db", given)
    said = ocdu("reclaim", "--project", "house", "--yes", "--json", "--db", path)
    assert [item["id"] for item in said.json["plan"]["items"]] == ["ses_sink"]
    assert outputs(path).count("[reclaimed]") == 1
    said = ocdu("reclaim", "--project", "shed", "--yes", "--db", path)
    assert said.exit_code == 2 and "no project “shed”" in said.err


def test_minutes_are_minutes_and_a_level_keeps_its_own_hour(ocdu: Ocdu, tmp_path: Path) -> None:
    given = [
        session("plum", active=days_ago(2 / 24), turns=[Turn(diffs=9000)]),
        session("pear", active=days_ago(0.5 / 24), turns=[Turn(diffs=9000)]),
    ]
    path = make_database(tmp_path / "o.db", given)
    for idle, ids in (("5m", ["ses_plum"]), ("3h", []), ("1h", ["ses_plum"])):
        said = ocdu("reclaim", "--level", "diffs", "--idle", idle, "--json", "--db", path)
        assert [item["id"] for item in said.json["plan"]["items"]] == ids, idle


def test_the_rescue_set_takes_all_that_no_model_is_sent(ocdu: Ocdu, tmp_path: Path) -> None:
    turns = [Turn(tools=[Tool(5000, compacted=True)], diffs=9000)]
    path = make_database(tmp_path / "o.db", [session("plum", active=days_ago(9), turns=turns)])
    said = ocdu("reclaim", "--level", "rescue", "--yes", "--json", "--db", path)
    assert said.json["done"]["parts"] == 1 and said.json["done"]["messages"] == 1


def test_with_copies_undo_brings_it_back_and_the_trash_names_them(
    ocdu: Ocdu, garden: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[reclaim]\nkeep = true\n")
    before = execute(garden, "SELECT id, data FROM part ORDER BY id")
    said = ocdu("reclaim", "--yes", "--json", "--db", garden, "--config", config)
    assert said.json["outcome"] == "done" and said.json["batch"], said.all
    listed = ocdu("trash", "list", "--json", "--db", garden).json["batches"]
    assert [each["titles"] for each in listed] == [["payloads of 1 session"]]
    assert ocdu("undo", "--yes", "--json", "--db", garden).json["outcome"] == "done"
    assert execute(garden, "SELECT id, data FROM part ORDER BY id") == before


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
