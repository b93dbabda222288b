"""A process that dies: `python -m tests.faults.victim DATABASE VERB STEP`.

Carries a job out with one row a transaction and kills itself (SIGKILL: no `finally`, no rollback of
ours, no close of SQLite's) right after its STEP-th step. VERB is `prune` (to the trash with event
rows), `bury` (without, as is the default), `restore`, `delete` (for good), `archive`, `relink`,
`recover`, `rescue`, `undo` or `redo`. Exit 0 when the job ended before that.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from threading import Event

from tests.engine.test_rescue import rescue_of
from tests.factories import NOW
from tests.picture import forest_of, site_of
from tui.engine import pace
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_redo, plan_undo
from tui.policy.archive import plan_archive
from tui.policy.plan import Plan
from tui.policy.projects import plan_relink
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.recover import plan_recover
from tui.store.projects import places
from tui.store.rebuild import lost_sessions

MOVED = ("/code/shop", "/home/dev/store")
"""The folder a relink is about: before and after."""


def plan_of(verb: str, site: Site) -> Plan:
    """The job that dies: every session of the file, or everything in the trash."""
    if verb == "restore":
        return plan_restore(site, [each.id for each in batches(site.ledger.trash_folder)])
    if verb == "recover":
        return plan_recover(lost_sessions(site.store), ())
    if verb == "rescue":
        return rescue_of(site)
    if verb == "relink":
        return plan_relink(places(site.store), *MOVED)
    if verb in ("undo", "redo"):
        return (plan_undo if verb == "undo" else plan_redo)(site)
    forest = forest_of(site)
    ids = frozenset(tree.root.id for tree in forest.trees())
    if verb == "archive":
        return plan_archive(forest, ids, NOW)
    policy = PrunePolicy(ids=ids, permanent=verb == "delete", events=verb != "bury")
    return plan_prune(forest, policy, NOW)


def main() -> None:
    database, verb, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    pace.SLICE, pace.PAUSE = 0.0, 0.0
    site = site_of(database)
    for number, _ in enumerate(perform(plan_of(verb, site), site, Event()), start=1):
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
