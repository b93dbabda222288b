"""Databases that opencode 2.x has upgraded, or made: both generations in one file, with the truth.

A file is made by living it: `tests.factories` writes what 1.x leaves, `upgrade` does what the first
start of 2.x does (its migrations, then its importer), and the verbs below are what happens next:

    path = make_database(tmp_path / "opencode.db", [grown("lawn"), grown("hedge")])
    upgrade(path)
    go_on_in_v1(path, "ses_hedge")      # diverged
    delete_in_v2(path, "ses_lawn")      # its 1.x rows are dead weight

`every_state` makes one of each and says which is which; `problems` is what 2.x would stumble over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase

from tests.factories import (
    DAY,
    MINUTE,
    Given,
    Tool,
    Turn,
    days_ago,
    execute,
    make_database,
    session,
    slug,
)
from tui.store.generations import IMPORT_KEY
from tui.store.migrations import MIGRATIONS, V2_MIGRATIONS
from tui.store.models import Event, EventSequence, Migration, Project
from tui.store.models_v2 import OPENCODE_2_TABLES
from tui.store.query import fetch

UPGRADED = days_ago(30)
"""The moment of the first start of 2.x."""

CLEARED = "[Old tool result content cleared]"
"""What the importer writes where 1.x had cleared the output of a tool."""

GONE = ("session_message", "data_migration", "session_context_epoch", "session_input", "workspace")
"""Tables of 1.x that 2.x drops with their rows; it makes two of them anew."""

ALTERED = (
    "ALTER TABLE event ADD created integer DEFAULT 0 NOT NULL",
    "ALTER TABLE project ADD time_active integer DEFAULT 0 NOT NULL",
    "ALTER TABLE project ADD time_archived integer",
)


def grown(title: str, **given: Any) -> Given:
    """A session of 1.18 from before the upgrade, with its events and a tool call."""
    settings: dict[str, Any] = {"active": UPGRADED - 10 * DAY, "events": 1}
    if "turns" not in given:
        settings["turns"] = (Turn(tools=(Tool(octets=2000, duplicate=2000),)), Turn())
    return session(title, **settings | given)


def upgrade(
    path: Path,
    *,
    phase: str | None = "completed",
    skip: Collection[str] = (),
    stop_after: int | None = None,
    at: int = UPGRADED,
) -> Path:
    """What the first start of 2.x makes of a 1.18 file.

    `phase` None: killed before the importer began; "sessions": interrupted after `stop_after`
    sessions. `skip` are sessions that it leaves out, as early versions did. `at`: when, in ms.
    """
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN")
    _migrate(connection)
    if phase is not None:
        connection.execute("DELETE FROM event")
        ids = [id for (id,) in connection.execute("SELECT id FROM session ORDER BY id DESC")]
        for id in ids[:stop_after]:
            if id not in skip:
                _import(connection, id)
        state: dict[str, str] = {"phase": phase}
        if phase == "sessions" and stop_after:
            state["cursor"] = ids[stop_after - 1]
        note = (IMPORT_KEY, _json(state), at, at)
        connection.execute("INSERT INTO kv VALUES (?, ?, ?, ?)", note)
    connection.execute("COMMIT")
    connection.close()
    return path


def fresh(path: Path, titles: Iterable[str] = ()) -> Path:
    """A file that 2.x alone has made, with these sessions."""
    db = APSWDatabase(str(path))
    db.connect()
    db.execute_sql("PRAGMA journal_mode = WAL")
    tables = [Project, EventSequence, Event, Migration, *OPENCODE_2_TABLES]
    with db.bind_ctx(tables, bind_refs=False, bind_backrefs=False), db.atomic():
        db.create_tables(tables)
        for statement in ALTERED:
            db.execute_sql(statement)
        for id in (*MIGRATIONS, *V2_MIGRATIONS):
            db.execute_sql("INSERT INTO migration VALUES (?, ?)", (id, UPGRADED))
    db.close()
    for title in titles:
        add_in_v2(path, title)
    return path


def _migrate(connection: apsw.Connection) -> None:
    """The twelve schema migrations, in what they come to."""
    for table in GONE:
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(
        "CREATE TABLE workspace (id text PRIMARY KEY, provider text NOT NULL, binding text,"
        " created_at integer NOT NULL, last_used_at integer NOT NULL)"
    )
    for statement in ALTERED:
        connection.execute(statement)
    for model in OPENCODE_2_TABLES:
        database = APSWDatabase(None)
        with database.bind_ctx([model], bind_refs=False, bind_backrefs=False):
            context: Any = model._schema  # type: ignore[attr-defined]
            for query in (context._create_table(safe=False), *context._create_indexes(safe=False)):
                connection.execute(query.query()[0])
    for id in (*MIGRATIONS, *V2_MIGRATIONS):
        connection.execute("INSERT OR IGNORE INTO migration VALUES (?, ?)", (id, UPGRADED))


def _import(connection: apsw.Connection, id: str) -> None:
    """One session, as 2.x copies it: its rows of 1.x stay where they are."""
    columns = ", ".join(
        name for (name,) in connection.execute("SELECT name FROM pragma_table_info('session')")
    )
    connection.execute(
        f"INSERT OR IGNORE INTO session_v2 ({columns}) SELECT {columns} FROM session WHERE id = ?",
        (id,),
    )
    rows = list(_steps(connection, id))
    connection.execute("DELETE FROM session_message WHERE session_id = ?", (id,))
    for seq, (message, type, time, data) in enumerate(rows):
        _insert_step(connection, id, message, type, seq, time, data)
    connection.execute(
        "INSERT INTO event_sequence (aggregate_id, seq) VALUES (?, ?)"
        " ON CONFLICT (aggregate_id) DO UPDATE SET seq = excluded.seq, owner_id = NULL",
        (id, len(rows) - 1),
    )


def _insert_step(
    connection: apsw.Connection, owner: str, id: str, type: str, seq: int, time: int, data: Any
) -> None:
    connection.execute(
        "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (id, owner, type, seq, time, time, _json(data)),
    )


def _steps(connection: apsw.Connection, id: str) -> Iterable[tuple[str, str, int, Any]]:
    messages = fetch(
        connection,
        "SELECT id, time_created, data FROM message WHERE session_id = ? ORDER BY time_created, id",
        (id,),
    )
    summaries = {
        json.loads(data).get("parentID") for _, _, data in messages if '"summary":true' in data
    }
    for message, time, data in messages:
        body = json.loads(data)
        question = "SELECT data FROM part WHERE message_id = ? ORDER BY id"
        found = fetch(connection, question, (message,))
        parts = [json.loads(part) for (part,) in found]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        parts = [part for part in parts if part["type"] in ("text", "reasoning", "tool")]
        times = {"time": {"created": time}}
        if message in summaries:
            told = {"status": "completed", "reason": "auto", "summary": "So far.", "recent": ""}
            yield message, "compaction", time, {**told, **times}
        elif body["role"] == "user":
            yield message, "user", time, {"text": "\n\n".join(texts), **times}
        elif not body.get("summary"):
            yield message, "assistant", time, _answer([_block(part, time) for part in parts], time)


def _answer(content: list[Any], time: int, finished: bool = True) -> dict[str, Any]:
    done = {"completed": time} if finished else {}
    return {
        "agent": "build",
        "model": {"id": "parrot-1", "providerID": "fake", "variant": "default"},
        "content": content,
        "cost": 0.01,
        "tokens": {"input": 100, "output": 20, "reasoning": 0, "cache": {"read": 0, "write": 0}},
        "time": {"created": time, **done},
        **({"finish": "stop"} if finished else {}),
    }


def _block(part: Mapping[str, Any], time: int) -> dict[str, Any]:
    if part["type"] != "tool":
        return {"type": part["type"], "text": part["text"]}
    state = part["state"]
    call = {"type": "tool", "id": part["callID"], "name": part["tool"]}
    if state["status"] != "completed":
        told = {"type": "tool.execution", "message": str(state.get("error", "interrupted"))}
        failed = {"status": "error", "input": state["input"], "error": told}
        return {**call, "state": failed, "time": {"created": time}}
    is_cleared = "compacted" in state["time"]
    content: list[Any] = [{"type": "text", "text": CLEARED if is_cleared else state["output"]}]
    for each in () if is_cleared else state.get("attachments", ()):
        content.append({"type": "file", "uri": each["url"], "mime": "image/png"})
    kept = {"input": state["input"], "content": content, "metadata": state["metadata"]}
    done = {"created": time, "completed": time}
    return {**call, "state": {"status": "completed", **kept}, "time": done}


# what happens next


def tool_block(octets: int = 1000, name: str = "shell", attachment: int = 0) -> dict[str, Any]:
    """A finished tool call of 2.x with so many octets of output."""
    content: list[Any] = [{"type": "text", "text": "o" * octets}]
    if attachment:
        content.append({"type": "file", "uri": "data:," + "A" * attachment, "mime": "image/png"})
    state = {"status": "completed", "input": {"command": "ls"}, "content": content}
    return {
        "type": "tool", "id": "call_1", "name": name,
        "state": {**state, "metadata": {"exit": 0}}, "time": {"created": 1, "completed": 2},
    }  # fmt: skip


def go_on_in_v2(
    path: Path,
    id: str,
    *,
    time: int = UPGRADED + DAY,
    tools: Iterable[Mapping[str, Any]] = (),
    compacts: bool = False,
    finished: bool = True,
) -> None:
    """One more turn in 2.x, which may end with a completed compaction."""
    seq = int(execute(path, "SELECT seq FROM event_sequence WHERE aggregate_id = ?", id)[0][0])
    content = [*tools, {"type": "text", "text": "Very well, too."}]
    steps: list[tuple[str, Any]] = [
        ("user", {"text": "And then?", "time": {"created": time}}),
        ("assistant", _answer(content, time, finished)),
    ]
    if compacts:
        told = {"status": "completed", "reason": "auto", "summary": "So far.", "recent": ""}
        steps.append(("compaction", {**told, "time": {"created": time}}))
    connection = apsw.Connection(str(path))
    with connection:
        for number, (type, data) in enumerate(steps, start=seq + 1):
            _insert_step(connection, id, f"msg_{id[4:]}_v{number}", type, number, time, data)
        connection.execute("UPDATE session_v2 SET time_updated = ? WHERE id = ?", (time, id))
        connection.execute(
            "UPDATE event_sequence SET seq = ? WHERE aggregate_id = ?", (seq + len(steps), id)
        )
    connection.close()


def add_in_v2(
    path: Path, title: str, *, parent: str | None = None, time: int = UPGRADED + DAY, **more: Any
) -> str:
    """A new session of 2.x with one turn and its instructions; returns its id."""
    id = "ses_" + slug(title)
    project = "prj_garden"
    execute(
        path,
        "INSERT OR IGNORE INTO project (id, worktree, time_created, time_updated, sandboxes)"
        " VALUES (?, '/home/dev/garden', 1, 1, '[]')",
        project,
    )
    row = {
        "id": id, "project_id": project, "parent_id": parent, "slug": slug(title),
        "directory": "/tmp", "title": title, "version": "2.0.32",
        "time_created": time, "time_updated": time,
    } | more.pop("columns", {})  # fmt: skip
    marks = ", ".join("?" * len(row))
    execute(path, f"INSERT INTO session_v2 ({', '.join(row)}) VALUES ({marks})", *row.values())
    execute(path, "INSERT OR IGNORE INTO event_sequence (aggregate_id, seq) VALUES (?, 0)", id)
    blob = f"hash_{id}"
    execute(path, "INSERT OR IGNORE INTO instruction_blob VALUES (?, ?)", blob, '"Be kind."')
    state = _json({"core/date": blob})
    execute(path, "INSERT INTO instruction_state VALUES (?, 0, 0, ?, ?)", id, state, state)
    go_on_in_v2(path, id, time=time, **more)
    return id


def go_on_in_v1(path: Path, id: str, *, time: int = UPGRADED + 2 * DAY) -> None:
    """One more question in 1.x, which 2.x never sees."""
    message, part = f"msg_{id[4:]}_late", f"prt_{id[4:]}_late"
    body = _json({"role": "user", "time": {"created": time}, "agent": "build"})
    times = (time, time)
    execute(path, "INSERT INTO message VALUES (?, ?, ?, ?, ?)", message, id, *times, body)
    text = _json({"type": "text", "text": "Still there?"})
    execute(path, "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", part, message, id, *times, text)
    execute(path, "UPDATE session SET time_updated = ? WHERE id = ?", time, id)


def add_in_v1(path: Path, title: str, *, time: int = UPGRADED + 2 * DAY) -> str:
    """A new session of 1.x beside 2.x; returns its id."""
    id = "ses_" + slug(title)
    execute(
        path,
        "INSERT INTO session (id, project_id, slug, directory, title, version, time_created,"
        " time_updated) SELECT ?, id, ?, '/tmp', ?, '1.18.33', ?, ? FROM project LIMIT 1",
        id, slug(title), title, time, time,
    )  # fmt: skip
    execute(path, "INSERT OR IGNORE INTO event_sequence (aggregate_id, seq) VALUES (?, 3)", id)
    go_on_in_v1(path, id, time=time)
    return id


def delete_in_v2(path: Path, id: str) -> None:
    """2.x deletes a session with its children: rows of 1.x and instruction blobs stay."""
    for (child,) in execute(path, "SELECT id FROM session_v2 WHERE parent_id = ?", id):
        delete_in_v2(path, child)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("DELETE FROM session_v2 WHERE id = ?", (id,))
    connection.execute("DELETE FROM event_sequence WHERE aggregate_id = ?", (id,))
    connection.close()


def delete_in_v1(path: Path, id: str) -> None:
    """1.x deletes a session: its rows, and the counter that it shares with 2.x."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("DELETE FROM session WHERE id = ?", (id,))
    connection.execute("DELETE FROM event_sequence WHERE aggregate_id = ?", (id,))
    connection.close()


