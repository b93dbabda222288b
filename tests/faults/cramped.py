"""What runs on the small disk: `python -m tests.faults.cramped STORY DATABASE DISK`.

Each story fills the disk at the wrong moment, looks at what is left, makes room, and looks whether
everything is there. DATABASE lies on the small disk itself or elsewhere; the trash always lies on
it. Prints what happened as one JSON object; a failed assertion ends it with a traceback.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.faults.cramped_in_place import IN_PLACE, Told, all_back, carried_out, told
from tests.faults.small_disk import Ballast
from tests.faults.victim import plan_of
from tests.picture import assert_sound, picture, run, site_of
from tui.engine import prune, room
from tui.engine.crash_recovery import put_right
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty
from tui.store import shelf
from tui.store.packing import look_into
from tui.store.shelf import passing


def emptied(site: Site, ballast: Ballast) -> Told:
    """Not one octet is free: emptying the trash is what makes room, and must not need any."""
    room.SPARE_DISK = 0
    assert run(plan_of("prune", site), site).ending == "done"
    ballast.leave(0)
    outcome = run(plan_empty(site, None, None, 10**14), site)
    assert batches(site.ledger.trash_folder) == [], outcome
    return told(outcome)


def refused(site: Site, ballast: Ballast) -> Told:
    """The plan needs more than there is: nothing begins."""
    ballast.leave(1_000_000)
    before = picture(site.store.path)
    outcome = run(plan_of("prune", site), site)
    assert picture(site.store.path) == before
    assert not list(site.ledger.trash_folder.glob("*"))
    return told(outcome)


def full_while_copying(site: Site, ballast: Ballast) -> Told:
    """The disk fills up after some trees are safe in the trash."""
    prune.GROUP_TREES, room.SPARE_DISK = 1, 0
    before = picture(site.store.path)
    seen = 0

    def fill() -> None:
        nonlocal seen
        seen += 1
        ballast.leave(200_000)

    outcome = carried_out(plan_of("prune", site), site, "deleting", fill)
    assert_sound(site.store.path)
    ballast.drop()
    put_right(site)
    assert_sound(site.store.path)
    all_back(site, before)
    return told(outcome)


def full_while_packing(site: Site, ballast: Ballast) -> Told:
    """Everything is in the trash, and there is no room for the packed file beside the plain one."""
    room.SPARE_DISK, room.PACKED = 0, 0.0
    before = picture(site.store.path)
    outcome = carried_out(plan_of("prune", site), site, "packing", lambda: ballast.leave(0))
    [batch] = batches(site.ledger.trash_folder)
    found = look_into(batch.path)
    assert found is not None and not found.is_packed
    ballast.drop()
    all_back(site, before)
    return told(outcome)


def full_while_deleting(site: Site, ballast: Ballast) -> Told:
    """Not even room to note which trees are gone: the reserve serves for that."""
    room.SPARE_DISK = 0
    before = picture(site.store.path)
    outcome = carried_out(plan_of("prune", site), site, "deleting", lambda: ballast.leave(0))
    assert [each.sessions for each in batches(site.ledger.trash_folder)] == [outcome.done.sessions]
    ballast.drop()
    all_back(site, before)
    return told(outcome)


def full_while_unpacking(site: Site, ballast: Ballast) -> Told:
    """No room to unpack: once found out before, once in the middle."""
    before = picture(site.store.path)
    room.SPARE_DISK = 0
    assert run(plan_of("prune", site), site).ending == "done"
    [batch] = batches(site.ledger.trash_folder)
    ballast.leave(500_000)
    early = run(plan_restore(site, [batch.id]), site)
    shelf.SPARE = -(10**12)
    late = run(plan_restore(site, [batch.id]), site)
    assert [each.id for each in batches(site.ledger.trash_folder)] == [batch.id]
    assert passing(site.ledger.trash_folder) == []
    ballast.drop()
    shelf.SPARE = 0
    all_back(site, before)
    return {**told(early), "late": told(late)}


def full_while_restoring(site: Site, ballast: Ballast) -> Told:
    """The database lies on the small disk, too, and that fills up while rows come back."""
    before = picture(site.store.path)
    room.SPARE_DISK = shelf.SPARE = 0
    assert run(plan_of("prune", site), site).ending == "done"
    [batch] = batches(site.ledger.trash_folder)
    outcome = carried_out(
        plan_restore(site, [batch.id]), site, "restoring", lambda: ballast.leave(60_000)
    )
    ballast.drop()
    put_right(site)
    assert_sound(site.store.path)
    all_back(site, before)
    return told(outcome)


STORIES = {
    each.__name__: each
    for each in (
        emptied, refused, full_while_copying, full_while_deleting, full_while_packing,
        full_while_unpacking, full_while_restoring, *IN_PLACE,
    )
}  # fmt: skip


def main() -> None:
    story, database, disk = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    os.environ["XDG_DATA_HOME"] = str(disk)
    if not database.exists():
        database.parent.mkdir(parents=True, exist_ok=True)
        database.write_bytes(Path(sys.argv[4]).read_bytes())
    print(json.dumps(STORIES[story](site_of(database), Ballast(disk))))


if __name__ == "__main__":
    main()
