"""A session in the format that `opencode import` reads, assembled row by row.

`{"info": {…}, "messages": [{"info": {…}, "parts": [{…}]}]}`: what `opencode export` of 1.18.33
writes, seen by running it. A message is its stored JSON with `id` and `sessionID`, a part with
`messageID` as well; the session's own fields get their names in `_FIELDS`. Bodies are read as
blobs in blocks and never decoded, so broken UTF-8 and rows of hundreds of megabytes pass as they
are. Order is `time_created`, then `id` (facts on opencode's storage, 0.10).

Works on an attached batch of the trash and on a live database alike.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import apsw

from tui.errors import Refused, Unexportable
from tui.store.generations import session_tables
from tui.store.query import fetch, scalar

BLOCK = 1_000_000
"""Octets read and written at a time."""

Write = Callable[[bytes], object]


class Source(NamedTuple):
    """Where sessions lie: the name of the attached database, and how their rows are found."""

    schema: str
    session: str
    """Column of `session` that holds the id."""
    rows: str
    """Column of `message` and `part` that holds the session's id."""


LIVE = Source("main", "id", "session_id")
TRASH = Source("trash", "ocdu_session", "ocdu_session")


class Exported(NamedTuple):
    """What was written, and how many rows were not because they hold no JSON object."""

    messages: int = 0
    parts: int = 0
    left_out: int = 0


_FIELDS = (
    ("id", "json_quote(id)"),
    ("slug", "json_quote(slug)"),
    ("projectID", "json_quote(project_id)"),
    ("workspaceID", "iif(workspace_id IS NULL, NULL, json_quote(workspace_id))"),
    ("directory", "json_quote(directory)"),
    ("path", "iif(path IS NULL, NULL, json_quote(path))"),
    ("parentID", "iif(parent_id IS NULL, NULL, json_quote(parent_id))"),
    ("title", "json_quote(title)"),
    ("agent", "iif(agent IS NULL, NULL, json_quote(agent))"),
    ("model", "iif(json_valid(model), model, NULL)"),
    ("version", "json_quote(version)"),
    (
        "summary",
        "iif(coalesce(summary_additions, summary_deletions, summary_files) IS NULL, NULL,"
        " json_object('additions', coalesce(summary_additions, 0),"
        " 'deletions', coalesce(summary_deletions, 0), 'files', coalesce(summary_files, 0)))",
    ),
    ("cost", "json_quote(cost)"),
    (
        "tokens",
        "json_object('input', tokens_input, 'output', tokens_output,"
        " 'reasoning', tokens_reasoning,"
        " 'cache', json_object('read', tokens_cache_read, 'write', tokens_cache_write))",
    ),
    ("share", "iif(share_url IS NULL, NULL, json_object('url', share_url))"),
    ("metadata", "iif(json_valid(metadata), metadata, NULL)"),
    ("revert", "iif(json_valid(revert), revert, NULL)"),
    ("permission", "iif(json_valid(permission), permission, NULL)"),
    (
        "time",
        "json_patch('{}', json_object('created', time_created, 'updated', time_updated,"
        " 'compacting', time_compacting, 'archived', time_archived))",
    ),
)
"""Name in the export -> the JSON text of its value, NULL where opencode leaves it out. A field
whose column this database does not have yet is left out as well."""


