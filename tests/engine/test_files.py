"""Removing files: every rule is asked again in the moment, and no link leads the deed outside."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from tests.data_directory import (
    DEAD,
    GONE,
    KNOWN,
    LIVING,
    STORE,
    aged,
    data_directory,
    du,
    filled,
    json_era,
    opened_elsewhere,
    put,
    site_in,
    surveyed,
)
from tests.factories import NOW, execute, make_database, session
from tests.picture import drained, picture
from tui.engine.files import apply_files
from tui.engine.site import open_site
from tui.errors import Refused
from tui.policy.files import FilesOptions, FileTarget, plan_files
from tui.policy.plan import Item, Outcome, Plan, Step, Totals
from tui.store import descent


def planned(folder: Path, *kinds: str) -> Plan:
    return plan_files(surveyed(folder).rows, kinds, NOW)


def removed(folder: Path, plan: Plan, stop: Event | None = None) -> Outcome:
    return drained(apply_files(plan, site_in(folder), stop or Event()))


def names(folder: Path) -> set[str]:
    """Files and links below; looking at a database may leave its -wal and -shm."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_dir() and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_what_is_safe_goes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    monkeypatch.setattr(descent, "BY_DESCRIPTOR", by_descriptor and descent.BY_DESCRIPTOR)
    folder = filled(tmp_path)
    json_era(folder, KNOWN)
    rows, sized = picture(folder / "opencode.db"), du(folder)
    before = names(folder)
    plan = planned(folder)
    outcome = removed(folder, plan)
    assert outcome.ending == "done", outcome.message
    packs = f"snapshot/{LIVING}/{STORE}/objects/pack"
    assert before - names(folder) == {
        f"snapshot/{DEAD}/{STORE}/HEAD",
        f"snapshot/{DEAD}/{STORE}/objects/ab/{'c' * 38}",
        f"{packs}/tmp_pack_old1",
        "tool-output/tool_old",
        "log/2026-09-01T101112.log",
        "log/2026-10-01T101112.log",
        f"storage/session_diff/{GONE}.json",
        *(path for path in before if path.startswith(("storage/session/", "storage/message/"))),
        *(path for path in before if path.startswith("storage/part/")),
    }
    assert not (folder / "snapshot" / DEAD).exists()
    assert not (folder / "storage" / "message").exists()
    assert picture(folder / "opencode.db") == rows
    assert sized - du(folder) == outcome.freed_bytes == plan.predicted_bytes
    assert outcome.done == plan.totals
    assert not planned(folder).items


def test_a_folder_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    outside = tmp_path / "outside"
    put(outside / "tool_precious", days=30)
    put(outside / "2026-01-01T000000.log", days=30)
    put(outside / f"{GONE}.json", days=30)
    put(outside / STORE / "objects" / "precious", days=30)
    put(outside / "tmp_pack_old1", days=30)
    plan = planned(folder)
    packs = folder / "snapshot" / LIVING / STORE / "objects" / "pack"
    for place in ("tool-output", "log", "storage/session_diff", f"snapshot/{DEAD}", str(packs)):
        (folder / place).rename(tmp_path / ("moved" + place.replace("/", "_")))
        (folder / place).symlink_to(outside)
    kept = names(outside)
    outcome = removed(folder, plan)
    assert names(outside) == kept
    assert (outcome.ending, outcome.freed_bytes) == ("nothing", 0)
    assert outcome.excluded["changed"] == len(plan)


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_a_folder_swapped_while_its_files_are_removed_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_descriptor: bool
) -> None:
    """The worst moment: the row was checked again, and the first files have gone."""
    monkeypatch.setattr(descent, "BY_DESCRIPTOR", by_descriptor and descent.BY_DESCRIPTOR)
    folder = data_directory(tmp_path)
    outside = tmp_path / "outside"
    stores = folder / "snapshot" / DEAD
    for each in ("a", "b"):
        put(stores / "objects" / each / "same")
        put(outside / each / "same")
    plan = planned(folder)
    steps = apply_files(plan, site_in(folder), Event())
    while next(steps).phase != "removing":
        pass
    (stores / "objects").rename(tmp_path / "moved")
    (stores / "objects").symlink_to(outside)
    drained(steps)
    assert names(outside) == {"a/same", "b/same"}


