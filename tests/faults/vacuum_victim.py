"""Gives space back, one way or another, and says each phase: whoever reads may kill it.

    python -m tests.faults.vacuum_victim DATABASE DEED        prints "phase done" for every step
    python -m tests.faults.vacuum_victim DATABASE DEED FREE   leaves FREE bytes of the disk first

With STAND_STILL=phase in the environment it stands still at the first step of that phase.

Exit 1 with the sentence on standard error when it failed. On a full disk it believes that there is
room: what is tested is not that it looks, but what happens when looking was not enough.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from threading import Event

from tests.picture import site_of
from tui.engine import copy_back, vacuum
from tui.engine.copy_out import copy_out
from tui.engine.site import Site
from tui.engine.survivors import Survivors
from tui.errors import OcduError
from tui.policy.plan import Outcome, Step
from tui.policy.vacuum import Wish, plan_vacuum

DEEDS = ("vacuum", "convert", "slices", "copy out")

SURVIVE = "SELECT max(rowid) FROM event GROUP BY aggregate_id, type"
"""Events that a copy-out keeps."""

STEP = 20
"""Pages written back at a time: many moments to be killed at."""


def superseded(survivors: Survivors) -> None:
    """All events but the newest of each kind."""
    survivors.leave_out("event", f"rowid NOT IN ({SURVIVE})")


def deed_of(site: Site, what: str) -> Generator[Step, None, Outcome]:
    """The steps of a deed."""
    if what == "copy out":
        return copy_out(site, superseded, Event(), expected=1_500_000)
    wish = Wish(to_incremental=what == "convert")
    plan = plan_vacuum(vacuum.vacuum_facts(site.store, wish=wish))
    return vacuum.apply_vacuum(plan, site.store, Event())


def fill(folder: Path, free: int) -> None:
    """Leave so many bytes of this (small) disk."""
    taken = os.statvfs(folder)
    octets = taken.f_bavail * taken.f_frsize - free
    (folder / "filler").write_bytes(b"\0" * max(0, octets))


def main() -> None:
    """Do it, and talk about it."""
    path, what = Path(sys.argv[1]), sys.argv[2]
    copy_back.PAGES = STEP
    if len(sys.argv) > 3:
        fill(path.parent, int(sys.argv[3]))
        vars(vacuum)["free_bytes"] = lambda folder: 10**12
    print("begins", flush=True)
    try:
        for step in deed_of(site_of(path), what):
            print(step.phase, step.done, flush=True)
            if step.phase == os.environ.get("STAND_STILL"):
                os.kill(os.getpid(), signal.SIGSTOP)
    except OcduError as error:
        sys.exit(f"OcduError: {error}")


if __name__ == "__main__":
    main()
