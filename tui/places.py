"""Records about where things lie: projects, folders, databases, the trash, and sessions that have
no row.

Like `records`: immutable, shared by all layers; times are Unix milliseconds (UTC), bytes octets.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import NamedTuple

from tui.records import Hit


class ProjectRow(NamedTuple):
    """A project as opencode knows it."""

    id: str
    name: str
    worktree: str
    """Its folder; "/" for the project of all folders without git."""
    sessions: int = 0
    """In either generation, each once."""
    missing: bool = False
    """True when the folder no longer exists."""


class StoredPath(NamedTuple):
    """One stored path of a folder; the row is found by `id` in `id_column`."""

    table: str
    id_column: str
    id: str
    column: str
    path: str


class Place(NamedTuple):
    """A folder on another file system than the database's."""

    folder: PurePath
    free: int
    """Octets free there."""


class Whereabouts(NamedTuple):
    """One database of this user and what it holds; times in milliseconds, 0 for none."""

    path: Path
    bytes: int = 0
    wal_bytes: int = 0
    modified: int = 0
    generation: str = ""
    """"v1", "v2", "both"; "" where the file could not be read."""
    sessions: int = 0
    archived: int = 0
    missing: int = 0
    """Sessions whose directory no longer exists."""
    projects: int = 0
    newest: int = 0
    in_events_only: int = 0
    note: str = ""
    """Why it could not be read, as a sentence."""


class LostSession(NamedTuple):
    """A session without rows that its events still know."""

    id: str
    title: str
    directory: str
    updated: int
    """As the newest readable event says, milliseconds; 0 for unknown."""
    events: int
    bytes: int
    """Octets of its events."""


class BuriedTree(NamedTuple):
    """One tree in a batch of the trash, as the head of its file tells."""

    root: str
    title: str
    project: str
    directory: str
    """Of its root; "" where the batch does not say."""
    sessions: int
    bytes: int
    members: tuple[str, ...]
    """Ids of its sessions, the root first."""


class Buried(NamedTuple):
    """A hit in the trash, and where it lies: `batch` and `root` are what brings it back."""

    batch: str
    root: str
    title: str
    """Of the session it was said in."""
    project: str
    hit: Hit


class Dug(NamedTuple):
    """How far a search in the trash is: as `Searched`, over all batches."""

    hits: tuple[Buried, ...]
    share: float
    done: bool = False
    left_out: tuple[str, ...] = ()
    """Sentences about batches that could not be searched."""
