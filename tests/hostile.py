"""A database that means harm, with ordinary sessions beside: every wound a file can carry at once.

`plant` makes it and says what it planted. Each hostile session is a tree of its own and has, if
nothing else is said, a question and an answer with one tool part.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tests.damage import allow_null
from tests.factories import days_ago, execute, make_database, session
from tui.store.blank import OTHER_TABLES
from tui.store.query import fetch

OLD = days_ago(60)

ORDINARY = ("ses_calm", "ses_calmchild", "ses_quiet")

SECRETS = ("acc-3f91aa", "ref-77b2c0", "ctl-90d1ee", "crd-18fe42", "shr-5520bd")
"""Values of access tokens, credentials and share secrets: they must never be shown."""

IDS = {
    "upwards": "../../../outside",
    "absolute": "/etc/passwd",
    "slash": "a/b",
    "dots": "..",
    "empty": "",
    "newline": "ses_new\nline",
    "escape": "ses_\x1b[31mred\x1b[0m",
    "quotes": "ses_'\"`;DROP TABLE session;--",
    "option": "--yes",
    "wildcard": "%",
    "markup": "[bold]ses[/bold]",
    "nul": "ses_nul\0tail",
    "direction": "ses_\u202etxt.exe",
    "long": "ses_" + "x" * 5000,
}
"""Name of a session -> an id no path, no terminal and no statement may fall for."""

TITLES = {
    "markup": "[red]danger[/red] [link=file:///etc/passwd]x[/]",
    "broken markup": "[/red] [[ ]] [@click=app.quit]quit[/]",
    "ansi": "\x1b[2J\x1b[31mred\x1b[0m\x9b31m",
    "osc8": "\x1b]8;;https://evil.invalid\x1b\\here\x1b]8;;\x1b\\",
    "osc52": "\x1b]52;c;ZXZpbA==\x07",
    "lines": "one\r\ntwo\u2028three\x85four",
    "right to left": "\u202egnp.exe\u2066x\u2069 \u200fabc",
    "zero width": "a\u200b\u200d\ufeff\u2060b\u00ad",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 漢字 한글 " * 20,
    "combining": "Z" + "\u0301" * 300,
    "long": "long " * 20_000,
    "nothing": "",
    "nul": "a\0b",
    "percent": "%s %d {0} {title} $HOME `id`",
}
"""Name -> a title that is neither markup nor control."""

TEXT = 'CAST(\'{"type":"text","text":"\' AS BLOB)'

BODIES = {
    "malformed": "'{\"type\":\"tool\",'",
    "empty text": "''",
    "escaped surrogate": """'{"type":"text","text":"half \\ud83d of it"}'""",
    "raw surrogate": f"""CAST({TEXT} || x'EDA0BD' || CAST('"}}' AS BLOB) AS TEXT)""",
    "broken bytes": f"""CAST({TEXT} || x'FFC328' || CAST('"}}' AS BLOB) AS TEXT)""",
    "nul": "'{\"type\":\"text\"}' || char(0) || '{\"type\":\"tool\"}'",
    "null": "NULL",
    "blob": """CAST('{"type":"tool","state":{"time":{"compacted":1}}}' AS BLOB)""",
    "number": "42",
    "number text": "'42'",
    "array": "'[1,[2,{\"type\":\"tool\"}]]'",
    "json null": "'null'",
    "empty object": "'{}'",
    "deep": "printf('%.*c', 3000, '[')",
    "type a number": "'{\"type\":17}'",
    "type an object": "'{\"type\":{\"type\":\"tool\"},\"state\":7}'",
    "state a list": "'{\"type\":\"tool\",\"tool\":[],\"state\":[]}'",
    "state a text": "'{\"type\":\"tool\",\"state\":\"completed\"}'",
    "odd members": """'{"type":"tool","tool":{"a":1},"state":{"status":"completed",'
        || '"output":{"o":1},"metadata":[1],"attachments":{"a":"b"},"input":null,'
        || '"time":{"compacted":"yesterday"}}}'""",
    "marked, all missing": """'{"type":"tool","state":{"time":{"compacted":1}}}'""",
    "twice the same key": """'{"type":"text","type":"tool","state":{},"state":[1]}'""",
    "role an object": """'{"role":{"user":1},"summary":{"diffs":{"a":1}},"time":"never"}'""",
    "diffs a text": """'{"role":"user","summary":{"diffs":"none"},"time":{"created":"x"}}'""",
    "summary without end": """'{"role":"assistant","summary":true,"finish":"stop","parentID":7}'""",
}  # fmt: skip
"""Name -> an SQL expression that takes the place of every body of the session."""

TIMES = {
    "negative": "-1",
    "before everything": "-9223372036854775808",
    "zero": "0",
    "infinite": "9e999",
    "minus infinite": "-9e999",
    "text": "'yesterday'",
    "blob": "x'00ff'",
    "no utf-8": "CAST(x'ff' AS TEXT)",
    "far": "9223372036854775807",
    "fraction": "1.5e12 + 0.25",
}
"""Name -> an SQL expression for all times of the session, its messages and parts."""

COLUMNS = {
    "title of bytes": "title = x'1b5b33316d00ff'",
    "title that is no utf-8": "title = CAST(x'C3281B5B' AS TEXT)",
    "folder with control": "directory = '/tmp/' || char(27) || ']0;evil' || char(7) || char(10)",
    "folder of bytes": "directory = x'2f746d702fff00'",
    "folder with nul": "directory = '/tmp/' || char(0)",
    "folder empty": "directory = ''",
    "version with control": "version = char(27) || '[31m1.18'",
    "share url": "share_url = char(27) || ']8;;https://x.invalid' || char(7)",
    "archived at text": "time_archived = 'tomorrow'",
    "archived at infinity": "time_archived = 9e999",
    "archived at zero": "time_archived = 0",
    "archived at bytes": "time_archived = x'00ff'",
    "archived at no utf-8": "time_archived = CAST(x'ff' AS TEXT)",
    "cost a text": "cost = 'priceless'",
    "cost infinite": "cost = 9e999",
    "cost no utf-8": "cost = CAST(x'ff' AS TEXT)",
    "tokens a text": "tokens_input = 'many', tokens_output = x'00'",
    "tokens infinite": "tokens_input = 9e999",
    "tokens no utf-8": "tokens_input = CAST(x'ff' AS TEXT)",
    "model malformed": "model = '{\"id\":'",
    "model a list": "model = '[1]'",
    "model with control": """model = '{"id":"\\u001b[31mopus"}'""",
    "agent with control": "agent = char(27) || '[2J'",
    "project of bytes": "project_id = x'ff00'",
    "project that is gone": "project_id = 'prj_gone'",
    "parent that is gone": "parent_id = 'ses_gone'",
    "parent of bytes": "parent_id = x'ff'",
    "parent upwards": "parent_id = '../../../outside'",
    "its own parent": "parent_id = id",
}
"""Name -> what is set in the session's own row."""