TRUTH = {
    "ses_same": "redundant",
    "ses_samechild": "redundant",
    "ses_newer": "redundant",
    "ses_split": "diverged",
    "ses_left": "deleted",
    "ses_leftchild": "deleted",
    "ses_skipped": "never_imported",
    "ses_after": "v1_only",
    "ses_ancient": "ambiguous",
    "ses_native": "v2_only",
    "ses_helper": "v2_only",
}
"""What `every_state` makes."""


def every_state(path: Path) -> dict[str, str]:
    """A file with a session of every kind there is; returns which is which."""
    make_database(
        path,
        [
            grown("same", children=[grown("samechild")], todos=2, share=True),
            grown("newer"),
            grown("split"),
            grown("left", children=[grown("leftchild")]),
            grown("skipped"),
            grown("ancient", columns={"version": "1.2.20"}),
        ],
    )
    upgrade(path, skip={"ses_skipped"})
    go_on_in_v2(path, "ses_newer")
    go_on_in_v1(path, "ses_split")
    add_in_v2(path, "native", tools=[tool_block()])
    add_in_v2(path, "helper", parent="ses_native")
    delete_in_v2(path, add_in_v2(path, "brief"))
    add_in_v1(path, "after")
    delete_in_v2(path, "ses_left")
    delete_in_v2(path, "ses_ancient")
    catalog = ("models-dev:catalog", _json({"x": "y" * 50_000}), UPGRADED, UPGRADED)
    execute(path, "INSERT INTO kv VALUES (?, ?, ?, ?)", *catalog)
    return dict(TRUTH)


