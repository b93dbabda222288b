"""One wound at a time: what a doctor must find, each made on a healthy database of its own.

The database has a root `ses_root` with a child `ses_child`, and `ses_other` of another project; two
snapshots of each message and part stand in the event table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tests.factories import execute, make_database, session

Wound = Callable[[Path], Any]


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done, which findings with which counts it gives, and whether only `--deep` does."""

    wound: Wound
    finds: dict[str, int]
    deep: bool = False


def healthy(path: Path) -> Path:
    """A database without any finding."""
    return make_database(
        path,
        [
            session("root", events=2, todos=2, share=True, children=[session("child", events=1)]),
            session("other", project="orchard", octets=3000),
        ],
    )


def sql(*statements: str) -> Wound:
    """Run these as a tool does that knows nothing of foreign keys."""

    def wound(path: Path) -> None:
        for statement in statements:
            execute(path, statement)

    return wound


def update_data(expression: str, table: str = "part") -> Wound:
    """Replace the body of the first row of a table that ses_other owns."""

    def wound(path: Path) -> None:
        is_needed = "NOT NULL" in execute(path, "SELECT sql FROM sqlite_schema WHERE name = ?",
                                          table)[0][0].split('"data"')[-1]  # fmt: skip
        if expression == "NULL" and is_needed:
            allow_null(path, table)
        chosen = f"SELECT min(id) FROM {table} WHERE session_id = 'ses_other'"
        execute(path, f"UPDATE {table} SET data = {expression} WHERE id = ({chosen})")

    return wound


def allow_null(path: Path, table: str) -> None:
    """The table as a tool might have rebuilt it: `data` may be NULL."""
    [(made,)] = execute(path, "SELECT sql FROM sqlite_schema WHERE name = ?", table)
    head, _, tail = made.rpartition('"data" TEXT NOT NULL')
    with _writable_schema(path) as connection:
        connection.execute(
            "UPDATE sqlite_schema SET sql = ? WHERE name = ?", (f'{head}"data" TEXT{tail}', table)
        )