@contextmanager
def new_file(path: Path) -> Iterator[Write]:
    """A file of the user's own (0600) that is written as a whole or not at all.

    Raises Refused when it exists, for nothing is ever overwritten, and when it cannot be written.
    """
    beside = path.with_name(f".ocdu-{secrets.token_hex(8)}.part")  # short, as `path` need not be
    with writable(path):
        if os.path.lexists(path):
            raise FileExistsError(path)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file.write
                file.flush()
                os.fsync(file.fileno())
            _named(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def _named(beside: Path, path: Path) -> None:
    """Give a whole file its name, unless that was taken meanwhile (FileExistsError)."""
    try:
        os.link(beside, path)  # unlike a rename it never writes over anything
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.rename(beside, path)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Whatever the disk has against a path of the user's own becomes a sentence that names it."""
    try:
        yield
    except FileExistsError as error:
        raise Refused(f"{path} exists already: name another file.") from error
    except OSError as error:
        why = error.strerror or error
        raise Refused(f"{path} cannot be written: {why}. Name another file.") from error


def checked(write: Write, stop: Event, told: Callable[[int], None] | None = None) -> Write:
    """The same, but it raises Refused once `stop` is set: `new_file` then keeps nothing.

    `told` hears after each block how many octets are written.
    """
    octets = 0

    def write_on(block: bytes) -> None:
        nonlocal octets
        if stop.is_set():
            raise Refused("Writing was stopped; nothing of it was kept.")
        write(block)
        octets += len(block)
        if told is not None:
            told(octets)

    return write_on


def free_name(folder: Path, title: str, ending: str) -> Path:
    """A name in the folder that is not taken, made of a title and safe everywhere."""
    words = "".join(char if char.isalnum() and char.isascii() else "-" for char in title)
    stem = "-".join(word for word in words.lower().split("-") if word)[:60] or "session"
    names = (folder / f"{stem}{f'-{n}' if n else ''}{ending}" for n in range(10_000))
    return next((path for path in names if not os.path.lexists(path)), folder / stem)


def write_session(connection: apsw.Connection, source: Source, id: str, write: Write) -> Exported:
    """Write one session as JSON, in pieces.

    Raises OcduError when it is not there, and Refused for one whose conversation 2.x alone has all
    of: what `opencode import` of 2.x reads was never seen.
    """
    _check_generation(connection, source, id)
    write(b'{"info":')
    write(_info(connection, source, id))
    write(b',"messages":[')
    rows = fetch(
        connection,
        f'SELECT rowid, CAST(id AS BLOB) FROM "{source.schema}".message'
        f' WHERE "{source.rows}" = ? ORDER BY time_created, id',
        (id,),
    )
    parts: dict[bytes, list[int]] = {key: [] for _, key in rows}
    stray = 0
    for row, key in fetch(
        connection,
        f'SELECT rowid, CAST(message_id AS BLOB) FROM "{source.schema}".part'
        f' WHERE "{source.rows}" = ? ORDER BY time_created, id',
        (id,),
    ):
        if key in parts:
            parts[key].append(row)
        else:
            stray += 1
    done = Exported(left_out=stray)
    for row, key in rows:
        done = _write_message(connection, source, row, parts[key], write, done)
    write(b"]}\n")
    return done


def _check_generation(connection: apsw.Connection, source: Source, id: str) -> None:
    tables = session_tables(connection, source.schema)
    if "session_v2" not in tables:
        return
    # What the importer adds by itself is neither a question nor an answer.
    unknown = f"""EXISTS (SELECT 1 FROM "{source.schema}".session_message s
      WHERE s."{source.rows}" = :id AND s.type IN ('user', 'assistant', 'shell')"""
    if "session" in tables:
        unknown += f' AND NOT EXISTS (SELECT 1 FROM "{source.schema}".message m WHERE m.id = s.id)'
        old = f'SELECT 1 FROM "{source.schema}".session WHERE "{source.session}" = :id'
        unknown = f"NOT EXISTS ({old}) OR {unknown}"
    if "session" not in tables or scalar(connection, f"SELECT {unknown})", {"id": id}):
        first = "restore it and " if source is TRASH else ""
        raise Unexportable(
            f"opencode 2.x has more of {id} than 1.x could import, so nothing was written: {first}"
            "let opencode export it, or read it with `ocdu show ID --markdown FILE`."
        )


def _info(connection: apsw.Connection, source: Source, id: str) -> bytes:
    found = fetch(connection, "SELECT name FROM pragma_table_info('session', ?)", (source.schema,))
    here = {name for (name,) in found}
    expressions = {name: expression for name, expression in _FIELDS if _columns_of(name) <= here}
    listed = ", ".join(f"CAST({each} AS BLOB)" for each in expressions.values())
    rows = fetch(
        connection,
        f'SELECT {listed} FROM "{source.schema}".session WHERE "{source.session}" = ?',
        (id,),
    )
    if not rows:
        raise Unexportable(f"The session {id} is not there any more.")
    pairs = zip(expressions, rows[0], strict=True)
    members = [b'"%s":%s' % (name.encode(), value) for name, value in pairs if value is not None]
    return b"{" + b",".join(members) + b"}"


_NEWER = {
    "workspaceID": {"workspace_id"},
    "path": {"path"},
    "agent": {"agent"},
    "model": {"model"},
    "cost": {"cost"},
    "tokens": {"tokens_input"},
    "metadata": {"metadata"},
}
"""Fields whose columns came with a later version than 1.2.0."""


def _columns_of(field: str) -> set[str]:
    return _NEWER.get(field, set())


def _write_message(
    connection: apsw.Connection,
    source: Source,
    row: int,
    parts: list[int],
    write: Write,
    done: Exported,
) -> Exported:
    """One message with its parts; a malformed one goes with all of them, a malformed part alone."""
    if not _is_object(connection, source, "message", row):
        return done._replace(left_out=done.left_out + 1 + len(parts))
    write(b',{"info":' if done.messages else b'{"info":')
    _write_row(connection, source, "message", row, ("id", "sessionID:session_id"), write)
    write(b',"parts":[')
    written = 0
    for part in parts:
        if _is_object(connection, source, "part", part):
            if written:
                write(b",")
            names = ("id", "sessionID:session_id", "messageID:message_id")
            _write_row(connection, source, "part", part, names, write)
            written += 1
    write(b"]}")
    return Exported(done.messages + 1, done.parts + written, done.left_out + len(parts) - written)


def _is_object(connection: apsw.Connection, source: Source, table: str, row: int) -> bool:
    """True for well-formed JSON that is an object, strictly: opencode could not read any other."""
    question = (
        "SELECT CASE WHEN typeof(data) = 'text' AND json_valid(data)"
        f' THEN json_type(data) = \'object\' END FROM "{source.schema}"."{table}" WHERE rowid = ?'
    )
    return bool(scalar(connection, question, (row,)))


def _write_row(
    connection: apsw.Connection,
    source: Source,
    table: str,
    row: int,
    names: tuple[str, ...],
    write: Write,
) -> None:
    """The stored object as it stands, and these columns as its last members."""
    pairs = [(name.partition(":")[0], name.rpartition(":")[2]) for name in names]
    members = ", ".join(f"'{name}', \"{column}\"" for name, column in pairs)
    [(length, is_empty, own)] = fetch(
        connection,
        "SELECT octet_length(rtrim(data, char(9, 10, 13, 32))),"
        f" NOT EXISTS (SELECT 1 FROM json_each(data)), CAST(json_object({members}) AS BLOB)"
        f' FROM "{source.schema}"."{table}" WHERE rowid = ?',
        (row,),
    )
    left = length - 1  # all but the closing brace
    with connection.blob_open(source.schema, table, "data", row, False) as blob:
        while left:
            block = blob.read(min(BLOCK, left))
            write(block)
            left -= len(block)
    write((b"" if is_empty else b",") + own[1:])
