"""A rescue on disk: the file is small afterwards, and every session still says what it said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.factories import (
    NOW,
    Given,
    Tool,
    Turn,
    count_rows,
    days_ago,
    execute,
    make_database,
    session,
)
from tests.neighbour import Holder, Neighbour, Report, hardly_waits
from tests.picture import assert_sound, drained, forest_of, run, site_of
from tui.engine import rescue
from tui.engine.perform import perform
from tui.engine.rescue import rescue_facts
from tui.engine.site import Site
from tui.engine.undo import plan_undo
from tui.errors import OcduError
from tui.policy.plan import Plan
from tui.policy.rescue import VACUUM, plan_rescue, rescue_levels
from tui.records import Payload
from tui.store.payloads import find_payloads


def bloated(path: Path, sessions: int = 12, octets: int = 60_000) -> Path:
    """Old sessions full of marked output, and of output from before a summary."""
    return make_database(path, [_old(number, octets) for number in range(sessions)])


def _old(number: int, octets: int) -> Given:
    tools = tuple(Tool(octets + 731 * n, compacted=n % 2 == 0) for n in range(6))
    turns = (
        Turn(f"What about {number}?", f"This is {number}.", tools=tools),
        Turn(compaction=True, answer="All is well."),
        Turn("And now?", "Now it is done.", tools=(Tool(900),)),
    )
    return session(f"Bed {number}", active=days_ago(9), turns=turns)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(bloated(tmp_path / "opencode.db"))


def rescue_of(site: Site, without: frozenset[str] = frozenset()) -> Plan:
    found = find_payloads(site.store, rescue_levels())
    facts = rescue_facts(site.store, found)
    return plan_rescue(forest_of(site), found, facts, NOW, without=without)


def conversation(path: Path) -> str:
    """Hash over every message and every part that is no tool's, as stored."""
    digest = hashlib.sha256()
    for row in execute(path, "SELECT id, data FROM message ORDER BY id"):
        digest.update(repr(row).encode())
    talk = "SELECT id, data FROM part WHERE data ->> '$.type' != 'tool' ORDER BY id"
    for row in execute(path, talk):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def on_disk(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def journal(site: Site) -> list[tuple[str, str]]:
    """(verb, state), oldest first."""
    return [(entry.verb, entry.state) for entry in reversed(site.ledger.entries())]


def test_the_file_shrinks_and_nothing_that_was_said_is_gone(site: Site) -> None:
    path = site.store.path
    rows = [count_rows(path, table) for table in ("session", "message", "part")]
    talk, before = conversation(path), on_disk(path)
    outcome = run(rescue_of(site), site)
    assert outcome.ending == "done", outcome.message
    assert outcome.freed_bytes == before - on_disk(path) > 0.8 * before
    assert rows == [count_rows(path, table) for table in ("session", "message", "part")]
    assert conversation(path) == talk
    assert_sound(path)


def test_every_step_has_its_own_journal_entry_and_the_whole_has_one(site: Site) -> None:
    outcome = run(rescue_of(site), site)
    assert journal(site) == [
        ("rescue", "done"), ("reclaim", "done"), ("reclaim", "done"), ("vacuum", "done"),
    ]  # fmt: skip
    steps = {each["step"]: each for each in outcome.details["steps"]}
    assert set(steps) == {"compacted", "summarised", VACUUM}
    whole = next(entry for entry in site.ledger.entries() if entry.verb == "rescue")
    assert whole.freed_bytes == outcome.freed_bytes
    assert site.ledger.freed() == steps[VACUUM]["freed_bytes"], "counted once in what was freed"


def test_predicted_and_freed_agree_on_a_file_of_fifty_megabytes(tmp_path: Path) -> None:
    site = site_of(bloated(tmp_path / "large.db", sessions=150))
    assert on_disk(site.store.path) > 50_000_000
    outcome = run(rescue_of(site), site)
    assert outcome.ending == "done"
    assert abs(outcome.predicted_bytes - outcome.freed_bytes) < 0.03 * outcome.freed_bytes
    predicted, freed = outcome.predicted_bytes, outcome.freed_bytes
    print(f"predicted {predicted:,}, freed {freed:,}: {predicted / freed - 1:+.2%}")


def test_a_second_rescue_finds_nothing(site: Site) -> None:
    run(rescue_of(site), site)
    assert rescue_of(site).items == ()


def test_without_the_vacuum_the_pages_are_free_and_the_file_keeps_its_size(site: Site) -> None:
    size = site.store.path.stat().st_size
    outcome = run(rescue_of(site, frozenset({VACUUM})), site)
    assert outcome.ending == "done" and "inside the file" in outcome.message
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    assert site.store.path.stat().st_size == size
    assert site.store.sizes().free_bytes >= outcome.freed_bytes


def test_a_level_that_was_left_out_keeps_its_output(site: Site) -> None:
    """Marked parts lie before a summary, too: they belong to the step that was left out."""
    plan = rescue_of(site, frozenset({"compacted"}))
    run(plan, site)
    kept = (
        "data ->> '$.state.time.compacted' IS NOT NULL"
        " AND octet_length(data ->> '$.state.output') > 10000"
    )
    assert count_rows(site.store.path, "part", kept) == 12 * 3
    left = find_payloads(site.store, rescue_levels())
    assert {each.level for each in left} == {"compacted"}


def test_stopped_after_each_step_what_was_done_stays_and_the_next_run_finishes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    monkeypatch.setattr("tui.engine.pace.PAUSE", 0.0)
    talk = conversation(site.store.path)
    for after in range(1, 60, 7):
        stop = Event()
        steps = perform(rescue_of(site), site, stop)
        for number, _ in enumerate(_all(steps), start=1):
            if number == after:
                stop.set()
        assert conversation(site.store.path) == talk
        assert_sound(site.store.path)
    run(rescue_of(site), site)
    assert rescue_of(site).items == ()


def _all(steps: Iterator[object]) -> Iterator[object]:
    yield from steps


def test_progress_only_grows_and_names_the_step(site: Site) -> None:
    plan = rescue_of(site)
    seen = list(perform(plan, site, Event()))
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert all(0 <= step.done <= step.total == len(plan) * rescue.SCALE for step in seen)
    assert seen[0].phase == "1 of 3: compacted"
    assert any(step.phase.startswith("3 of 3: vacuum, ") for step in seen)


def test_what_was_written_after_the_plan_counts_when_its_turn_comes(site: Site) -> None:
    plan = rescue_of(site)
    steps = perform(plan, site, Event())
    next(steps)
    marked = Tool(50_000, compacted=True)
    other = make_database(site.store.path.with_name("other.db"), [session("New", tools=[marked])])
    connection = apsw.Connection(str(site.store.path))
    connection.execute("ATTACH ? AS other", (str(other),))
    for table in ("session", "message", "part"):
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table}")
    connection.close()
    assert drained(steps).ending == "done"
    new = "session_id = 'ses_new' AND data ->> '$.state.output' = '[reclaimed]'"
    assert count_rows(site.store.path, "part", new) == 1


