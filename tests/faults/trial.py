"""One database that is killed over and over, and what must be true of it after each kill.

A trial knows how a verb is prepared, planned and judged; `tests.faults.random_kills` does the
killing. After every kill ocdu starts again, and then: the database is sound, there is no orphan, no
half file, no line of the journal that still says it runs, and nothing that was there is missing
from database and trash together (event rows as configured).
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from threading import Event

import apsw

from tests.bloat import leftovers
from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tests.faults.victim import plan_of
from tests.picture import (
    NOW,
    Picture,
    assert_sound,
    but_history,
    drained,
    forest_of,
    picture,
    run,
    site_of,
)
from tui.engine.crash_recovery import put_right, unfinished
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_undo
from tui.engine.vacuum import vacuum_facts
from tui.policy.plan import Plan
from tui.policy.reclaim import LEVELS, ReclaimPolicy, plan_reclaim
from tui.policy.vacuum import plan_vacuum
from tui.store.payloads import find_payloads
from tui.store.shelf import passing, reading


def make_forest(path: Path, octets: int) -> Path:
    """Trees of three sessions with every kind of row, about so many octets together."""
    tools = [Tool(20_000, duplicate=4_000)] * 2 + [Tool(20_000, duplicate=4_000, compacted=True)]
    tree = 3 * (2 * 3 * 28_000)  # three sessions, two turns, each row also once as an event
    made = [
        session(
            f"tree {number}",
            active=days_ago(60 + number),
            events=1,
            todos=2,
            share=number % 3 == 0,
            turns=(Turn(tools=tools, diffs=4_000), Turn(tools=tools[:1])),
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
    """A database and one verb. This one moves trees: `prune`, `restore` and `packing`."""

    def __init__(self, path: Path, verb: str, *, events: bool = False) -> None:
        self.path = path
        self.verb = verb
        self.events = events
        self.pristine = path.with_suffix(".pristine")
        shutil.copy(path, self.pristine)
        self.whole = picture(path)
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

    @property
    def phase(self) -> str:
        """The phase in which it is killed; "" for any."""
        return "packing" if self.verb == "packing" else ""

    def prepare(self) -> None:
        """What must have happened before the job begins."""
        self.begin_anew()
        if self.verb == "restore":
            self.bury_all()

    def plan(self, site: Site) -> Plan:
        """The job that is killed."""
        bury = "prune" if self.events else "bury"
        return plan_of("restore" if self.verb == "restore" else bury, site)

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

    def start_again(self) -> Site:
        """As the next start of ocdu does: nothing half done is left by that."""
        site = self.site
        put_right(site)
        assert unfinished(site) == [] and passing(site.ledger.trash_folder) == []
        assert leftovers(self.path) == []
        assert not site.ledger.has_running()
        assert_sound(self.path)
        return site

    def check(self, *, killed: bool) -> None:
        """Start again, and look at everything; `killed` False after a run left alone."""
        site = self.start_again()
        most_robbed = 1 if killed and self.verb != "restore" else len(self.trees)
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


class Archived(Trial):
    """All trees stamped, or none: a killed archive is taken back."""

    def plan(self, site: Site) -> Plan:
        return plan_of("archive", site)

    def check(self, *, killed: bool) -> None:
        site = self.start_again()
        [(stamped, sessions)] = execute(
            self.path, "SELECT count(time_archived), count(*) FROM session"
        )
        assert stamped in (0, sessions), "half an archive"
        if stamped:
            assert run(plan_undo(site), site).ending == "done"
        assert picture(self.path) == self.whole


def all_levels(site: Site, *, keep: bool = False) -> Plan:
    """Every level of reclaim, of every session."""
    forest, levels = forest_of(site), tuple(LEVELS)
    ids = frozenset(row.id for row in forest.rows)
    found = find_payloads(site.store, levels, session_ids=ids)
    return plan_reclaim(forest, found, ReclaimPolicy(levels, session_ids=ids, keep=keep), NOW)


class Reclaimed(Trial):
    """Each row as it was or as the job makes it; the rest is taken by doing it again.

    `keeping`: with copies, which bring every row back. `undo` is killed while they do.
    """

    def __init__(self, path: Path, verb: str, *, events: bool = False) -> None:
        super().__init__(path, verb, events=events)
        assert run(all_levels(self.site), self.site).ending == "done"
        self.reclaimed, self.reclaimed_rows = picture(path), self._rows()
        self.begin_anew()
        self.rows = self._rows()

    @property
    def keeps(self) -> bool:
        """True when every row is copied first."""
        return self.verb in ("keeping", "undo")

    def prepare(self) -> None:
        self.begin_anew()
        if self.verb == "undo":
            assert run(all_levels(self.site, keep=True), self.site).ending == "done"

    def plan(self, site: Site) -> Plan:
        return plan_undo(site) if self.verb == "undo" else all_levels(site, keep=self.keeps)

    def _rows(self) -> dict[tuple[str, str], bytes]:
        """(table, id) -> a hash over what a reclaim may change."""
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return {
                (table, id): hashlib.blake2b(data).digest()
                for table in ("message", "part")
                for id, data in connection.execute(f"SELECT id, CAST(data AS BLOB) FROM {table}")
            }
        finally:
            connection.close()

    def check(self, *, killed: bool) -> None:
        site = self.start_again()
        now = self._rows()
        assert now.keys() == self.rows.keys()
        for row, found in now.items():
            assert found in (self.rows[row], self.reclaimed_rows[row]), f"neither nor: {row}"
        if self.keeps:
            self._all_back(site)
            assert picture(self.path) == self.whole
        else:
            drained(perform(all_levels(site), site, Event()))
            assert picture(self.path) == self.reclaimed

    def _all_back(self, site: Site) -> None:
        """By undo as far as the journal knows, and by restoring what it does not know."""
        while (plan := plan_undo(site)).items:
            assert run(plan, site).ending == "done"
        self.bring_all_back()
        assert not list(site.ledger.trash_folder.glob("*"))


class Vacuumed(Trial):
    """The whole content, before and after."""

    def __init__(self, path: Path, verb: str, *, events: bool = False) -> None:
        execute(path, "DELETE FROM event WHERE rowid % 2")
        execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        super().__init__(path, verb, events=events)

    def plan(self, site: Site) -> Plan:
        return plan_vacuum(vacuum_facts(site.store))

    def check(self, *, killed: bool) -> None:
        self.start_again()
        assert picture(self.path) == self.whole


TRIALS: dict[str, type[Trial]] = {
    "archive": Archived,
    "prune": Trial,
    "packing": Trial,
    "restore": Trial,
    "reclaim": Reclaimed,
    "keeping": Reclaimed,
    "undo": Reclaimed,
    "vacuum": Vacuumed,
}
"""Verb -> how it is judged. `packing` is a prune whose batch is being packed, `keeping` a reclaim
with copies, `undo` the way back from one."""

_TREE = (
    "WITH RECURSIVE t(id) AS (SELECT ?1 UNION SELECT s.id FROM session s JOIN t"
    " ON s.parent_id = t.id) SELECT id FROM t"
)
_HAS = "SELECT 1 FROM trash.sqlite_schema WHERE name = ? AND type = 'table'"