EXTRA = (
    "ALTER TABLE session ADD COLUMN mood TEXT DEFAULT 'calm'",
    'ALTER TABLE part ADD COLUMN "order" INTEGER',
    "CREATE TABLE diary (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL REFERENCES session (id)"
    " ON DELETE CASCADE, data TEXT)",
    "INSERT INTO diary (session_id, data) SELECT id, 'dear ' || id FROM session",
    "CREATE TABLE stranger (a, b)",
    "INSERT INTO stranger VALUES (1, x'00')",
)
"""What a version of tomorrow, or another program, may have added."""

PROJECTS = (
    "UPDATE project SET name = char(27) || '[2J' || char(10), worktree = '' WHERE id = 'prj_evil'",
    "UPDATE project SET vcs = NULL, name = NULL, icon_url = NULL, icon_color = NULL,"
    " time_initialized = NULL, commands = NULL, sandboxes = 'no json' WHERE id = 'prj_garden'",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """The database, and the hostile sessions by the name of what is wrong with them."""

    path: Path
    ids: dict[str, str]


def plant(path: Path) -> Planted:
    """Make the database; its folder becomes a data directory with traps."""
    ids: dict[str, str] = {}
    given = [
        session("calm", active=OLD, octets=2000, events=2, todos=1,
                children=[session("calmchild", active=OLD, events=1)]),
        session("quiet", active=OLD, project="orchard", octets=500, share=True),
    ]  # fmt: skip
    for kind, names in (("title", TITLES), ("body", BODIES), ("time", TIMES), ("column", COLUMNS)):
        for number, name in enumerate(names):
            ids[f"{kind}: {name}"] = f"ses_{kind}{number}"
    for name in ("cycle a", "cycle b", "linked"):
        ids[name] = "ses_" + name.replace(" ", "")
    given += [session(id[4:], id=id, active=OLD, project="evil", octets=300, events=1)
              for id in ids.values()]  # fmt: skip
    for number, (name, id) in enumerate(IDS.items()):
        ids[f"id: {name}"] = id
        given.append(session(f"id{number}", active=OLD, project="evil", octets=300, events=1))
    make_database(path, given)
    connection = apsw.Connection(str(path))
    try:
        _wound(connection, ids)
    finally:
        connection.close()
    for table in ("message", "part"):
        allow_null(path, table)
        execute(path, f"UPDATE {table} SET data = NULL WHERE session_id = ?", ids["body: null"])
    _secrets(path)
    _traps(path.parent, ids)
    return Planted(path, ids)


def _wound(connection: apsw.Connection, ids: dict[str, str]) -> None:
    connection.execute("BEGIN")
    for name, title in TITLES.items():
        connection.execute(
            "UPDATE session SET title = ? WHERE id = ?", (title, ids[f"title: {name}"])
        )
    for name, expression in BODIES.items():
        for table, key in (("message", "session_id"), ("part", "session_id"),
                           ("event", "aggregate_id")):  # fmt: skip
            if expression != "NULL":
                connection.execute(
                    f"UPDATE {table} SET data = {expression} WHERE {key} = ?",
                    (ids[f"body: {name}"],),
                )
    for name, expression in TIMES.items():
        _set_times(connection, ids[f"time: {name}"], expression)
    for name, assignment in COLUMNS.items():
        connection.execute(
            f"UPDATE session SET {assignment} WHERE id = ?", (ids[f"column: {name}"],)
        )
    for mine, other in (("cycle a", "cycle b"), ("cycle b", "cycle a")):
        connection.execute("UPDATE session SET parent_id = ? WHERE id = ?", (ids[other], ids[mine]))
    for number, id in enumerate(IDS.values()):
        _rename(connection, f"ses_id{number}", id)
    for statement in (*EXTRA, *PROJECTS):
        connection.execute(statement)
    connection.execute("COMMIT")


def _set_times(connection: apsw.Connection, id: str, expression: str) -> None:
    for table, key in (("session", "id"), ("message", "session_id"), ("part", "session_id")):
        connection.execute(
            f"UPDATE {table} SET time_created = {expression}, time_updated = {expression}"
            f" WHERE {key} = ?",
            (id,),
        )


def _rename(connection: apsw.Connection, old: str, new: str) -> None:
    for table, key in OWNERS.items():
        if table in ("diary",):
            continue
        connection.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))


