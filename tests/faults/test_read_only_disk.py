"""A database and a data folder on a read-only file system: everything is shown, nothing refused but
what would change something, and that in one clear sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest

from tests.factories import NOW, days_ago, execute, make_database, session
from tests.faults.read_only_disk import on_read_only_disk
from tests.faults.small_disk import can_mount
from tui.cli.main import main

LOOKS = (
    "list",
    "show ses_old",
    "stats",
    "search bytes",
    "files",
    "search Bytes --trash",
    "doctor",
    "doctor --deep",
    "jobs",
    "databases",
    "projects",
    "recover",
    "trash list",
    "trash export ses_gone",
    "archive ses_old --dry-run",
    "prune --older-than 30d --dry-run",
    "reclaim --level compacted --dry-run",
    "rescue --dry-run",
    "vacuum --dry-run",
    "checkpoint --dry-run",
    "files --dry-run",
    "trash restore ses_gone --dry-run",
    "trash empty --dry-run",
    "undo --dry-run",
    "auto --dry-run",
    "pin ses_new --dry-run",
)

DEEDS = (
    "archive ses_old",
    "prune --older-than 30d",
    "prune ses_old --permanent",
    "vacuum",
    "checkpoint",
    "trash restore ses_gone",
    "trash empty",
    "undo",
    "pin ses_new",
    "auto",
)

WHY = "lies on a read-only file system: nothing can be changed here, only looked at"


@pytest.fixture
def disk(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The data folder of a user: a database, a pin, a batch in the trash, an archive to undo."""
    if not can_mount():
        if os.environ.get("CI"):
            pytest.fail("This machine lets no process have mounts of its own.")
        pytest.skip("needs Linux with user namespaces")
    path = make_database(
        home / "data" / "opencode" / "opencode.db",
        [
            session("old", active=days_ago(90), octets=30_000),
            session("new", active=days_ago(2)),
            session("gone", active=days_ago(50)),
            session("kept", active=days_ago(70)),
        ],
    )
    for words in ("pin ses_kept", "prune ses_gone", "archive ses_new"):
        assert main(["--db", str(path), "--yes", *words.split()], now=NOW) == 0
    capsys.readouterr()
    (home / "config" / "ocdu").mkdir()
    (home / "config" / "ocdu" / "config.toml").write_text('[retention]\nprune_after = "30d"\n')
    return home / "data"


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


APP = """
import asyncio, sys
from pathlib import Path
from tui.app import OcduApp
from tui.app.log import keep_log
from tui.engine.site import open_site
from tests.visit import Visit

async def look():
    site = open_site(Path(sys.argv[1]))
    keep_log(site.ledger.folder / "ocdu.log")
    app = OcduApp(site)
    async with app.run_test() as pilot:
        here = Visit(app, pilot, Path(sys.argv[1]))
        await here.until(lambda: app.measure.done and app.live is not None)
        await here.idle()
        print("at first", *here.toasts, sep="|")
        assert here.tree.select("ses_old")
        for keys in ("2", "3", "4", "5", "6", "1", "d", "a", "P", "u", "B", "c", "q"):
            await here.press(keys)
            await here.idle()
        print("then", *here.toasts, sep="|")

asyncio.run(look())
"""
"""The app on a database, every screen and some deeds, and what it told meanwhile."""


def test_the_app_shows_everything_and_says_once_why_nothing_can_be_changed(disk: Path) -> None:
    before = everything(disk)
    said = on_read_only_disk([disk], "-c", APP, str(disk / "opencode" / "opencode.db"))
    assert said.returncode == 0, said.stderr
    first, then = said.stdout.splitlines()
    assert first.count(WHY) == 1
    assert then.count(WHY) > 1 and "rror" not in then
    assert everything(disk) == before


