"""Which opencode databases exist on this machine, and where their other files lie.

Order of the search: `--db`, `$OPENCODE_DB`, `$XDG_DATA_HOME/opencode`, `~/.local/share/opencode`
(opencode uses that last one on macOS and Windows too).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tui.errors import Refused, WrongCall
from tui.paths import absolute
from tui.store.database import file_size, wal_of

DATABASE_NAME = re.compile(r"opencode(-[A-Za-z0-9._]+)?\.db")
"""opencode.db, and opencode-<channel>.db for other release channels."""


class Found(NamedTuple):
    """One database file of opencode and its size on disk (octets, WAL apart)."""

    path: Path
    bytes: int
    wal_bytes: int
    modified: int
    """Last change of the file or its WAL, milliseconds."""


def data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """opencode's data directory: `$XDG_DATA_HOME/opencode`, else `~/.local/share/opencode`."""
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "opencode"


def databases(environment: Mapping[str, str] = os.environ) -> list[Found]:
    """Every database in the data directory and the one `$OPENCODE_DB` names, largest first."""
    folder = data_directory(environment)
    paths = {path for path in folder.glob("opencode*.db") if DATABASE_NAME.fullmatch(path.name)}
    named = _from_environment(environment)
    if named is not None and os.path.isfile(named):
        paths.add(named)
    found = [found_at(path) for path in paths if path.is_file()]
    return sorted(found, key=lambda each: (-each.bytes, each.path))


def found_at(path: Path) -> Found:
    """This database file, whether or not it lies where opencode keeps its own."""
    wal = wal_of(path)
    times = [each.stat().st_mtime for each in (path, wal) if each.exists()]
    return Found(path, file_size(path), file_size(wal), int(max(times) * 1000))


def _from_environment(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("OPENCODE_DB", "")
    if not named or named == ":memory:":
        return None
    return data_directory(environment) / named  # an absolute path replaces the folder


def choose_database(named: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The database to work on. Raises WrongCall when several exist, Refused when none does."""
    if named:
        return absolute(named)
    wanted = _from_environment(environment)
    if wanted is not None:
        return wanted.absolute()
    found = databases(environment)
    if len(found) == 1:
        return found[0].path
    if found:
        names = ", ".join(str(each.path) for each in found)
        raise WrongCall(f"There are {len(found)} databases: choose one with --db ({names}).")
    raise Refused(
        f"No opencode database in {data_directory(environment)}. "
        "Name one with --db, or run `ocdu demo` to see ocdu at work."
    )


def files_directory(database: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the other files of this database's sessions lie (storage/, snapshot/, tool-output/).

    Beside the file; only the database that `$OPENCODE_DB` names keeps them in the data directory.
    A copy given with `--db` must never lead to the files of the original.
    """
    wanted = _from_environment(environment)
    if wanted is not None and wanted.absolute() == database:
        return data_directory(environment)
    return database.parent