OWNERS = {
    "session": "id",
    "message": "session_id",
    "part": "session_id",
    "todo": "session_id",
    "session_share": "session_id",
    "event": "aggregate_id",
    "event_sequence": "aggregate_id",
    "diary": "session_id",
}
"""Table -> the column that says whose row it is."""


def _secrets(path: Path) -> None:
    access, refresh, control, credential, share = SECRETS
    for table in ("account", "control_account", "credential"):
        [made] = [each for each in OTHER_TABLES if each.startswith(f"{table} (")]
        execute(path, f"CREATE TABLE {made}")
    execute(path, "INSERT INTO account VALUES ('acc', 'a@b.invalid', 'https://b.invalid', ?, ?,"
                  " 1, 1, 1)", access, refresh)  # fmt: skip
    execute(path, "INSERT INTO control_account VALUES ('a@b.invalid', 'https://b.invalid', ?, ?,"
                  " 1, 1, 1, 1)", control, control)  # fmt: skip
    execute(path, "INSERT INTO credential (id, label, value, time_created, time_updated)"
                  " VALUES ('crd', 'key', ?, 1, 1)", f'{{"key":"{credential}"}}')  # fmt: skip
    execute(path, "UPDATE session_share SET secret = ?", share)


SENTINEL = "not yours to read: 5e1f"
"""Content of files outside the data directory."""


