"""A data directory of opencode with files of every kind, young and old, for tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from tests.factories import NOW, days_ago, make_database, session
from tui.engine.site import Site, open_site
from tui.records import FileRow, FileSurvey
from tui.store.files import survey_files

LIVING, DEAD, STORE = "prj_garden", "d" * 40, "5" * 40
"""A project of the database, one that no database knows, and the name of a worktree's store."""

KNOWN, GONE = "ses_cress", "ses_gone"


def data_directory(base: Path) -> Path:
    """A folder `opencode` with a database of one session; returns the folder."""
    folder = base / "opencode"
    make_database(folder / "opencode.db", [session("cress", active=days_ago(1))])
    return folder


def site_in(folder: Path) -> Site:
    """The site of the folder's database."""
    return open_site(folder / "opencode.db")


def put(path: Path, octets: int = 5000, *, days: float = 30) -> Path:
    """Write a file that was changed so many days before NOW."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * octets)
    return aged(path, days)


def aged(path: Path, days: float) -> Path:
    """Make a file look as if changed so many days before NOW."""
    when = days_ago(days) / 1000
    os.utime(path, (when, when))
    return path


def filled(base: Path) -> Path:
    """A data directory with something of every kind; returns the folder."""
    folder = data_directory(base)
    for project in (LIVING, DEAD):
        store = folder / "snapshot" / project / STORE
        put(store / "HEAD", 23)
        put(store / "objects" / "ab" / ("c" * 38))
    packs = folder / "snapshot" / LIVING / STORE / "objects" / "pack"
    put(packs / "pack-1.pack", 9000)
    put(packs / "tmp_pack_old1", 70_000, days=3)
    put(packs / "tmp_pack_young", 60_000, days=0.5)
    put(folder / "tool-output" / "tool_old", 12_000, days=8)
    put(folder / "tool-output" / "tool_young", 11_000, days=6)
    put(folder / "tool-output" / "notes.txt", 100)
    put(folder / "log" / "2026-09-01T101112.log", 8000, days=80)
    put(folder / "log" / "2026-10-01T101112.log", 8000, days=50)
    put(folder / "log" / "opencode.log", 8000, days=2)
    put(folder / "storage" / "session_diff" / f"{KNOWN}.json", 300)
    put(folder / "storage" / "session_diff" / f"{GONE}.json", 300)
    put(folder / "storage" / "migration", 1)
    put(folder / "opencode-next.db", 4096)
    put(folder / "auth.json", 200)
    put(folder / "bin" / "rg", 4000)
    return folder


def json_era(folder: Path, *sessions: str) -> None:
    """Session files as opencode 1.1 wrote them, with the two messages the factory gives each."""
    storage = folder / "storage"
    for id in sessions:
        put(storage / "session" / LIVING / f"{id}.json", 500)
        for message in (f"msg_{id[4:]}_0u", f"msg_{id[4:]}_0a"):
            put(storage / "message" / id / f"{message}.json", 700)
            put(storage / "part" / message / f"prt_{message[4:]}.json", 900)


def surveyed(folder: Path) -> FileSurvey:
    """The whole folder, read at NOW."""
    site = site_in(folder)
    found = list(survey_files(site.store, site.files, NOW, Event()))[-1]
    assert found.done
    return found


def rows_in(folder: Path) -> dict[str, FileRow]:
    """Its rows by id."""
    return {row.id: row for row in surveyed(folder).rows}


def du(folder: Path) -> int:
    """What `du` says, in octets."""
    said = subprocess.run(
        ["du", "-B1", "-s", str(folder)], capture_output=True, text=True, check=True
    )
    return int(said.stdout.split()[0])


@contextmanager
def opened_elsewhere(path: Path) -> Iterator[None]:
    """Another process has the file open."""
    reader = subprocess.Popen(
        ["sh", "-c", 'exec 3<"$0"; echo ready; read line', str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with reader:
        assert reader.stdin and reader.stdout
        assert reader.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            reader.stdin.close()
            reader.wait()
