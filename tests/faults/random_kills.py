"""Killed at moments nobody chose, again and again: `python -m tests.faults.random_kills VERB`.

VERB is `prune` (to the trash), `restore` or `packing` (a prune whose batch is being packed). A
child process carries the job out and is killed (SIGKILL) after a random time; then ocdu starts
again and everything must be there: a sound database, no orphan, no half tree, no half file, and
with the trash put back every row of before (event rows as configured). How often, and on how large
a database, is told by options; the same seed gives the same moments.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tests.faults.victim import plan_of
from tests.picture import Picture, assert_sound, but_history, picture, run, site_of
from tui.engine import pace
from tui.engine.perform import perform
from tui.engine.recovery import put_right, unfinished
from tui.engine.site import Site
from tui.engine.trash import batches, plan_restore
from tui.store import packing
from tui.store.shelf import passing, reading

VERBS = ("prune", "restore", "packing")


def make_forest(path: Path, octets: int) -> Path:
    """Trees of three sessions with every kind of row, about so many octets together."""
    tools = [Tool(20_000, duplicate=4_000)] * 3
    tree = 3 * (2 * 3 * 28_000)  # three sessions, two turns, each row also once as an event
    made = [
        session(
            f"tree {number}",
            active=days_ago(60 + number),
            events=1,
            todos=2,
            share=number % 3 == 0,
            turns=(Turn(tools=tools), Turn(tools=tools[:1])),
            children=[
                session(f"leaf {number} {leaf}", active=days_ago(60 + number), events=1,
                        turns=(Turn(tools=tools),))
                for leaf in range(2)
            ],
        )
        for number in range(max(2, octets // tree))
    ]  # fmt: skip
    return make_database(path, made)


class Trial:
    """One database that is killed over and over."""

    def __init__(self, path: Path, *, events: bool) -> None:
        self.path = path
        self.events = events
        self.pristine = path.with_suffix(".pristine")
        shutil.copy(path, self.pristine)
        self.before = self._comparable()
        self.history = self._history()
        self.trees = {
            root: {id for (id,) in execute(path, _TREE, root)}
            for (root,) in execute(path, "SELECT id FROM session WHERE parent_id IS NULL")
        }

    @property
    def site(self) -> Site:
        """As a fresh start of ocdu has it."""
        return site_of(self.path)

    def _comparable(self) -> Picture:
        found = picture(self.path)
        return found if self.events else but_history(found)

    def _history(self) -> dict[str, int]:
        rows = "SELECT aggregate_id, count(*) FROM event GROUP BY 1"
        return dict(execute(self.path, rows))

    def begin_anew(self) -> None:
        """The database as it was, event rows and all; nobody has it open."""
        for ending in ("-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)
        shutil.copy(self.pristine, self.path)

    def bury_all(self) -> None:
        """Everything to the trash, undisturbed."""
        site = self.site
        verb = "prune" if self.events else "bury"
        assert run(plan_of(verb, site), site).ending == "done"

    def bring_all_back(self) -> None:
        """The trash emptied into the database."""
        site = self.site
        known = [each.id for each in batches(site.ledger.trash_folder, site.ledger.database)]
        if known:
            outcome = run(plan_restore(site, known), site)
            assert outcome.ending == "done", outcome.message

    def check(self, most_robbed: int) -> None:
        """After a kill: start again, and look at everything."""
        site = self.site
        put_right(site)
        assert unfinished(site) == [] and passing(site.ledger.trash_folder) == []
        assert_sound(self.path)
        here = {id for (id,) in execute(self.path, "SELECT id FROM session")}
        for root, ids in self.trees.items():
            assert here & ids in (set(), ids), f"half a tree: {root}"
        left = self._history()
        robbed = [
            root
            for root, ids in self.trees.items()
            if here & ids and any(left.get(id, 0) < self.history.get(id, 0) for id in ids)
        ]
        assert len(robbed) <= most_robbed, "only the tree at hand may lose old history"
        self._count_rows(site)
        self.bring_all_back()
        assert self._comparable() == self.before

    def _count_rows(self, site: Site) -> None:
        """Rows in database and trash together are never fewer than before."""
        counts = {table: rows for table, (rows, _) in picture(self.path).items()}
        for each in batches(site.ledger.trash_folder, site.ledger.database):
            with reading(each.path) as connection:
                for table in self.before:
                    if list(connection.execute(_HAS, (table,))):
                        [(rows,)] = connection.execute(f'SELECT count(*) FROM trash."{table}"')
                        counts[table] += rows
        for table, (rows, _) in self.before.items():
            assert counts[table] >= rows, f"rows of {table} are gone"


_TREE = (
    "WITH RECURSIVE t(id) AS (SELECT ?1 UNION SELECT s.id FROM session s JOIN t"
    " ON s.parent_id = t.id) SELECT id FROM t"
)
_HAS = "SELECT 1 FROM trash.sqlite_schema WHERE name = ? AND type = 'table'"


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Fork; the child works and exits. Returns its pid and the end of a pipe it may write to."""
    hears, tells = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(hears)
            work(tells)
            code = 0
        finally:
            os._exit(code)
    os.close(tells)
    return pid, hears


def job(trial: Trial, verb: str) -> Callable[[int], None]:
    """What the child does; it says when the phase begins in which it is to be killed."""

    def work(tells: int) -> None:
        pace.PAUSE = 0.001
        packing.BLOCK = 50_000
        site = trial.site
        bury = "prune" if trial.events else "bury"
        plan = plan_of("restore" if verb == "restore" else bury, site)
        told = False
        for step in perform(plan, site, Event()):
            if not told and (verb != "packing" or step.phase == "packing"):
                os.write(tells, b"!")
                told = True

    return work


def duration(trial: Trial, verb: str) -> float:
    """Seconds the job takes from the word to its end, undisturbed."""
    if verb == "restore":
        trial.bury_all()
    pid, hears = in_child(job(trial, verb))
    os.read(hears, 1)
    began = time.perf_counter()
    _, status = os.waitpid(pid, 0)
    took = time.perf_counter() - began
    os.close(hears)
    assert status == 0, "the job does not even work when it is left alone"
    trial.check(len(trial.trees))
    return took


def kill_often(path: Path, verb: str, *, count: int, seed: int, events: bool = False) -> int:
    """Kill so many times; returns how many found the job still at work."""
    trial = Trial(path, events=events)
    chance = random.Random(seed)
    took = duration(trial, verb)
    caught = 0
    for number in range(count):
        trial.begin_anew()
        if verb == "restore":
            trial.bury_all()
        pid, hears = in_child(job(trial, verb))
        os.read(hears, 1)
        time.sleep(chance.random() * took)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(hears)
        caught += os.WIFSIGNALED(status)
        try:
            trial.check(len(trial.trees) if verb == "restore" else 1)
        except BaseException as error:
            raise AssertionError(f"{verb}, kill {number} with seed {seed}: {error}") from error
    return caught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--folder", type=Path, required=True, help="where the database is made")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--bytes", type=int, default=3_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", action="store_true", help="keep event rows in the trash")
    given = parser.parse_args()
    # The trash lies beside the database, never in the home of whoever runs this.
    os.environ["XDG_DATA_HOME"] = str(given.folder / "data")
    path = make_forest(given.folder / "opencode.db", given.bytes)
    caught = kill_often(path, given.verb, count=given.count, seed=given.seed, events=given.events)
    print(f"{given.count} kills, {caught} in the middle: nothing lost")


if __name__ == "__main__":
    main()
