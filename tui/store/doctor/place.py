"""Around the database: its disk, its log, free pages, leftover copies, and who has it open."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tui.records import Holder, Symptom
from tui.store.database import Store, file_size
from tui.store.disk import leftovers
from tui.store.doctor.walk import SAMPLE
from tui.store.holders import PROC, holders
from tui.store.schema import network_file_system

Version = tuple[int, ...]

LAST_AFFECTED: Version = (1, 2, 20)
"""Newest opencode known to carry an SQLite with the WAL-reset bug: 3.51.2 (facts on SQLite, §1)."""

FIRST_FIXED: Version = (1, 15)
"""Oldest opencode known to carry a fixed one: 3.53.0. Between the two nobody looked."""

_VERSIONED = re.compile(r"opencode[^/\\]*[@/\\-]v?(\d+\.\d+\.\d+)")
"""A path that tells the version: opencode-linux-x64@1.2.20, Cellar/opencode/1.2.20."""


def around(store: Store) -> Iterator[Symptom]:
    """What can be seen without reading a row."""
    network = network_file_system(store.path)
    if network:
        yield Symptom("network_file_system", 1, None, (), (network,))
    if store.schema.refusal:
        yield Symptom("read_only_schema", 1, None, (), (store.schema.refusal,))
    sizes = store.sizes()
    yield Symptom("free_pages", sizes.free_pages, sizes.free_bytes, (), (str(sizes.bytes),))
    if sizes.wal_bytes > sizes.bytes:
        yield Symptom("large_wal", 1, sizes.wal_bytes)
    found = leftovers(store.path)
    if found:
        names = tuple(each.name for each in found[:SAMPLE])
        yield Symptom("leftover_copy", len(found), sum(map(file_size, found)), names)
    yield from _old_libraries(holders(store.path))


def _old_libraries(found: tuple[Holder, ...]) -> Iterator[Symptom]:
    """Programs on this file whose SQLite is, or may be, one that can damage a log."""
    known: list[tuple[Holder, str]] = []
    unknown: list[tuple[Holder, str]] = []
    for holder in found:
        if holder.name == "another ocdu":  # it brings its own SQLite, as we do
            continue
        program = program_of(holder.pid)
        version = opencode_version(program)
        told = f"{holder.name} {'.'.join(map(str, version))}" if version else holder.name
        told = f"{told} ({program})" if program else told
        if version and version <= LAST_AFFECTED:
            known.append((holder, told))
        elif not version or version < FIRST_FIXED:
            unknown.append((holder, told))
    for kind, holding in (("old_sqlite", known), ("unknown_sqlite", unknown)):
        if holding:
            pids = tuple(str(holder.pid) for holder, _ in holding[:SAMPLE])
            yield Symptom(kind, len(holding), None, pids, tuple(told for _, told in holding))


def program_of(pid: int) -> str:
    """The path of the program a process runs; "" where the system does not say."""
    try:
        return os.readlink(PROC / str(pid) / "exe")
    except OSError:
        return ""


def opencode_version(program: str) -> Version:
    """The version of opencode that a path tells, or the package it was installed from; () if none.

    Nothing is run. npm keeps `package.json` two folders above the program.
    """
    found = _VERSIONED.findall(program)
    if found:
        return tuple(map(int, found[-1].split(".")))
    if not program:
        return ()
    return _packaged(Path(program).parent.parent / "package.json")


def _packaged(path: Path) -> Version:
    try:
        package = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        return ()
    if not isinstance(package, dict) or "opencode" not in str(package.get("name")):
        return ()
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", str(package.get("version")))
    return tuple(map(int, numbers.groups())) if numbers else ()
