"""opencode's own prune rule, read from the rows of one session: which tool parts it would mark.

From the newest message to the oldest: skip the last two user turns, stop at a summary or at the
first part that is marked already, protect the newest 40,000 tokens of output and every `skill`, and
act only when more than 20,000 tokens lie beyond (facts on opencode's storage, §4b.3; constants and
order are those of opencode 1.2 to 1.18).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Literal, NamedTuple

import apsw

from tui.store.judging import all_rowids, pieces, turns
from tui.store.pieces import head_of
from tui.store.query import fetch, scalar
from tui.store.row_level import LARGEST
from tui.store.tool_parts import FINISHED_TOOL, MARKED

PROTECTED = 40_000
"""Tokens of the newest output that stay."""

MINIMUM = 20_000
"""Tokens beyond these that are worth it; not one fewer."""

SKIPPED_TURNS = 2
"""Newest user turns that are not looked at."""

FEWEST_OCTETS = 4 * PROTECTED - 2
"""A session whose parts hold fewer octets cannot reach the rule: a token is four characters, and a
character at least one octet."""

LONGEST_MESSAGE = 1_000_000
"""Octets up to which a message is parsed for its role; a longer one shows it in its first octets:
only the diffs of a user message make it as long."""

FIRST_MESSAGES = 16
"""Messages in the first read: some have hundreds of tool parts."""

_BEYOND_FFFF = " + ".join(
    f"octet_length(o) - octet_length(replace(o, CAST(x'{first:02X}' AS TEXT), ''))"
    for first in range(0xF0, 0xF5)
)
"""JavaScript counts a character beyond U+FFFF as two: each begins with one of these octets, and
no other does."""

_OUTPUT = """CASE WHEN data NOT LIKE '%\\u0000%' THEN json_extract(data, '$.state.output')
  ELSE json_extract(replace(replace(data -> '$.state.output', '\\\\', 'b'), '\\u0000', '0'), '$')
  END"""
"""The output; SQLite's length() ends at a NUL, so each is replaced by a character as long."""

TOKENS = f"""(SELECT CASE
    WHEN length(o) = octet_length(o) THEN (length(o) + 2) / 4
    ELSE (length(o) + {_BEYOND_FFFF} + 2) / 4 END FROM (SELECT {_OUTPUT} AS o LIMIT -1))"""
"""opencode's estimate: a quarter of the characters, rounded half up."""

_VERDICT = f"""CASE
    WHEN octet_length(data) > {LARGEST} OR data NOT LIKE '%"type":"tool"%' THEN NULL
    WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN NULL
    WHEN NOT ({FINISHED_TOOL}) THEN NULL
    WHEN {MARKED} THEN -1
    WHEN json_type(data, '$.state.output') IS NOT 'text' THEN 0
    ELSE {TOKENS} END"""
"""Tokens of a finished tool part, -1 for a marked one, NULL for whatever the rule does not see."""

# The plus keeps SQLite from the index over sessions, which would give all parts for each message.
_PARTS = f"""SELECT key, row, verdict FROM (
    SELECT j.key AS key, p.rowid AS row, p.id AS id, {_VERDICT} AS verdict
    FROM json_each(:messages) j
    CROSS JOIN (SELECT rowid AS row, id AS message FROM message) m ON m.row = j.value
    CROSS JOIN part p ON p.message_id = m.message AND +p.session_id = :session LIMIT -1)
    WHERE verdict IS NOT NULL ORDER BY key, id DESC"""


def _asked(question: str) -> str:
    return f"""CASE WHEN octet_length(data) > {LONGEST_MESSAGE} OR typeof(data) <> 'text'
        OR NOT json_valid(data) THEN NULL ELSE {question} END"""


_ROLES = f"""SELECT j.key, {_asked("json_extract(data, '$.role') IS 'user'")},
        {_asked("coalesce(json_type(data, '$.summary'), 'null') NOT IN ('null', 'false')")}
    FROM json_each(:messages) j CROSS JOIN message m ON m.rowid = j.value ORDER BY j.key"""


