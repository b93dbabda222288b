"""Where a history can be: every database of this user with what it holds, and the JSON files.

opencode keeps one database for each release channel, hides sessions of other folders, and its
releases since 1.17 no longer import what 1.1 wrote as JSON; each makes people believe that their
sessions are lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tui.errors import OcduError
from tui.places import Whereabouts
from tui.store.database import SQLITE_EXCEPTIONS, Store, explained
from tui.store.known import what_is_known
from tui.store.locate import Found
from tui.store.rebuild import lost_sessions
from tui.store.sessions import load_sessions


def whereabouts(found: Iterable[Found]) -> Iterator[Whereabouts]:
    """What each database holds, one after the other; a note where one cannot be read."""
    for each in found:
        row = Whereabouts(each.path, each.bytes, each.wal_bytes, each.modified)
        try:
            yield _asked(row)
        except (OSError, OcduError, *SQLITE_EXCEPTIONS) as error:
            yield row._replace(note=str(explained(error, each.path)))


def _asked(row: Whereabouts) -> Whereabouts:
    store = Store(row.path, read_only=True)
    rows = load_sessions(store)
    return row._replace(
        generation=store.schema.generation,
        sessions=len(rows),
        archived=sum(each.archived is not None for each in rows),
        missing=sum(each.missing for each in rows),
        projects=len({each.project_id for each in rows}),
        newest=max((each.active for each in rows), default=0),
        in_events_only=len(lost_sessions(store)),
    )


def never_imported(files: Path) -> tuple[int, int]:
    """Sessions that opencode before 1.2 wrote as JSON below `files`, and those in no database."""
    known = what_is_known(files / "opencode.db", files)
    names = {path.stem for path in files.glob("storage/session/*/*.json")}
    return len(names), len(names - known.sessions)