@contextmanager
def _writable_schema(path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema = ON")
    try:
        yield connection
        version = next(iter(connection.execute("PRAGMA schema_version")))[0]
        connection.execute(f"PRAGMA schema_version = {version + 1}")
    finally:
        connection.close()


def spoil_a_page(path: Path) -> None:
    """Write noise over the page where an index begins: the one on the sessions of the parts."""
    [(page,)] = execute(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'part_session_id'")
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 2048)


V2 = (
    "CREATE TABLE session_v2 (id text PRIMARY KEY, project_id text NOT NULL REFERENCES project (id)"
    " ON DELETE CASCADE, workspace_id text, parent_id text, slug text NOT NULL, directory text"
    " NOT NULL, title text, version text NOT NULL, share_url text, cost real DEFAULT 0 NOT NULL,"
    " time_created integer NOT NULL, time_updated integer NOT NULL, time_archived integer)",
    "DROP TABLE session_message",
    "CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL REFERENCES"
    " session_v2 (id) ON DELETE CASCADE, type text NOT NULL, seq integer NOT NULL,"
    " time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL)",
    "CREATE UNIQUE INDEX session_message_seq ON session_message (session_id, seq)",
    "CREATE TABLE session_inbox (id text PRIMARY KEY, session_id text NOT NULL REFERENCES"
    " session_v2 (id) ON DELETE CASCADE, enqueued_seq integer NOT NULL)",
    "CREATE TABLE kv (key text PRIMARY KEY, value text NOT NULL, time_created integer NOT NULL,"
    " time_updated integer NOT NULL)",
    "CREATE TABLE instruction_blob (hash text PRIMARY KEY, value text)",
    "CREATE TABLE instruction_state (session_id text PRIMARY KEY REFERENCES session_v2 (id)"
    " ON DELETE CASCADE, initial_values text NOT NULL, current_values text NOT NULL)",
    "INSERT INTO session_v2 SELECT id, project_id, NULL, parent_id, slug, directory, title,"
    " version, NULL, 0, time_created, time_updated, NULL FROM session",
    "INSERT INTO migration (id, time_completed) VALUES ('20261010180456_project_time_archived', 1)",
    "INSERT INTO session_message SELECT 'msg_' || s.id || n.value, s.id, 'user', n.value, 1, 1,"
    " '{}' FROM session_v2 s, json_each('[0,1,2]') n",
    "DELETE FROM event",
    "INSERT OR IGNORE INTO event_sequence SELECT id, 0, NULL FROM session_v2",
    "UPDATE event_sequence SET seq = 2",
    "INSERT INTO instruction_blob VALUES ('used', 'be kind'), ('used2', 'be brief')",
    'INSERT INTO instruction_state VALUES (\'ses_root\', \'{"a":"used"}\', \'{"a":"used2"}\')',
    "INSERT INTO kv VALUES ('migration.v1-v2', '{\"phase\":\"completed\"}', 1, 9e15)",
)
"""What the upgrade to opencode 2 makes of the healthy database, in the tables that matter here."""

DAMAGES: dict[str, Damage] = {
    "part without message": Damage(
        sql("DELETE FROM message WHERE id = 'msg_other_0a'"), {"orphan_part": 2}
    ),
    "message without session": Damage(
        sql("DELETE FROM session WHERE id = 'ses_other'"), {"orphan_message": 2}
    ),
    "todo and share without session, events that tell of no beginning": Damage(
        sql("DELETE FROM session WHERE id = 'ses_root'",
            "DELETE FROM part WHERE session_id = 'ses_root'",
            "DELETE FROM message WHERE session_id = 'ses_root'",
            "UPDATE session SET parent_id = NULL"),
        {"orphan_todo": 2, "orphan_session_share": 1, "orphan_event": 8},
    ),
    "a permission of no project": Damage(
        sql("CREATE TABLE permission (id text PRIMARY KEY, project_id text NOT NULL"
            " REFERENCES project (id) ON DELETE CASCADE)",
            "INSERT INTO permission VALUES ('prm_1', 'prj_gone')"),
        {"unowned_permission": 1},
    ),
    "a counter of nobody": Damage(
        sql("INSERT INTO event_sequence (aggregate_id, seq) VALUES ('ses_gone', 4)"),
        {"orphan_event_sequence": 1},
    ),
    "a session in its events only": Damage(
        sql("INSERT INTO event_sequence (aggregate_id, seq) VALUES ('ses_lost', 1)",
            "INSERT INTO event (id, aggregate_id, seq, type, data) VALUES ('evt_l0', 'ses_lost', 0,"
            """ 'session.created.1', '{"info":{"id":"ses_lost","title":"Lost and found"}}')"""),
        {"session_in_events_only": 1},
    ),
    "events of a session that opencode deleted": Damage(
        sql("INSERT INTO event_sequence (aggregate_id, seq) VALUES ('ses_gone', 1)",
            "INSERT INTO event (id, aggregate_id, seq, type, data) VALUES ('evt_g0', 'ses_gone', 0,"
            " 'session.created.1', '{}'), ('evt_g1', 'ses_gone', 1, 'session.deleted.1', '{}')"),
        {"orphan_event": 2},
    ),
    "a part that names another session": Damage(
        sql("UPDATE part SET session_id = 'ses_child' WHERE id = 'prt_other_0a_1'"),
        {"part_elsewhere": 1},
    ),
    "two parts that changed places": Damage(
        sql("UPDATE part SET session_id = CASE session_id WHEN 'ses_child' THEN 'ses_other'"
            " ELSE 'ses_child' END WHERE id IN ('prt_other_0a_1', 'prt_child_0a_1')"),
        {"part_elsewhere": 2},
    ),
    "a session without its project": Damage(
        sql("DELETE FROM project WHERE id = 'prj_orchard'"), {"session_without_project": 1}
    ),
    "its own parent": Damage(
        sql("UPDATE session SET parent_id = id WHERE id = 'ses_other'"), {"cycle": 1}
    ),
    "each other's parents": Damage(
        sql("UPDATE session SET parent_id = 'ses_child' WHERE id = 'ses_root'"), {"cycle": 2}
    ),
    "a parent that is gone": Damage(
        sql("UPDATE session SET parent_id = 'ses_gone' WHERE id = 'ses_other'"),
        {"missing_parent": 1},
    ),
    "a folder that is gone": Damage(
        sql("UPDATE session SET directory = '/nowhere/at/all' WHERE id <> 'ses_other'"),
        {"missing_directory": 2},
    ),
    "a counter behind its events": Damage(
        sql("UPDATE event_sequence SET seq = 1 WHERE aggregate_id = 'ses_root'"),
        {"counter_behind_events": 1},
    ),
    "a counter that is gone": Damage(
        sql("DELETE FROM event_sequence WHERE aggregate_id = 'ses_child'"),
        {"counter_behind_events": 1},
    ),
    "a counter behind the messages of 2.x": Damage(
        sql(*V2, "DELETE FROM event_sequence WHERE aggregate_id = 'ses_child'",
            "UPDATE event_sequence SET seq = 1 WHERE aggregate_id = 'ses_other'"),
        {"counter_behind_messages": 2},
    ),
    "messages of 2.x without a session": Damage(
        sql(*V2, "DELETE FROM session_v2 WHERE id = 'ses_other'"),
        {"orphan_session_message": 3},
    ),
    "an importer that was interrupted": Damage(
        sql(*V2, "DELETE FROM session_message WHERE session_id = 'ses_other'",
            "DELETE FROM session_v2 WHERE id = 'ses_other'",
            """UPDATE kv SET value = '{"phase":"sessions","cursor":"ses_other"}'"""),
        {"importer_interrupted": 1},
    ),
    "an importer that never ran": Damage(
        sql(*V2, "DELETE FROM session_message", "DELETE FROM session_v2", "DELETE FROM kv",
            "DELETE FROM instruction_state", "DELETE FROM instruction_blob"),
        {"importer_not_run": 3},
    ),
    "an importer that says something new": Damage(
        sql(*V2, "DELETE FROM session_message WHERE session_id = 'ses_other'",
            "DELETE FROM session_v2 WHERE id = 'ses_other'",
            """UPDATE kv SET value = '{"phase":"dreaming"}'"""),
        {"importer_unknown": 1},
    ),
    "a blob nobody names": Damage(
        sql(*V2, "INSERT INTO instruction_blob VALUES ('leaked', '0123456789')"),
        {"leaked_blob": 1},
    ),
    "a newer schema": Damage(
        sql("INSERT INTO migration (id, time_completed) VALUES ('20290101000000_wings', 1)"),
        {"read_only_schema": 1},
    ),
    "malformed JSON": Damage(update_data("'{\"type\":'"), {"malformed_json": 1}, deep=True),
    "malformed JSON in a message": Damage(
        update_data("substr(data, 2)", "message"), {"malformed_json": 1}, deep=True
    ),
    "JSON that is no object": Damage(update_data("'[1, 2]'"), {"wrong_shape": 1}, deep=True),
    "bytes instead of text": Damage(
        update_data("CAST(data AS BLOB)"), {"binary_data": 1}, deep=True
    ),
    "no body": Damage(update_data("NULL"), {"null_data": 1}, deep=True),
    "a NUL in the text": Damage(
        update_data("data || char(0) || 'tail'"), {"nul_bytes": 1}, deep=True
    ),
    "a surrogate in raw bytes": Damage(
        update_data("""CAST(CAST('{"type":"text","text":"' AS BLOB) || x'EDA0BD'"""
                    """ || CAST('"}' AS BLOB) AS TEXT)"""),
        {"undecodable_text": 1}, deep=True,
    ),
    "a large row": Damage(
        update_data("""'{"type":"text","text":"' || printf('%.*c', 9000000, 'x') || '"}'"""),
        {"unexamined_row": 1}, deep=True,
    ),
    "a large row with a broken byte": Damage(
        update_data("""CAST(CAST('{"type":"text","text":"' AS BLOB)"""
                    """ || CAST(printf('%.*c', 9000000, 'x') AS BLOB) || x'C3'"""
                    """ || CAST('"}' AS BLOB) AS TEXT)"""),
        {"undecodable_text": 1}, deep=True,
    ),
    "a large row with a NUL": Damage(
        update_data("printf('%.*c', 9000000, 'x') || char(0)"), {"nul_bytes": 1}, deep=True
    ),
}  # fmt: skip
"""What is wrong -> how it is made and what must be found. Whatever needs more than the database is
in the tests of `ocdu doctor` themselves."""
