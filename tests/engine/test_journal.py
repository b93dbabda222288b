"""What the journal tells of jobs, and what is done about those that were killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from subprocess import PIPE
from threading import Event

import apsw
import pytest

from tests.factories import NOW, days_ago, execute, make_database, session
from tests.faults.test_kill import ROOT, dies
from tests.picture import but_history, forest_of, picture, run, site_of
from tui.engine.crash_recovery import put_right
from tui.engine.journal import KEPT_ITEMS, told
from tui.engine.perform import _title, perform
from tui.engine.site import Site
from tui.engine.undo import plan_undo
from tui.policy.archive import plan_archive
from tui.policy.plan import Item, Plan, Totals
from tui.policy.prune import PrunePolicy, plan_prune

OLD = days_ago(90)

ONE_TREE_GONE = 35
"""Steps of a prune of the trees below, one row each, after which the first is gone."""

AT_WORK = """
import sys
from pathlib import Path
from tui.store.ledger import Ledger
with Ledger(Path(sys.argv[1]), Path(sys.argv[2])).exclusive():
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_ocdu(site: Site) -> Iterator[int]:
    """A process that is at work on the same database; its pid."""
    command = [sys.executable, "-c", AT_WORK, str(site.ledger.folder), str(site.store.path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"mine\n"
        yield process.pid
        process.communicate()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [
        session("tree", active=OLD, events=1,
                children=[session(f"child{n}", active=OLD) for n in range(5)]),
        session("other", active=OLD),
    ]  # fmt: skip
    return site_of(make_database(tmp_path / "opencode.db", trees))


def archived(site: Site) -> int:
    [[count]] = execute(
        site.store.path, "SELECT count(*) FROM session WHERE time_archived IS NOT NULL"
    )
    return int(count)


def dies_deleting(site: Site) -> bool:
    """Kill a prune when one of its two trees is gone."""
    return dies(site.store.path, "prune", ONE_TREE_GONE)


@pytest.mark.parametrize(
    ("more", "title"), [(0, "“A”"), (1, "“A” and 1 more"), (1380, "“A” and 1,380 more")]
)
def test_a_job_is_called_by_its_first_item(more: int, title: str) -> None:
    items = (Item("a", "  A\n", "", Totals()),) + (Item("b", "B", "", Totals()),) * more
    assert _title(Plan("reclaim", items)) == title


def test_every_item_stands_in_the_journal_with_its_reason_and_its_bytes(site: Site) -> None:
    plan = plan_prune(forest_of(site), PrunePolicy(), NOW)
    run(plan, site)
    [entry] = site.ledger.entries()
    record = site.ledger.record(entry.id)
    assert record is not None
    assert [(i["id"], i["reason"], i["bytes"]) for i in record.plan["items"]] == [
        (item.id, item.reason, item.bytes) for item in plan.items
    ]
    assert record.plan["totals"]["sessions"] == 7
    assert record.outcome["done"]["sessions"] == 7
    assert record.outcome["ending"] == "done" and entry.ended is not None


def test_phases_are_told_in_order_with_how_far_each_came(site: Site) -> None:
    run(plan_prune(forest_of(site), PrunePolicy(), NOW), site)
    record = site.ledger.record(site.ledger.entries()[0].id)
    assert record is not None
    names = [phase["phase"] for phase in record.phases]
    assert len(names) > 1 and all(a != b for a, b in pairwise(names))
    assert record.phases[-1]["total"] == 2
    assert [p["at"] for p in record.phases] == sorted(p["at"] for p in record.phases)


def test_a_plan_of_many_items_is_kept_in_part_and_says_so() -> None:
    items = tuple(Item(f"ses_{n}", "t", "idle", Totals(bytes=1)) for n in range(KEPT_ITEMS + 3))
    kept = told(Plan("prune", items))
    assert (len(kept["items"]), kept["more"]) == (KEPT_ITEMS, 3)
    assert kept["totals"]["bytes"] == KEPT_ITEMS + 3


@pytest.mark.parametrize("step", (1, 2, 3, 4))
def test_a_killed_archive_is_taken_back_at_the_next_start(site: Site, step: int) -> None:
    before = picture(site.store.path)
    was_killed = dies(site.store.path, "archive", step)
    said = put_right(site)
    if not was_killed:
        assert said == [] and archived(site) == 7
        return
    [sentence] = said
    assert "archive" in sentence and "taken back" in sentence
    assert picture(site.store.path) == before
    assert site.ledger.entries()[0].state == "interrupted"
    assert put_right(site) == [] and plan_undo(site).items == ()


def test_a_batch_that_is_mended_meanwhile_does_not_keep_a_killed_archive(site: Site) -> None:
    before = picture(site.store.path)
    assert dies(site.store.path, "archive", 3)
    site.ledger.interrupted(None, NOW)  # as after a batch that could not be mended until now
    [sentence] = put_right(site)
    assert "taken back" in sentence and picture(site.store.path) == before


def test_a_batch_that_can_be_read_only_later_can_still_be_undone(site: Site) -> None:
    before = picture(site.store.path)
    assert dies_deleting(site)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN EXCLUSIVE")
    put_right(site)
    lock.close()
    put_right(site)
    [item] = plan_undo(site).items
    assert item.title.startswith("prune of")
    run(plan_undo(site), site)
    assert but_history(picture(site.store.path)) == but_history(before)


def test_a_batch_that_had_to_wait_is_not_taken_for_that_of_a_later_job(site: Site) -> None:
    assert dies_deleting(site)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    away = path.rename(path.with_suffix(".away"))
    put_right(site)
    left = forest_of(site)
    run(plan_prune(left, PrunePolicy(ids=frozenset({next(iter(left.trees())).root.id})), NOW), site)
    later = site.ledger.entries()[0]
    site.ledger.update(later.id, state="running", ended=None, batch=None, undo=None)
    away.rename(path)
    put_right(site)
    assert {each.batch for each in site.ledger.entries() if each.id == later.id} == {later.batch}


def test_a_session_archived_by_somebody_else_after_the_kill_keeps_its_stamp(site: Site) -> None:
    assert dies(site.store.path, "archive", 3)
    execute(site.store.path, "UPDATE session SET time_archived = 77 WHERE id = 'ses_tree'")
    put_right(site)
    stamps = execute(site.store.path, "SELECT time_archived FROM session WHERE id = 'ses_tree'")
    assert (archived(site), stamps) == (1, [(77,)])


def test_what_another_ocdu_is_doing_is_not_interrupted(site: Site) -> None:
    site.ledger.begin("archive", "“tree”")
    with site.ledger.exclusive():
        assert put_right(site_of(site.store.path)) == []
        assert site.ledger.has_running()
    [sentence] = put_right(site)
    assert "interrupted" in sentence and not site.ledger.has_running()


def test_a_job_that_is_closed_in_the_middle_is_put_right_at_once(site: Site) -> None:
    plan = plan_archive(forest_of(site), ["ses_tree"], NOW)
    before = picture(site.store.path)
    steps = perform(plan, site, Event())
    next(steps)
    steps.close()
    assert picture(site.store.path) == before
    assert site.ledger.entries()[0].state == "interrupted"


def test_a_running_line_of_its_own_does_not_trouble_a_job(site: Site) -> None:
    outcome = run(plan_archive(forest_of(site), ["ses_tree"], NOW), site)
    [entry] = site.ledger.entries()
    assert outcome.ending == "done" and entry.state == "done" and entry.undoable


def test_the_second_ocdu_is_told_which_process_it_waits_for(site: Site) -> None:
    plan = plan_archive(forest_of(site), ["ses_tree"], NOW)
    patient = site.ledger.exclusive
    with another_ocdu(site) as pid:
        object.__setattr__(site.ledger, "exclusive", lambda: patient(patience=0.05))
        outcome = run(plan, site)
    assert outcome.ending == "refused" and f"(process {pid})" in outcome.message
    assert archived(site) == 0