def test_a_session_used_since_the_plan_keeps_what_only_rest_may_give(site: Site) -> None:
    plan = rescue_of(site)
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = 'ses_bed3'", NOW + 1)
    outcome = run(plan, site)
    assert outcome.ending == "done"
    kept = "session_id = 'ses_bed3' AND octet_length(data) > 10000"
    assert count_rows(site.store.path, "part", kept) == 3


def test_a_vacuum_that_must_wait_does_not_hold_the_reclaims_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum.LIVE_LOCK", 0.0)
    with Holder(site.store.path):
        outcome = run(rescue_of(site), site)
    assert outcome.ending == "partial"
    assert outcome.details["vacuum_waits"] is True
    assert "The vacuum is still to come" in outcome.message
    assert outcome.freed_bytes > 2_000_000
    assert journal(site)[-1] == ("vacuum", "refused")


def test_a_neighbour_at_work_loses_nothing_and_never_waits_long(site: Site) -> None:
    whole = site.store.path.read_bytes()

    def beside(number: int) -> Report:
        again = site.store.path.with_name(f"again{number}.db")
        again.write_bytes(whole)
        mine = site_of(again)
        with Neighbour(again, per_second=100) as writer:
            outcome = run(rescue_of(mine, frozenset({VACUUM})), mine)
        assert outcome.ending == "done" and writer.report.errors == []
        assert count_rows(again, "neighbour") == len(writer.report.ids)
        return writer.report

    hardly_waits(beside)


def test_a_step_that_fails_ends_the_chain_and_keeps_what_was_done(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = rescue._planned

    def full(run: rescue._Run, level: str, found: list[Payload]) -> Plan:
        if level == "summarised":
            raise OcduError("The disk is full.")
        return done(run, level, found)

    monkeypatch.setattr(rescue, "_planned", full)
    outcome = run(rescue_of(site), site)
    assert outcome.ending == "partial"
    assert "Stopped after 1 of 3 steps. The disk is full." in outcome.message
    assert outcome.freed_bytes > 1_000_000
    assert_sound(site.store.path)


def test_when_the_first_step_fails_nothing_was_changed_and_that_is_said(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> Plan:
        raise OcduError("It is locked.")

    monkeypatch.setattr(rescue, "_planned", locked)
    outcome = run(rescue_of(site), site)
    assert (outcome.ending, outcome.message) == ("failed", "It is locked.")
    assert journal(site) == [("rescue", "failed")]


@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_rescue_left_in_the_middle_is_told_in_the_journal_and_can_be_run_again(
    site: Site, at: int
) -> None:
    steps = perform(rescue_of(site), site, Event())
    for _ in range(at):
        next(steps)
    steps.close()
    assert journal(site)[0] == ("rescue", "interrupted")
    assert_sound(site.store.path)
    assert run(rescue_of(site), site).ending == "done"


def test_with_copies_every_step_can_be_undone_by_itself(site: Site) -> None:
    parts = execute(site.store.path, "SELECT id, data FROM part ORDER BY id")
    found = find_payloads(site.store, rescue_levels())
    facts = rescue_facts(site.store, found)
    plan = plan_rescue(forest_of(site), found, facts, NOW, keep=True)
    run(plan, site)
    assert execute(site.store.path, "SELECT id, data FROM part ORDER BY id") != parts
    for _ in range(2):
        run(plan_undo(site), site)
    assert execute(site.store.path, "SELECT id, data FROM part ORDER BY id") == parts
