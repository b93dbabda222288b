"""A reclaim with copies that dies before its n-th SQL statement, for every n: `python -m … FOLDER`.

Each life is a fork that kills itself (SIGKILL). Afterwards the next start mends what it finds, undo
is pressed (or the batch restored), and the database must be what it was. Prints a line a failure,
and at last the number of lives of the reclaim and of the undo.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import apsw

from tests.engine.reclaim.parts import BIG, Database, compact, fingerprint, plan_for, tool
from tests.picture import drained, site_of
from tui.engine import pace
from tui.engine.crash_recovery import put_right
from tui.engine.perform import perform
from tui.engine.reclaim import keeping
from tui.engine.restore import plan_restore
from tui.engine.trash import batches
from tui.engine.undo import plan_undo

STRIDE = 29
"""Statements between two deaths; each life waits for the disk some dozen times."""


def make(path: Path) -> None:
    """Parts for three groups, and a message with diffs."""
    database = Database(path)
    for number in range(5):
        database.part(f"prt_{number}", tool(BIG + str(number), metadata={"output": BIG}))
    diffs = {"role": "user", "summary": {"diffs": [{"file": "a", "patch": "p" * 9000}]}}
    database.message(50, id="msg_diffs")
    database.connection.execute("UPDATE message SET data = ?", (compact(diffs),))
    database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.close()


def reclaim(path: Path) -> None:
    """With one row a transaction, two rows a group."""
    plan = plan_for(site_of(path).store, "compacted", "diffs", keep=True)
    drained(perform(plan, site_of(path), Event()))


def undo(path: Path) -> None:
    """The newest job."""
    site = site_of(path)
    drained(perform(plan_undo(site), site, Event()))


def dies(deed: Callable[[Path], None], path: Path, at: int) -> bool:
    """Let a fork do it and kill itself before statement number `at`; False when it lived."""
    child = os.fork()
    if child == 0:
        left = at

        def count(*_: Any) -> bool:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        apsw.connection_hooks.append(lambda connection: setattr(connection, "exec_trace", count))
        deed(path)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def main() -> None:
    """Every life of the reclaim, then every life of the undo."""
    pace.SLICE, pace.PAUSE, keeping.GROUP_OCTETS = 0.0, 0.0, 22_000
    folder = Path(sys.argv[1])
    make(folder / "first.db")
    before = fingerprint(folder / "first.db")
    for name, deed in (("reclaim", reclaim), ("undo", undo)):
        at = 1
        while live(folder, name, deed, at, before):
            at += STRIDE
        print(name, at, flush=True)


def live(
    folder: Path, name: str, deed: Callable[[Path], None], at: int, before: dict[str, str]
) -> bool:
    """One life and what comes after it; False when it did not die."""
    home = folder / f"{name}-{at}"
    os.environ["XDG_DATA_HOME"] = str(home)
    home.mkdir()
    path = home / "opencode.db"
    shutil.copy(folder / "first.db", path)
    if deed is undo:
        reclaim(path)
    died = dies(deed, path, at)
    site = site_of(path)
    put_right(site)
    connection = apsw.Connection(str(path))
    if list(connection.execute("PRAGMA quick_check")) != [("ok",)]:
        print(f"damaged: {name} {at}")
    connection.close()
    if plan_undo(site).items:
        undo(path)
    for batch in batches(site.ledger.trash_folder):  # died between the batch and the journal
        drained(perform(plan_restore(site, [batch.id]), site, Event()))
    if fingerprint(path) != before:
        print(f"lost: {name} {at}")
    if list(site.ledger.trash_folder.glob("*.trash")):
        print(f"left: {name} {at}")
    return died


if __name__ == "__main__":
    main()
