"""Taking batches down and putting them back: whatever fails, one whole file is left."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import make_database, session
from tests.faults.test_kill import dies
from tests.picture import picture, run, site_of
from tui.engine.crash_recovery import put_right, recover, unfinished
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.errors import Refused
from tui.store import batch, shelf
from tui.store.batch import new_batch
from tui.store.packing import look_into
from tui.store.shelf import put_back, remove_passing, reserved, shelved, take_down, trash_bytes


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [session(name, active=OLD, events=1, octets=20_000) for name in ("alpha", "beta")]
    return site_of(make_database(tmp_path / "opencode.db", trees))


@pytest.fixture
def packed(site: Site) -> Path:
    made = run(plan_for(site, "ses_alpha", "ses_beta"), site).batch
    return site.ledger.trash_folder / f"{made}.trash"


def ending(steps: Iterator[int]) -> Path | None:
    """What the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            path: Path | None = end.value
            return path


def names(site: Site) -> list[str]:
    """Endings of the files in the trash."""
    return sorted(each.suffix for each in site.ledger.trash_folder.iterdir())


def full(*_: object) -> Iterator[int]:
    """A disk that is full."""
    raise OSError(errno.ENOSPC, "No space left on device")
    yield 0


def test_without_room_to_pack_the_plain_file_is_the_batch(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture(site.store.path)
    monkeypatch.setattr(shelf, "pack", full)
    outcome = run(plan_for(site, "ses_alpha"), site)
    assert outcome.ending == "done" and names(site) == [".trash"]
    [each] = batches(site.ledger.trash_folder)
    found = look_into(each.path)
    assert found is not None and not found.is_packed
    monkeypatch.undo()
    run(plan_restore(site, [each.id]), site)
    assert picture(site.store.path) == before and names(site) == []


def test_a_stop_while_packing_leaves_the_plain_batch(packed: Path) -> None:
    path = ending(take_down(packed))
    assert path is not None
    packed.unlink()
    stop = Event()
    stop.set()
    assert ending(put_back(path, stop)) == packed
    found = look_into(packed)
    assert found is not None and not found.is_packed
    assert list(packed.parent.iterdir()) == [packed]


def test_what_was_only_unpacked_is_not_packed_again(packed: Path) -> None:
    before = (packed.stat().st_ino, packed.read_bytes())
    path = ending(take_down(packed))
    assert path is not None and shelved(packed.parent) == []
    assert ending(put_back(path, Event())) == packed
    assert (packed.stat().st_ino, packed.read_bytes()) == before
    assert list(packed.parent.iterdir()) == [packed]


def test_a_restore_killed_before_its_first_row_says_nothing(site: Site, packed: Path) -> None:
    assert ending(take_down(packed)) is not None
    assert recover(site) == [] and names(site) == [".trash"]
    assert [each.trees for each in batches(site.ledger.trash_folder)] == [2]


def test_killed_between_the_renaming_and_the_removal_both_files_are_one(
    site: Site, packed: Path
) -> None:
    plain = ending(take_down(packed))
    assert plain is not None and unfinished(site) == [plain]
    recover(site)
    assert unfinished(site) == [] and len(batches(site.ledger.trash_folder)) == 1


def test_without_room_to_unpack_it_says_how_much_is_missing(
    site: Site, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "SPARE", 10**18)
    before = picture(site.store.path)
    with pytest.raises(Refused, match="are missing"):
        ending(take_down(packed))
    outcome = run(plan_restore(site, [packed.stem]), site)
    assert outcome.ending == "refused" and picture(site.store.path) == before
    assert names(site) == [".trash"]


def test_half_files_go_at_the_next_start_but_not_those_of_others(
    site: Site, packed: Path, tmp_path: Path
) -> None:
    other = site_of(make_database(tmp_path / "else" / "o.db", [session("x", active=OLD)]))
    theirs = run(plan_for(other, "ses_x"), other).batch
    folder = site.ledger.trash_folder
    for ending_ in shelf.PASSING:
        packed.with_suffix(ending_).write_text("half")
        (folder / f"{theirs}{ending_}").write_text("half")
        (folder / f"nobody{ending_}").write_text("half")
    os.utime(folder / "nobody.reading", (1, 1))
    gone = remove_passing(folder, site.ledger.database)
    assert sorted(each.name for each in gone) == sorted(
        [*(packed.stem + each for each in shelf.PASSING), "nobody.reading"]
    )
    assert (folder / f"{theirs}.packing").exists() and (folder / "nobody.packing").exists()


def test_the_reserve_of_a_long_job_of_another_ocdu_stays_while_its_batch_is_locked(
    site: Site, tmp_path: Path
) -> None:
    other = site_of(make_database(tmp_path / "else" / "o.db", [session("x", active=OLD)]))
    theirs = new_batch(
        site.ledger.trash_folder, other.ledger.database, other.store.schema, now=1, rows=True
    )
    with reserved(theirs) as reserve:
        for each in (reserve, theirs):
            os.utime(each, (1, 1))  # it has been at work for hours
        lock = apsw.Connection(str(theirs))
        lock.execute("BEGIN EXCLUSIVE")
        assert remove_passing(site.ledger.trash_folder, site.ledger.database) == []
        lock.close()
        assert remove_passing(site.ledger.trash_folder, site.ledger.database) == []
        assert reserve.exists()


def test_a_kill_before_the_first_tree_leaves_no_reserve_behind(site: Site) -> None:
    assert dies(site.store.path, "bury", 1)
    assert names(site) == [".reserve", ".unfinished"]
    modes = {each.stat().st_mode & 0o777 for each in site.ledger.trash_folder.iterdir()}
    assert modes == {0o600}
    recover(site)
    assert names(site) == []


def test_the_size_of_the_trash_is_that_of_its_files(site: Site, packed: Path) -> None:
    assert trash_bytes(site.ledger.trash_folder) == packed.stat().st_size
    assert trash_bytes(site.ledger.trash_folder / "nowhere") == 0


def test_the_journal_of_a_killed_transaction_goes_with_its_batch(site: Site, packed: Path) -> None:
    """SQLite leaves one that was not synced yet: its file was not touched."""
    journal = packed.with_name(f"{packed.stem}.unfinished-journal")
    ending(take_down(packed))
    journal.write_bytes(bytes(512))
    assert ending(put_back(packed.with_suffix(batch.UNFINISHED), Event())) == packed
    assert names(site) == [".trash"]
    ending(take_down(packed))
    journal.write_bytes(bytes(512))
    put_right(site)
    assert names(site) == [".trash"]
    journal.write_bytes(bytes(512))  # as an ocdu before this left it
    assert put_right(site) == []
    assert names(site) == [".trash"]


def test_looking_at_a_batch_that_is_just_put_away_leaves_no_file_in_its_place(
    site: Site, packed: Path
) -> None:
    """Another ocdu packs it between the look into the folder and the look into the file."""
    away = packed.with_suffix(batch.UNFINISHED)
    listed = packed.with_name(f"20260101-000000-beef{batch.UNFINISHED}")
    listed.symlink_to(away)  # stands for a name that was read before its file went
    assert unfinished(site) == []
    with pytest.raises(apsw.CantOpenError), batch.opened(away):
        pass
    assert not away.exists()
    assert shelved(site.ledger.trash_folder) == [packed]