def test_a_file_swapped_for_a_link_or_another_file_is_not_it_any_more(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    precious = put(tmp_path / "precious", days=30)
    plan = planned(folder, "tool-output", "log")
    old = folder / "tool-output" / "tool_old"
    old.unlink()
    old.symlink_to(precious)
    log = folder / "log" / "2026-09-01T101112.log"
    log.unlink()
    put(log, days=0)
    outcome = removed(folder, plan)
    assert precious.exists() and old.is_symlink() and log.exists()
    assert outcome.ending == "partial"
    assert outcome.done.files == 1


def test_a_file_opened_by_another_process_meanwhile_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder)
    pack = folder / "snapshot" / LIVING / STORE / "objects" / "pack" / "tmp_pack_old1"
    held = (
        pack,
        folder / "tool-output" / "tool_old",
        folder / "log" / "2026-09-01T101112.log",
        folder / "snapshot" / DEAD / STORE / "HEAD",
    )
    with (
        opened_elsewhere(held[0]),
        opened_elsewhere(held[1]),
        opened_elsewhere(held[2]),
        opened_elsewhere(held[3]),
    ):
        outcome = removed(folder, plan)
    assert all(path.exists() for path in held)
    assert (folder / "snapshot" / DEAD / STORE / "objects" / "ab").exists(), "whole or not at all"
    assert outcome.ending == "partial"
    assert outcome.excluded["running"] == 2
    assert not (folder / "log" / "2026-10-01T101112.log").exists()


def test_what_became_young_meanwhile_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder)
    pack = folder / "snapshot" / LIVING / STORE / "objects" / "pack" / "tmp_pack_old1"
    touched = [
        aged(pack, 0.2),
        aged(folder / "tool-output" / "tool_old", 0.2),
        aged(folder / "storage" / "session_diff" / f"{GONE}.json", 0.2),
        put(folder / "snapshot" / DEAD / STORE / "index", days=0.2),
    ]
    removed(folder, plan)
    assert all(path.exists() for path in touched)
    assert (folder / "snapshot" / DEAD / STORE / "HEAD").exists()


def test_a_store_that_changed_since_the_plan_stays_even_if_it_is_still_old(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder, "snapshot")
    put(folder / "snapshot" / DEAD / STORE / "index", days=20)
    outcome = removed(folder, plan)
    assert (folder / "snapshot" / DEAD / STORE / "HEAD").exists()
    assert outcome.excluded == {"changed": 1}


def test_what_a_database_knows_by_now_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder, "session_diff", "snapshot")
    make_database(folder / "opencode-dev.db", [session("gone", id=GONE)])
    execute(folder / "opencode-dev.db", "UPDATE project SET id = ?", DEAD)
    outcome = removed(folder, plan)
    assert (folder / "storage" / "session_diff" / f"{GONE}.json").exists()
    assert (folder / "snapshot" / DEAD / STORE / "HEAD").exists()
    assert outcome.freed_bytes == 0