def problems(path: Path) -> list[str]:
    """What 2.x would stumble over: damage, orphans, rows that do not decode, broken counters."""
    found = [str(row) for row in execute(path, "PRAGMA integrity_check") if row != ("ok",)]
    found += [f"orphan {row}" for row in execute(path, "PRAGMA foreign_key_check")]
    behind = execute(
        path,
        "SELECT s.id FROM session_v2 s LEFT JOIN event_sequence e ON e.aggregate_id = s.id"
        " WHERE coalesce(e.seq, -1) < coalesce((SELECT max(seq) FROM session_message m"
        " WHERE m.session_id = s.id), -1)",
    )
    found += [f"watermark of {id}" for (id,) in behind]
    rows = execute(path, "SELECT id, type, data FROM session_message")
    found += [f"{id} does not decode" for id, type, data in rows if not _decodes(type, data)]
    return found


def _decodes(type: str, data: str) -> bool:
    body = json.loads(data)
    if "created" not in body.get("time", {}) or "type" in body or "id" in body:
        return False
    if type in ("user", "system", "synthetic"):
        return isinstance(body.get("text"), str)
    if type == "compaction":
        return body["status"] != "completed" or {"summary", "recent", "reason"} <= set(body)
    if type != "assistant":
        return True
    tools = [block["state"] for block in body["content"] if block["type"] == "tool"]
    return {"agent", "model"} <= body.keys() and all(map(_tool_decodes, tools))


def _tool_decodes(state: Mapping[str, Any]) -> bool:
    if not isinstance(state.get("input"), dict) or not isinstance(state.get("metadata", {}), dict):
        return False
    if state["status"] == "error":
        return {"type", "message"} <= set(state["error"])
    blocks = state.get("content", [])
    return state["status"] != "completed" or (
        len(blocks) > 0
        and all(
            isinstance(block.get("text" if block["type"] == "text" else "uri"), str)
            for block in blocks
        )
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


LATER = UPGRADED + 3 * DAY + MINUTE
"""After everything that `every_state` does."""
