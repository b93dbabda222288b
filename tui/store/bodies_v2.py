"""What an entry of a conversation of 2.x says: texts out of one row, taken and cut by SQLite."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from tui.records import Entry
from tui.store.query import fetch

_CUT = "substr(CAST({0} AS BLOB), {1} + 1, :piece), octet_length({0})"

_SAID = f"""SELECT {_CUT.format("i", "0")}, {_CUT.format("t", ":at")}, {_CUT.format("e", "0")}
  FROM (SELECT {{given}} AS i, {{text}} AS t, {{error}} AS e FROM session_message
  WHERE rowid = :row LIMIT 1)"""

_OUTPUT = """(SELECT group_concat(c.value ->> '$.text', char(10))
  FROM json_each(data, :place || '.state.content') c
  WHERE c.type = 'object' AND c.value ->> '$.type' = 'text')"""

_FILE = """SELECT CAST(substr(data ->> (:place || '.mime'), 1, 80) AS BLOB),
    CAST(substr(data ->> (:place || '.name'), 1, 200) AS BLOB),
    octet_length(data ->> (:place || '.data')) FROM session_message WHERE rowid = :row"""


class Said(NamedTuple):
    """Octets of a tool's input, of its output or of a text, and of an error; with their lengths."""

    given: bytes | None
    given_length: int | None
    text: bytes | None
    length: int | None
    error: bytes | None
    error_length: int | None


def said_in_v2(connection: apsw.Connection, entry: Entry, at: int, piece: int) -> Said | None:
    """The texts of an entry, the main one from `at` on; None when the row is gone."""
    place = place_of(entry)
    given, text, error = "NULL", "coalesce(data ->> '$.text', data ->> '$.summary')", "NULL"
    if entry.kind == "error":
        text, error = "NULL", "data ->> '$.error.message'"
    elif place.startswith("$.content"):
        text = "data ->> (:place || '.text')"
        if entry.kind == "tool":
            given, text = "data ->> (:place || '.state.input')", _OUTPUT
            error = "data ->> (:place || '.state.error.message')"
    elif entry.kind == "tool":
        given, text = "data ->> '$.command'", "data ->> '$.output.output'"
    statement = _SAID.format(given=given, text=text, error=error)
    values = {"row": entry.rowid, "at": at, "piece": piece, "place": place}
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    found = fetch(connection, statement, used)
    return Said(*found[0]) if found else None


def files_in_v2(
    connection: apsw.Connection, entry: Entry
) -> list[tuple[bytes | None, bytes | None, int | None]]:
    """Type, name and octets of an attached file."""
    return fetch(connection, _FILE, {"row": entry.rowid, "place": place_of(entry)})


def place_of(entry: Entry) -> str:
    """Where in the row the entry stands; "$." for the row itself."""
    return "$." + entry.key.rpartition("#")[2]
