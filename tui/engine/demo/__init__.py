"""A realistic database for `ocdu demo`: the first thing a newcomer can run, and what tests draw.

Eight projects in Zipf's order, nearly all sessions subagents, two thirds of the bytes event
history: the proportions that users report. The same seed and time give the same rows.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePath
from typing import Any

from tui.engine.demo.casting import DAY, OLDEST, Casting
from tui.engine.demo.projects import GONE, PROJECTS
from tui.engine.demo.rows import Rows, compact_json
from tui.engine.demo.talk import Talk
from tui.errors import Refused
from tui.store import blank
from tui.store.models import Event, EventSequence, Message, Part, SessionShare, Todo


def make_demo(folder: Path, *, now_ms: int, seed: int = 1, work: PurePath | None = None) -> Path:
    """Make `<folder>/opencode/opencode.db` and what belongs to it; returns the database's path.

    `now_ms` is the newest moment in it (ms, UTC). Project folders are made in `<folder>/work`, but
    for one that is meant to be gone; with `work` they are only said to lie there, so that the
    rows are the same on every machine. Raises Refused when there is a database already.
    """
    home = folder / "opencode"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "opencode.db"
    try:
        db = blank.create_blank(path, now_ms=now_ms - OLDEST * DAY)
    except FileExistsError as error:
        raise Refused(f"{path} exists already: name another folder for the demo.") from error
    if work is None:
        work = _make_folders(folder / "work")
    casting = Casting(work, now_ms, seed)
    with db.atomic():
        blank.insert_projects(db, casting.projects())
        for cast in casting.sessions():
            rows = Talk(cast, casting.texts, casting.ids).tell()
            _save(db, rows)
            _save_diff(home / "storage" / "session_diff", rows)
    blank.finish_blank(db)
    return path


def _make_folders(work: Path) -> Path:
    for project in PROJECTS:
        if project.name != GONE:
            (work / project.name).mkdir(mode=0o700, parents=True, exist_ok=True)
    return work


def _save(db: Any, rows: Rows) -> None:
    cast, now = rows.cast, rows.clock
    blank.insert_session(db, rows.session_info())
    messages = [
        (id, cast.id, created, updated, compact_json(data))
        for id, (created, updated, data) in rows.messages.items()
    ]
    parts = [
        (id, message, cast.id, created, updated, compact_json(data))
        for id, (message, created, updated, data) in rows.parts.items()
    ]
    todos = [
        (cast.id, todo["content"], todo["status"], todo["priority"], position, now, now)
        for position, todo in enumerate(rows.todos)
    ]
    blank.insert_rows(db, Message, messages)
    blank.insert_rows(db, Part, parts)
    blank.insert_rows(db, Todo, todos)
    if rows.events:
        blank.insert_rows(db, EventSequence, [(cast.id, len(rows.events) - 1, None)])
        blank.insert_rows(db, Event, rows.events)
    if cast.share_url:
        secret = hashlib.sha1(cast.id.encode()).hexdigest()
        share = (cast.id, cast.id[-8:], secret, cast.share_url, now, now)
        blank.insert_rows(db, SessionShare, [share])


def _save_diff(folder: Path, rows: Rows) -> None:
    """The file that releases up to 1.15 left beside the database for every session."""
    if rows.cast.has_events:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    diffs = [
        diff
        for _, _, data in rows.messages.values()
        if data["role"] == "user"
        for diff in data.get("summary", {}).get("diffs", ())
    ]
    (folder / f"{rows.cast.id}.json").write_text(compact_json(diffs), encoding="utf-8")