@dataclass(slots=True)
class PruneRule:
    """The rule itself, told of messages and parts from the newest to the oldest."""

    turns: int = 0
    total: int = 0
    beyond: int = 0
    going: list[int] = field(default_factory=list)
    """Rowids, the newest first."""
    ended: bool = False

    def meets(self, is_user: bool, is_summary: bool) -> Literal["skip", "look", "end"]:
        """Go on to a message, and say what to do with its parts."""
        self.turns += is_user
        if self.turns < SKIPPED_TURNS:
            return "skip"
        return "end" if is_summary and not is_user else "look"

    def takes(self, rowid: int, tokens: int) -> None:
        """Look at a finished tool part; `tokens` below 0 says that it is marked already."""
        if tokens < 0:
            self.ended = True
        if self.ended:
            return
        self.total += tokens
        if self.total > PROTECTED:
            self.beyond += tokens
            self.going.append(rowid)

    @property
    def result(self) -> list[int]:
        """Rowids to be marked, the oldest first; none when it is not worth it."""
        return self.going[::-1] if self.beyond > MINIMUM else []


def prunable_parts(connection: apsw.Connection, session_id: str, stop: Event) -> list[int]:
    """Rowids of the parts that opencode's prune would mark in this session, the oldest first.

    In this order a run that ends early leaves no unmarked part behind a marked one. None while a
    revert is pending: messages may yet go, and with them turns.
    """
    if scalar(
        connection,
        "SELECT coalesce(\"revert\", 'null') <> 'null' FROM session WHERE id = ?",
        (session_id,),
    ):
        return []
    messages = fetch(
        connection,
        "SELECT rowid FROM message WHERE session_id = ? ORDER BY time_created DESC, id DESC",
        (session_id,),
    )
    rule = PruneRule()
    for piece in pieces([rowid for (rowid,) in messages], stop, FIRST_MESSAGES):
        seen: list[int] = []
        is_last = False
        for message in _messages(connection, piece):
            what = rule.meets(message.is_user, message.is_summary)
            if what == "end":
                is_last = True
                break
            if what == "look":
                seen.append(message.rowid)
        for rowid, tokens in _parts(connection, session_id, seen):
            rule.takes(rowid, tokens)
        if is_last or rule.ended:
            break
    return [] if stop.is_set() else rule.result


class _Message(NamedTuple):
    rowid: int
    is_user: bool
    is_summary: bool


def _messages(connection: apsw.Connection, rowids: Sequence[int]) -> Iterator[_Message]:
    """Who speaks; where that cannot be told, the walk ends there, as at a summary."""
    found = fetch(connection, _ROLES, {"messages": json.dumps(list(rowids))})
    for place, is_user, is_summary in found:
        rowid = rowids[place]
        if is_user is None:
            head = head_of(connection, "message", rowid, 100)
            is_user = head.startswith(b'{"role":"user"')
            is_summary = not is_user
        yield _Message(rowid, bool(is_user), bool(is_summary))


def _parts(
    connection: apsw.Connection, session_id: str, messages: Sequence[int]
) -> list[tuple[int, int]]:
    """Rowid and tokens of the finished tool parts of these messages, the newest first."""
    given = {"messages": json.dumps(list(messages)), "session": session_id}
    return [(rowid, tokens) for _, rowid, tokens in fetch(connection, _PARTS, given)]


def large_sessions(connection: apsw.Connection, stop: Event) -> list[str]:
    """Sessions whose parts hold enough octets for the rule, in the order of their ids."""
    sums: dict[bytes, int] = {}
    for first, last in turns(all_rowids(connection, "part"), stop):
        found = fetch(
            connection,
            "SELECT CAST(session_id AS BLOB), sum(octet_length(data)) FROM part NOT INDEXED"
            " WHERE rowid BETWEEN ? AND ? GROUP BY session_id",
            (first, last),
        )
        for owner, octets in found:
            sums[owner] = sums.get(owner, 0) + (octets or 0)
    return sorted(
        owner.decode("utf-8", "replace")
        for owner, octets in sums.items()
        if octets >= FEWEST_OCTETS and owner is not None
    )