def test_the_json_era_stays_when_a_session_left_the_database_meanwhile(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    json_era(folder, KNOWN)
    plan = planned(folder, "storage")
    assert plan.items
    execute(folder / "opencode.db", "DELETE FROM session")
    outcome = removed(folder, plan)
    assert outcome.excluded == {"only_copy": 1}
    assert (folder / "storage" / "session" / LIVING / f"{KNOWN}.json").exists()


def test_the_newest_log_is_the_newest_at_the_moment(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder, "log")
    (folder / "log" / "opencode.log").unlink()
    removed(folder, plan)
    assert {path.name for path in (folder / "log").iterdir()} == {"2026-10-01T101112.log"}


@pytest.mark.parametrize(
    "row", ["database/opencode.db", "opencode-next.db/opencode-next.db", "other/auth.json",
            "link/x", "temp/x"],
)  # fmt: skip
def test_a_forged_plan_cannot_name_what_never_goes(tmp_path: Path, row: str) -> None:
    folder = filled(tmp_path)
    before = names(folder)
    forged = forged_plan(FileTarget(row, (), NOW, 1))
    with pytest.raises(Refused, match="never removed"):
        removed(folder, forged)
    assert names(folder) == before


@pytest.mark.parametrize(
    "target",
    [
        FileTarget("snapshot/..", ("snapshot", ".."), NOW, 1),
        FileTarget("snapshot/../..", ("..",), NOW, 1),
        FileTarget("tool-output/old", ("..", "opencode", "tool-output"), NOW, 1),
        FileTarget("tool-output/young", ("tool-output",), NOW, 1),
        FileTarget("log/newest", ("log",), NOW, 1),
        FileTarget(f"snapshot/{LIVING}", ("snapshot", LIVING), NOW, 9),
        FileTarget("storage/rest", ("storage",), NOW, 1),
        FileTarget("", (), NOW, 1),
    ],
)
def test_a_forged_target_removes_nothing(tmp_path: Path, target: FileTarget) -> None:
    folder = filled(tmp_path)
    before = names(tmp_path)
    outcome = removed(folder, forged_plan(target))
    assert names(tmp_path) == before
    assert outcome.freed_bytes == 0


def forged_plan(target: FileTarget) -> Plan:
    item = Item(target.row, "forged", "forged", Totals(files=1))
    return Plan("files", (item,), options=FilesOptions((target,), NOW))


def test_a_read_only_site_refuses(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder)
    site = open_site(folder / "opencode.db", read_only=True)
    with pytest.raises(Refused):
        drained(apply_files(plan, site, Event()))


def test_stopped_at_any_step_what_went_is_counted_and_the_rest_is_there(tmp_path: Path) -> None:
    taken = 0
    while True:
        folder = filled(tmp_path / str(taken))
        for number in range(450):
            put(folder / "tool-output" / f"tool_{number}", 100, days=9)
        plan, before, sized = planned(folder), names(folder), du(folder)
        stop = Event()
        steps = apply_files(plan, site_in(folder), stop)
        outcome = after_steps(steps, taken, stop)
        gone = before - names(folder)
        assert outcome.done.files == len(gone)
        assert outcome.freed_bytes == sized - du(folder)
        if outcome.ending == "done":
            break
        assert outcome.ending in ("partial", "refused")
        assert "Stopped" in outcome.message or "meanwhile" in outcome.message or gone
        rest = planned(folder)
        assert len(gone) + rest.totals.files == plan.totals.files
        taken += 1
    assert taken >= 8


def after_steps(steps: Generator[Step, None, Outcome], taken: int, stop: Event) -> Outcome:
    for _ in range(taken):
        try:
            next(steps)
        except StopIteration as end:
            ended: Outcome = end.value
            return ended
    stop.set() if taken < 40 else None
    return drained(steps)


def test_a_file_with_a_second_name_elsewhere_gives_nothing_back(tmp_path: Path) -> None:
    folder = data_directory(tmp_path)
    old = put(folder / "tool-output" / "tool_old", 50_000)
    put(folder / "tool-output" / "tool_older", 4096)
    os.link(old, tmp_path / "kept")
    outcome = removed(folder, planned(folder))
    assert outcome.done.files == 2
    assert outcome.freed_bytes == 4096
    assert (tmp_path / "kept").exists()


def test_what_cannot_be_removed_is_named_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path)
    evil = put(folder / "tool-output" / "tool_\x1b[2Jevil\n", days=9)
    plan = planned(folder, "tool-output")
    unlink = os.unlink

    def stubborn(name: str, *, dir_fd: int | None = None) -> None:
        if "evil" in str(name):
            raise PermissionError(1, "Operation not permitted")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", stubborn)
    outcome = removed(folder, plan)
    assert outcome.ending == "partial"
    assert evil.exists() and not (folder / "tool-output" / "tool_old").exists()
    assert "Operation not permitted" in outcome.message
    assert "\x1b" not in outcome.message and "\n" not in outcome.message


def test_the_files_of_a_row_are_counted_even_when_others_took_them(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    plan = planned(folder, "log")
    (folder / "log" / "2026-09-01T101112.log").unlink()
    outcome = removed(folder, plan)
    assert outcome.done.files == 1
    assert outcome.excluded == {"changed": 1}
    assert replace(outcome, details={}).ending == "partial"
