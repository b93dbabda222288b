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
