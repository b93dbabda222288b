"""`ocdu auto`: off until configured, announced before it acts, the worst outcome as exit code."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ocdu, Said
from tests.cli.terminal import on_terminal
from tests.factories import (
    NOW,
    Tool,
    count_rows,
    days_ago,
    execute,
    make_database,
    session,
)
from tests.picture import assert_sound, picture, site_of
from tui.cli.auto import worst
from tui.cli.units import cron, launchd, systemd
from tui.policy.plan import Ending

Auto = Any
"""auto("[retention] …", "--yes"): run with this configuration on the garden."""


@pytest.fixture
def beds(tmp_path: Path) -> Path:
    """Idle, idle with a finished helper, just used, and full of marked output."""
    marked = [Tool(40_000, compacted=True)]
    return make_database(
        tmp_path / "opencode.db",
        [
            session("Ancient", active=days_ago(200), octets=50_000),
            session("Idle", active=days_ago(40), octets=20_000,
                    children=[session("Helper", active=days_ago(41), octets=30_000)]),
            session("Marked", active=days_ago(20), tools=marked),
            session("Used", active=days_ago(0.5), tools=marked),
        ],
    )  # fmt: skip


@pytest.fixture
def auto(ocdu: Ocdu, beds: Path, tmp_path: Path) -> Auto:
    config = tmp_path / "config.toml"

    def run(keys: str, *options: str) -> Said:
        config.write_text(f"[retention]\n{keys}\n")
        return ocdu("auto", "--config", config, "--db", beds, "--json", *options)

    return run


def verbs(said: Said) -> list[tuple[str, str]]:
    return [(plan["verb"], plan["outcome"]) for plan in said.json["plans"]]


def test_nothing_configured_changes_nothing_and_names_the_keys(ocdu: Ocdu, beds: Path) -> None:
    before = picture(beds)
    said = ocdu("auto", "--yes", "--json", "--db", beds)
    assert (said.exit_code, said.json["outcome"], said.json["plans"]) == (0, "nothing", [])
    assert "archive_after" in said.json["message"] and "config.toml" in said.json["message"]
    assert picture(beds) == before


ALL = (
    'archive_after = "30d"\nlevels = "compacted"\nsubagents_prune = "30d"\nprune_after = "180d"\n'
    'budget = "10kB"'
)


def test_a_dry_run_plans_everything_in_order_and_changes_nothing(auto: Auto, beds: Path) -> None:
    before = picture(beds)
    said = auto(ALL, "--dry-run")
    assert said.json["outcome"] == "planned"
    assert [verb for verb, _ in verbs(said)] == ["archive", "reclaim", "prune", "prune", "prune"]
    assert [[item["id"] for item in plan["plan"]["items"]] for plan in said.json["plans"]] == [
        ["ses_idle"], ["ses_marked"], ["ses_helper"], ["ses_ancient"], ["ses_idle", "ses_marked"],
    ]  # fmt: skip
    for plan in said.json["plans"]:
        assert all(item["reason"] for item in plan["plan"]["items"])
    assert picture(beds) == before
    assert site_of(beds).ledger.note("retention") is None


def test_without_yes_and_without_a_terminal_nothing_changes(auto: Auto, beds: Path) -> None:
    before = picture(beds)
    said = auto(ALL)
    assert said.exit_code == 0 and "add --yes" in said.json["message"]
    assert picture(beds) == before


def test_the_first_run_announces_and_the_second_acts(auto: Auto, beds: Path) -> None:
    before = picture(beds)
    first = auto(ALL, "--yes")
    assert (first.exit_code, first.json["outcome"]) == (0, "planned")
    assert "the next one does it" in first.json["message"]
    assert picture(beds) == before
    (entry,) = site_of(beds).ledger.entries()
    assert (entry.verb, entry.state) == ("auto", "planned")
    assert "archive trees idle for 30 days" in entry.message

    second = auto(ALL, "--yes")
    assert (second.exit_code, second.json["outcome"]) == (0, "done")
    assert {outcome for _, outcome in verbs(second)} == {"done"}
    assert {id for (id,) in execute(beds, "SELECT id FROM session")} == {"ses_used"}
    assert_sound(beds)
    journal = [entry.verb for entry in site_of(beds).ledger.entries()]
    assert journal == ["prune", "prune", "prune", "reclaim", "archive", "auto"]


def test_a_changed_policy_is_announced_anew(auto: Auto, beds: Path) -> None:
    auto('prune_after = "180d"', "--yes")
    before = picture(beds)
    assert auto('prune_after = "30d"', "--yes").json["outcome"] == "planned"
    assert picture(beds) == before
    assert auto('prune_after = "30d"', "--yes").json["outcome"] == "done"
    assert auto('prune_after = "30d"', "--yes").json["outcome"] == "nothing"


def test_what_was_pruned_by_itself_comes_back_from_the_trash(
    auto: Auto, ocdu: Ocdu, beds: Path
) -> None:
    before = picture(beds)
    auto('prune_after = "30d"', "--yes")
    batch = auto('prune_after = "30d"', "--yes").json["plans"][0]["batch"]
    assert count_rows(beds, "session") == 2
    assert ocdu("trash", "restore", batch, "--yes", "--db", beds).exit_code == 0
    assert picture(beds) == before


def test_output_of_a_tree_in_use_is_not_reclaimed(auto: Auto, beds: Path) -> None:
    auto('levels = "compacted"', "--yes")
    said = auto('levels = "compacted"', "--yes").json
    assert said["plans"][0]["excluded"] == {"recent": 1}
    kept = "data ->> '$.state.output' = '[reclaimed]'"
    assert count_rows(beds, "part", kept) == 1


def test_where_opencode_says_prune_false_no_output_goes_and_the_rest_does(
    auto: Auto, beds: Path, home: Path
) -> None:
    own = home / "config" / "opencode" / "opencode.json"
    own.parent.mkdir()
    own.write_text('{"compaction": {"prune": false}}')
    keys = 'levels = "compacted"\narchive_after = "30d"'
    assert "opencode.json says compaction.prune = false" in auto(keys, "--yes").json["message"]
    said = auto(keys, "--yes")
    assert verbs(said) == [("archive", "done")]
    assert count_rows(beds, "part", "data ->> '$.state.output' = '[reclaimed]'") == 0


def test_a_vacuum_is_proposed_and_done_only_if_told(auto: Auto, beds: Path) -> None:
    auto('prune_after = "30d"', "--yes")
    size = beds.stat().st_size
    said = auto('prune_after = "30d"', "--yes").json
    assert "`ocdu vacuum`" in said["message"]
    assert beds.stat().st_size >= size
    keys = 'prune_after = "30d"\nvacuum = true'
    auto(keys, "--yes")
    assert verbs(auto(keys, "--yes")) == [("prune", "nothing"), ("vacuum", "done")]
    assert beds.stat().st_size < size


def test_a_read_only_database_refuses(auto: Auto, beds: Path) -> None:
    auto(ALL, "--yes")
    before = picture(beds)
    said = auto(ALL, "--yes", "--read-only")
    assert said.exit_code == 3 and said.json["outcome"] == "refused"
    assert picture(beds) == before


def test_another_ocdu_at_work_is_a_refusal_with_its_exit_code(
    auto: Auto, beds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto('prune_after = "30d"', "--yes")
    ledger = site_of(beds).ledger
    monkeypatch.setattr("tui.store.ledger.Ledger.exclusive.__wrapped__.__defaults__", (0.01,))
    with ledger.exclusive():
        said = auto('prune_after = "30d"', "--yes")
    assert said.exit_code == 3 and "Another ocdu" in said.json["message"]


def test_a_broken_value_names_the_line(auto: Auto) -> None:
    said = auto('budget = "much"', "--yes")
    assert said.exit_code == 2 and "line 2" in said.json["message"]


def test_the_totals_are_the_sums_of_the_plans(auto: Auto) -> None:
    auto(ALL, "--yes")
    said = auto(ALL, "--yes").json
    for key in said["totals"]:
        assert said["totals"][key] == sum(plan["plan"]["totals"][key] for plan in said["plans"])
        assert said["done"][key] == sum(plan["done"][key] for plan in said["plans"])
    assert said["freed_bytes"] == sum(plan["freed_bytes"] for plan in said["plans"])
    assert NOW > 0


def test_a_yes_on_a_terminal_needs_no_announcement(tmp_path: Path) -> None:
    long_ago = [session("Long ago", active=days_ago(3000))]  # by any clock
    beds = make_database(tmp_path / "opencode.db", long_ago)
    config = tmp_path / "config.toml"
    config.write_text('[retention]\nprune_after = "30d"\n')
    code, shown = on_terminal("y\n", "auto", "--config", config, "--db", beds)
    assert code == 0 and "idle since" in shown
    assert count_rows(beds, "session") == 0


@pytest.mark.parametrize(
    ("endings", "whole"),
    [
        ([], "nothing"),
        (["nothing", "done"], "done"),
        (["done", "refused"], "partial"),
        (["nothing", "refused"], "refused"),
        (["done", "partial", "refused"], "partial"),
        (["partial", "failed", "done"], "failed"),
    ],
)
def test_the_whole_is_as_bad_as_the_worst(endings: list[Ending], whole: str) -> None:
    assert worst(endings) == whole


# what runs it

ODD = ["/opt/a b/ocdu", "auto", "--db", '/data/100%/$x/"q".db']


def test_the_unit_names_the_real_program_and_what_was_named(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("auto", "--print-unit", "--db", tmp_path / "o.db")
    assert said.exit_code == 0
    (line,) = [each for each in said.out.splitlines() if each.startswith("ExecStart=")]
    program = line.removeprefix("ExecStart=").split(" ")[0]
    assert Path(program).is_absolute() and Path(program).exists()
    assert line.endswith(f"auto --yes --db {tmp_path / 'o.db'}")
    assert "OnCalendar=daily" in said.out and "WantedBy=timers.target" in said.out


@pytest.mark.parametrize("kind", ["systemd", "cron", "launchd"])
def test_printing_a_unit_opens_no_database(ocdu: Ocdu, kind: str) -> None:
    said = ocdu("auto", "--print-unit", kind, "--json")
    assert said.json["outcome"] == "done" and "auto" in said.json["unit"]


def test_an_unknown_scheduler_is_a_wrong_call(ocdu: Ocdu) -> None:
    assert ocdu("auto", "--print-unit", "windows").exit_code == 2


def test_odd_paths_survive_systemd() -> None:
    line = next(each for each in systemd(ODD).splitlines() if each.startswith("ExecStart="))
    assert line == r'ExecStart="/opt/a b/ocdu" auto --db "/data/100%%/$$x/\"q\".db"'


def test_odd_paths_survive_cron_and_the_shell() -> None:
    line = cron(ODD).splitlines()[-1].removeprefix("17 4 * * * ")
    assert "%" not in line.replace(r"\%", "")
    assert shlex.split(line.replace(r"\%", "%")) == ODD


def test_odd_paths_survive_launchd() -> None:
    assert plistlib.loads(launchd(ODD).encode())["ProgramArguments"] == ODD