def _traps(folder: Path, ids: dict[str, str]) -> None:
    """Files that an id, or a link, would lead to; and an ordinary one of an ordinary session."""
    diffs = folder / "storage" / "session_diff"
    diffs.mkdir(parents=True)
    (diffs / "ses_calm.json").write_text("[]")
    outside = folder.parent / "outside.json"
    outside.write_text(SENTINEL)
    (folder.parent / "secret.txt").write_text(SENTINEL)
    (diffs / f"{ids['linked']}.json").symlink_to(folder.parent / "secret.txt")
    (folder / "tool-output").symlink_to(folder.parent)
    (folder / "snapshot").mkdir()
    (folder / "snapshot" / "prj_evil").symlink_to(folder.parent)


def traps_are_whole(folder: Path) -> bool:
    """True when nothing outside the data directory was touched."""
    return all(
        (folder.parent / name).read_text() == SENTINEL for name in ("outside.json", "secret.txt")
    )


def everything_but(path: Path, ids: Collection[str]) -> dict[str, str]:
    """A hash over every row of every table that is not one of these sessions'."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = [name for (name,) in fetch(
            connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")]  # fmt: skip
        return {table: _hash(connection, table, ids) for table in tables}
    finally:
        connection.close()


def _hash(connection: apsw.Connection, table: str, ids: Collection[str]) -> str:
    columns = ", ".join(
        f'typeof("{name}") || \':\' || hex("{name}")'
        for (name,) in fetch(connection, "SELECT name FROM pragma_table_info(?)", (table,))
    )
    values: list[Any] = []
    where = ""
    if table in OWNERS:
        values = [id.encode() for id in ids]
        where = f" WHERE CAST({OWNERS[table]} AS BLOB) NOT IN ({', '.join('?' * len(values))})"
    rows = sorted(map(repr, fetch(connection, f'SELECT {columns} FROM "{table}"{where}', values)))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def harms(text: str) -> Iterator[str]:
    """Characters in an output that steer a terminal, turn the line round or cannot be seen."""
    for char in text:
        if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            yield repr(char)


def secrets_in(text: str | bytes) -> list[str]:
    """Secrets and content of foreign files that have come into an output."""
    found = text.encode() if isinstance(text, str) else text
    return [each for each in (*SECRETS, SENTINEL) if each.encode() in found]


def chain(path: Path, length: int) -> Path:
    """A database in which each session is the child of the one before."""
    make_database(path, [session("top", active=OLD), session("aside", active=OLD)])
    execute(
        path,
        "INSERT INTO session (id, project_id, parent_id, slug, directory, title, version, cost,"
        " tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write,"
        " time_created, time_updated) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
        " FROM n WHERE i < ?1) SELECT 'ses_' || i, 'prj_garden', CASE i WHEN 1 THEN 'ses_top' ELSE"
        " 'ses_' || (i - 1) END, 's', '/tmp', 'step ' || i, '1', 0, 0, 0, 0, 0, 0, ?2, ?2 FROM n",
        length, OLD,
    )  # fmt: skip
    return path
