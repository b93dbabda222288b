"""An empty database as opencode 1.17.11 – 1.18.34 creates it: for the demo and for tests.

The tables ocdu knows come from `models`; the others are spelled out here, because opencode counts
on all of them once its `migration` table says that they exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from peewee import Model, SchemaManager
from playhouse.apsw_ext import APSWDatabase

from tui.store.migrations import MIGRATIONS
from tui.store.models import OPENCODE_TABLES, Migration, Project, Session

OTHER_TABLES = (
    "account (id text PRIMARY KEY, email text NOT NULL, url text NOT NULL,"
    " access_token text NOT NULL, refresh_token text NOT NULL, token_expiry integer,"
    " time_created integer NOT NULL, time_updated integer NOT NULL)",
    "account_state (id integer PRIMARY KEY,"
    " active_account_id text REFERENCES account (id) ON DELETE SET NULL, active_org_id text)",
    "control_account (email text NOT NULL, url text NOT NULL, access_token text NOT NULL,"
    " refresh_token text NOT NULL, token_expiry integer, active integer NOT NULL,"
    " time_created integer NOT NULL, time_updated integer NOT NULL, PRIMARY KEY (email, url))",
    "credential (id text PRIMARY KEY, integration_id text, label text NOT NULL,"
    " value text NOT NULL, connector_id text, method_id text, active integer,"
    " time_created integer NOT NULL, time_updated integer NOT NULL)",
    "data_migration (name text PRIMARY KEY, time_completed integer NOT NULL)",
    "permission (id text PRIMARY KEY,"
    " project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE, action text NOT NULL,"
    " resource text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL)",
    "project_directory (project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " directory text NOT NULL, type text, strategy text, time_created integer NOT NULL,"
    " PRIMARY KEY (project_id, directory))",
    "session_context_epoch (session_id text PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,"
    " baseline text NOT NULL, snapshot text NOT NULL, baseline_seq integer NOT NULL)",
    "session_input (id text PRIMARY KEY,"
    " session_id text NOT NULL REFERENCES session (id) ON DELETE CASCADE, prompt text NOT NULL,"
    " delivery text NOT NULL, admitted_seq integer NOT NULL, promoted_seq integer,"
    " time_created integer NOT NULL)",
    "workspace (id text PRIMARY KEY, type text NOT NULL, name text DEFAULT '' NOT NULL,"
    " branch text, directory text, extra text,"
    " project_id text NOT NULL REFERENCES project (id) ON DELETE CASCADE,"
    " time_used integer NOT NULL)",
)
"""Tables of opencode in which ocdu has no business."""

INDICES = (
    ("event_aggregate_seq_idx", "event", "aggregate_id, seq", True),
    ("event_aggregate_type_seq_idx", "event", "aggregate_id, type, seq", False),
    ("message_session_time_created_id_idx", "message", "session_id, time_created, id", False),
    ("part_message_id_id_idx", "part", "message_id, id", False),
    ("part_session_idx", "part", "session_id", False),
    ("permission_project_action_resource_idx", "permission", "project_id, action, resource", True),
    ("session_input_session_admitted_seq_idx", "session_input", "session_id, admitted_seq", True),
    (
        "session_input_session_pending_delivery_seq_idx",
        "session_input",
        "session_id, promoted_seq, delivery, admitted_seq",
        False,
    ),
    ("session_input_session_promoted_seq_idx", "session_input", "session_id, promoted_seq", True),
    ("session_message_session_seq_idx", "session_message", "session_id, seq", True),
    (
        "session_message_session_time_created_id_idx",
        "session_message",
        "session_id, time_created, id",
        False,
    ),
    ("session_message_session_type_seq_idx", "session_message", "session_id, type, seq", False),
    ("session_message_time_created_idx", "session_message", "time_created", False),
    ("session_parent_idx", "session", "parent_id", False),
    ("session_project_idx", "session", "project_id", False),
    ("session_workspace_idx", "session", "workspace_id", False),
    ("todo_session_idx", "todo", "session_id", False),
)
"""Name, table, columns, unique: the names matter, later migrations of opencode drop some."""


def create_blank(path: Path, *, now_ms: int) -> APSWDatabase:
    """A new file with opencode's tables, indices and migrations; returns it open for filling.

    Journal and sync are off while it is filled: nobody else knows the file yet. End with
    `finish_blank`. Raises FileExistsError rather than touch a file that is there.
    """
    path.touch(mode=0o600, exist_ok=False)
    db = APSWDatabase(str(path), pragmas={"journal_mode": "OFF", "synchronous": "OFF"})
    db.connect()
    with db.atomic():
        for model in OPENCODE_TABLES:
            SchemaManager(model, db).create_table(safe=False)
        for table in OTHER_TABLES:
            db.execute_sql(f"CREATE TABLE {table}")
        for name, table, columns, unique in INDICES:
            kind = "UNIQUE INDEX" if unique else "INDEX"
            db.execute_sql(f"CREATE {kind} {name} ON {table} ({columns})")
        insert_rows(db, Migration, [(id, now_ms) for id in MIGRATIONS])
    return db


def finish_blank(db: APSWDatabase) -> None:
    """Switch to WAL, as opencode keeps its files, and close."""
    db.execute_sql("PRAGMA journal_mode = WAL")
    db.close()


def insert_projects(db: APSWDatabase, projects: Iterable[tuple[str, str, str | None, int]]) -> None:
    """(id, worktree, version control, created) of every project, with its directory."""
    for id, worktree, vcs, created in projects:
        times = {"time_created": created, "time_updated": created}
        row = {"id": id, "worktree": worktree, "vcs": vcs, "sandboxes": "[]", **times}
        Project.insert(row).bind(db).execute()
        db.execute_sql(
            "INSERT INTO project_directory (project_id, directory, time_created) VALUES (?, ?, ?)",
            (id, worktree, created),
        )


def insert_session(db: APSWDatabase, info: Mapping[str, Any]) -> None:
    """One row of session from the object that opencode keeps in its session events."""
    summary, tokens = info.get("summary", {}), info["tokens"]
    row = {
        "id": info["id"],
        "project": info["projectID"],
        "parent_id": info.get("parentID"),
        "slug": info["slug"],
        "directory": info["directory"],
        "path": info["path"],
        "title": info["title"],
        "version": info["version"],
        "share_url": info.get("share", {}).get("url"),
        "summary_additions": summary.get("additions"),
        "summary_deletions": summary.get("deletions"),
        "summary_files": summary.get("files"),
        "cost": info["cost"],
        "tokens_input": tokens["input"],
        "tokens_output": tokens["output"],
        "tokens_reasoning": tokens["reasoning"],
        "tokens_cache_read": tokens["cache"]["read"],
        "tokens_cache_write": tokens["cache"]["write"],
        "agent": info["agent"],
        "model": json.dumps(info["model"], separators=(",", ":")),
        "time_created": info["time"]["created"],
        "time_updated": info["time"]["updated"],
        "time_archived": info["time"].get("archived"),
    }
    Session.insert(row).bind(db).execute()


def insert_rows(db: APSWDatabase, model: type[Model], rows: Sequence[Sequence[Any]]) -> None:
    """Many rows at once: values in the order of the model's fields."""
    db.connection().executemany(_insertion(model), rows)


@cache
def _insertion(model: type[Model]) -> str:
    """peewee's statement for one row: given to SQLite row by row it is four times as fast as one
    with thousands of parameters.
    """
    fields = list(model._meta.sorted_fields)
    statement: str = model.insert_many([[None] * len(fields)], fields=fields).sql()[0]
    return statement
