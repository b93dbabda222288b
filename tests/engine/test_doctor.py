"""Repairs: each looks again, changes what it says and nothing else, and can be stopped."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.damage import DAMAGES, healthy
from tests.factories import execute
from tests.picture import drained, picture, site_of
from tui.engine.doctor import apply_mend, examine, raise_counters
from tui.engine.engines import engine_of
from tui.engine.site import Site
from tui.policy.doctor import COUNTERS, LEFTOVERS, MendOptions
from tui.policy.plan import Item, Outcome, Plan, Totals
from tui.records import Symptom
from tui.store.schema import discover

BEHIND = "a counter behind the messages of 2.x"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(healthy(tmp_path / "opencode.db"))


def examined(site: Site, *, deep: bool = False, stop: Event | None = None) -> list[Symptom]:
    steps = examine(site, stop or Event(), deep=deep)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: list[Symptom] = end.value
            return found


def mended(plan: Plan, site: Site, stop: Event) -> Outcome:
    return drained(apply_mend(plan, site, stop, reclaim=engine_of("reclaim")))


def raised(path: Path) -> int:
    """Raise the counters of a file as if it were allowed to."""
    connection = apsw.Connection(str(path))
    try:
        steps = raise_counters(connection, discover(connection), Event())
        while True:
            next(steps)
    except StopIteration as end:
        return int(end.value)
    finally:
        connection.close()


def counters(path: Path) -> dict[str, int]:
    return dict(execute(path, "SELECT aggregate_id, seq FROM event_sequence"))


def test_the_shared_counter_of_2_is_raised_and_never_lowered(site: Site) -> None:
    path = site.store.path
    DAMAGES[BEHIND].wound(path)
    execute(path, "UPDATE event_sequence SET seq = 40 WHERE aggregate_id = 'ses_root'")
    execute(path, "INSERT INTO session_inbox VALUES ('inb_1', 'ses_other', 5)")
    before = picture(path)
    assert raised(path) == 2
    assert counters(path) == {"ses_root": 40, "ses_child": 2, "ses_other": 5}
    after = picture(path)
    assert {name for name in before if before[name] != after[name]} == {"event_sequence"}
    assert raised(path) == 0


def test_a_counter_that_another_machine_owns_is_left_to_it(site: Site) -> None:
    path = site.store.path
    DAMAGES[BEHIND].wound(path)
    execute(path, "UPDATE event_sequence SET owner_id = 'far' WHERE aggregate_id = 'ses_other'")
    assert raised(path) == 1
    assert counters(path)["ses_other"] == 1


def test_the_missing_counter_of_a_session_in_a_workspace_is_left_to_it(site: Site) -> None:
    path = site.store.path
    DAMAGES["a counter that is gone"].wound(path)
    execute(path, "UPDATE session SET workspace_id = 'wrk_1' WHERE id = 'ses_child'")
    item = Item(COUNTERS, "1 × counter", "", Totals())
    plan = Plan("mend", (item,), options=MendOptions())
    outcome = mended(plan, site, Event())
    assert (outcome.ending, outcome.message) == (
        "partial",
        "Counters raised: 0. 1 stayed: a workspace or another machine counts there.",
    )
    assert "ses_child" not in counters(path)


def test_a_stop_before_the_first_repair_does_nothing(site: Site) -> None:
    DAMAGES["a counter that is gone"].wound(site.store.path)
    before = picture(site.store.path)
    stop = Event()
    stop.set()
    items = tuple(Item(name, name, "", Totals()) for name in (LEFTOVERS, COUNTERS))
    plan = Plan("mend", items, options=MendOptions())
    assert mended(plan, site, stop).ending == "partial"
    assert picture(site.store.path) == before


def test_a_stopped_examination_says_what_it_saw(site: Site) -> None:
    DAMAGES["a counter of nobody"].wound(site.store.path)
    stop = Event()
    steps = examine(site, stop, deep=True)
    seen = [next(steps).phase for _ in range(4)]
    assert seen[0] == "looking at the place of the file"
    stop.set()
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert "orphan_event_sequence" in {each.kind for each in end.value.value}


def test_no_read_of_an_examination_outlives_its_step(site: Site) -> None:
    """A checkpoint gets through between any two steps."""
    writer = apsw.Connection(str(site.store.path))
    for number, _ in enumerate(examine(site, Event())):
        writer.execute("UPDATE project SET time_updated = ?", (number,))
        [(busy, _, _)] = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert busy == 0
    writer.close()


def test_the_deep_look_weighs_what_the_quick_one_only_counts(site: Site) -> None:
    DAMAGES["its own parent"].wound(site.store.path)
    [quick] = [each for each in examined(site) if each.kind == "cycle"]
    [deep] = [each for each in examined(site, deep=True) if each.kind == "cycle"]
    [(octets,)] = execute(
        site.store.path,
        "SELECT sum(octet_length(data)) FROM (SELECT data FROM part WHERE session_id = 'ses_other'"
        " UNION ALL SELECT data FROM message WHERE session_id = 'ses_other')",
    )
    assert (quick.bytes, deep.bytes) == (None, octets)