def run(words: str, folders: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    said = on_read_only_disk(folders, "-m", "tui", "--yes", *words.split())
    assert "Traceback" not in said.stderr
    return said


@pytest.mark.parametrize("words", LOOKS)
def test_looking_works_and_says_once_why_nothing_can_be_changed(disk: Path, words: str) -> None:
    before = everything(disk)
    said = run(words, [disk])
    assert said.returncode in ((0, 1, 4) if "doctor" in words else (0,)), said.stdout + said.stderr
    if words != "databases":  # that is about none in particular
        assert said.stderr.count(WHY) == 1, said.stderr
    assert said.stdout.count(WHY) == 0
    assert everything(disk) == before


@pytest.mark.parametrize("words", DEEDS)
def test_a_deed_is_refused_with_that_sentence_and_nothing_else(disk: Path, words: str) -> None:
    before = everything(disk)
    said = run(f"--json {words}", [disk])
    assert said.returncode == 3, said.stdout + said.stderr
    answer = json.loads(said.stdout)
    assert answer["outcome"] == "refused" and WHY in answer["message"]
    assert WHY not in said.stderr
    assert everything(disk) == before


@pytest.mark.parametrize("beside", [(), ("-wal",), ("-shm",), ("-wal", "-shm")], ids=str)
def test_what_is_in_the_log_is_shown_whatever_lies_beside_the_file(
    disk: Path, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    """A log that was not folded in is read over an index in memory; nothing is made for it."""
    path = disk / "opencode" / "opencode.db"
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("UPDATE session SET title = 'In the log' WHERE id = 'ses_old'")
    copy = tmp_path / "copy"
    copy.mkdir()
    for ending in ("", *beside):
        shutil.copy(f"{path}{ending}", copy / f"opencode.db{ending}")
    connection.close()
    before = everything(copy)
    said = run(f"--db {copy / 'opencode.db'} --json list", [copy])
    assert said.returncode == 0, said.stderr
    titles = {each["title"] for each in json.loads(said.stdout)["sessions"]}
    assert ("In the log" in titles) == ("-wal" in beside)
    assert everything(copy) == before


def test_what_the_ledger_and_the_trash_hold_is_shown(disk: Path) -> None:
    found = json.loads(run("--json list", [disk]).stdout)["sessions"]
    assert [each["id"] for each in found if each["pinned"]] == ["ses_kept"]
    assert len(json.loads(run("--json jobs", [disk]).stdout)["jobs"]) == 3
    assert len(json.loads(run("--json trash list", [disk]).stdout)["batches"]) == 1
    found = json.loads(run("--json doctor --deep", [disk]).stdout)["findings"]
    assert "damaged_batch" not in {each["kind"] for each in found}
    assert json.loads(run("--json search e --trash", [disk]).stdout)["hits"]
    assert "archive of" in run("undo --dry-run", [disk]).stdout


def test_only_the_folder_of_ocdu_is_read_only(disk: Path) -> None:
    assert run("list", [disk / "ocdu"]).stderr.count(str(disk / "ocdu")) == 1
    said = run("archive ses_old", [disk / "ocdu"])
    assert said.returncode == 3 and "notes every change there first" in said.stderr


def test_a_user_who_never_ran_ocdu(disk: Path) -> None:
    shutil.rmtree(disk / "ocdu")
    assert run("list", [disk]).returncode == 0
    assert run("jobs", [disk]).returncode == 0
    assert not (disk / "ocdu").exists()


def test_a_ledger_that_an_older_ocdu_made_is_read_as_it_is(disk: Path) -> None:
    ledger = disk / "ocdu" / "ledger.db"
    for column in ("ended", "plan", "phases", "outcome"):
        execute(ledger, f"ALTER TABLE entry DROP COLUMN {column}")
    before = everything(disk)
    assert len(json.loads(run("--json jobs", [disk]).stdout)["jobs"]) == 3
    assert everything(disk) == before


def test_only_the_database_is_read_only(disk: Path) -> None:
    """A pin is no change of opencode's file."""
    said = run("archive ses_old", [disk / "opencode"])
    assert said.returncode == 3 and str(disk / "opencode") in said.stderr
    assert run("pin ses_new", [disk / "opencode"]).returncode == 0
