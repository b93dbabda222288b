"""Selective copy-out: a file that is mostly garbage is rebuilt from what stays.

Deleting costs by what goes, and a vacuum after it once more by what stays. Here the surviving rows
alone are copied, checked, and copied back under the guard of every vacuum: the time follows what
stays, and the garbage is never read. Nothing is lost before the copy-back's commit, and whoever
writes meanwhile makes it begin again, with everything judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import replace
from pathlib import Path
from threading import Event

import apsw

from tui.engine.copy_back import Make, Rows, copying
from tui.engine.leftovers import note_folder
from tui.engine.site import Site
from tui.engine.survivors import Survivors
from tui.engine.vacuum import rewrite, vacuum_facts
from tui.policy.plan import Outcome, Step
from tui.policy.vacuum import INCREMENTAL, Wish, decide_vacuum
from tui.store.database import Store
from tui.store.query import scalar

Doom = Callable[[Survivors], object]
"""Judges one moment of the database: calls `leave_out` for what shall not survive."""

NO_LOG = (
    "This database has no write-ahead log, so nobody could be kept from losing a write: "
    "delete and vacuum instead."
)

SPARE = 1.02
"""Times the estimate that the copy may have: payload octets end inside pages."""


def copy_out(
    site: Site, doomed: Doom, stop: Event, *, expected: int, wish: Wish | None = None
) -> Generator[Step, None, Outcome]:
    """Rebuild the database without the doomed rows, in its own file.

    `doomed` is called anew for every attempt, always inside the snapshot that is copied: what it
    leaves out then is what goes. `expected` is the estimated size of the result (bytes). Ends
    "refused" and changes nothing where the disk is too small, or where somebody has the database
    open and the lock would be long (`crowded` in the details). Raises OcduError.
    """
    store = site.store
    wish = wish or Wish()
    if store.refusal:
        return Outcome("refused", store.refusal)
    with store.reading() as db:
        if scalar(db.connection(), "PRAGMA journal_mode") != "wal":
            return Outcome("refused", NO_LOG)
    if wish.temp_dir:
        note_folder(site, Path(wish.temp_dir))
    facts = vacuum_facts(store, wish=wish)
    sizes = facts.sizes
    pages = min(sizes.page_count - 1, max(1, int(expected * SPARE) // sizes.page_size))
    # As a vacuum sees it: everything but the survivors is free.
    facts = replace(facts, auto_vacuum=0, sizes=sizes._replace(free_pages=sizes.page_count - pages))
    keeps = None if not wish.to_incremental else INCREMENTAL
    make = selective_copy(store, doomed, expected, auto_vacuum=keeps)
    return (yield from rewrite(decide_vacuum(facts), facts, store, stop, make))


def whole_sessions(
    store: Store, ids: Collection[str], may_go: Callable[[apsw.Connection, str], bool] | None = None
) -> Doom:
    """Every row that these sessions own goes; those that `may_go` denies at that moment stay.

    `ids` should hold descendants too: each one is judged by itself.
    """

    def judge(survivors: Survivors) -> None:
        for id in ids:
            if may_go is None or may_go(survivors.connection, id):
                for owned in store.schema.estate:
                    survivors.leave_out(owned.table, owned.where, {"id": id})

    return judge


def all_of(*dooms: Doom) -> Doom:
    """What any of them leaves out."""

    def judge(survivors: Survivors) -> None:
        for doom in dooms:
            doom(survivors)

    return judge


def selective_copy(
    store: Store, doomed: Doom, expected: int, *, auto_vacuum: int | None = None
) -> Make:
    """Copy what survives, in a thread with a connection of its own that cannot write it."""

    def make(copy: Path, stop: Event) -> Generator[Step, None, Rows | None]:
        def build(running: list[apsw.Connection]) -> Rows:
            with store.writing() as db:
                connection = db.connection()
                running.append(connection)
                # When it fails, closing the connection ends the transaction. A rollback would look
                # for the journal that the copy does not have.
                survivors = Survivors(connection, str(copy), auto_vacuum)
                doomed(survivors)
                return survivors.copy()

        return (yield from copying(build, copy, expected, "copying what stays", stop))

    return make
