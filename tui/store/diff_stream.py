"""Diffs in messages too large for SQLite's JSON functions: single ones reach 459 MB, and so do the
events that hold them.

Every SQL function that touches a text loads all of it, and JSON takes six times as much again. Such
a row is therefore read once from its overflow pages in small pieces, by SQLite's incremental blob
reading; what is left without the texts of its diffs is small and becomes the new data. Bytes are
never decoded, so broken UTF-8 and odd escapes stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Event
from typing import NamedTuple

import apsw

from tui.store.diff_texts import LARGEST_DIFFS, TEXTS
from tui.store.query import fetch, scalar

PIECE = 1_000_000
"""Octets read at once."""

MOST_LEFT = 16_000_000
"""Octets a message may keep: a larger one is no ordinary message, and is left alone."""

_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""The inside of a string; ends before its quote, or before a backslash that ends the piece."""

_PLAIN = re.compile(rb'[^"{}\[\],]+')
"""Numbers, words, colons: nothing that opens, ends or separates."""

_KEYS = frozenset(key.encode() for key in TEXTS)


class Shape(NamedTuple):
    """Where the rows of a table hold the diffs of a user message."""

    table: str
    owner: str
    """The column that names the session."""
    stamp: str
    """The column that another version of the row would differ in."""
    begins: re.Pattern[bytes]
    """How opencode writes such a row; anything else is not touched."""
    keys: tuple[bytes, ...]
    """Lead to the array of diffs."""

    @property
    def open(self) -> tuple[bytes, ...]:
        """The brackets that are open where the keys of an entry stand."""
        return (*(b"{" for _ in self.keys), b"[", b"{")


_ID = rb'"[!#-\[\]-~]{1,200}"'

MESSAGES = Shape(
    "message",
    "session_id",
    "time_updated",
    re.compile(rb'\{"role":"user",'),
    (b"summary", b"diffs"),
)
EVENTS = Shape(
    "event",
    "aggregate_id",
    "seq",
    re.compile(
        rb'\{"sessionID":' + _ID + rb',"info":\{"id":' + _ID + rb',"sessionID":' + _ID
        + rb',"role":"user",'
    ),
    (b"info", b"summary", b"diffs"),
)  # fmt: skip


class Slim(NamedTuple):
    """A row as it is, and as it would be without the texts of its diffs."""

    shape: Shape
    rowid: int
    size: int
    """Octets of its data now."""
    stamp: object
    """Its `time_updated`, which opencode moves with every write, or its `seq`."""
    data: bytes


class Emptier:
    """Passes JSON on piece by piece, without the inside of the texts of diffs."""

    def __init__(self, shape: Shape = MESSAGES) -> None:
        self.path, self.shape = shape.keys, shape.open
        self.open: list[bytes] = []
        """Brackets that are open."""
        self.keys: list[bytes] = []
        """The key at hand in each of them; b"" in arrays."""
        self.rest = b""
        self.in_text = self.is_key = self.drops = self.expects_key = False
        self.key = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What is left of a piece."""
        buffer, at = self.rest + piece, 0
        self.rest = b""
        while at < len(buffer):
            if self.in_text:
                end = _TEXT.match(buffer, at).end()  # type: ignore[union-attr]  # may be empty
                if not self.drops:
                    yield buffer[at:end]
                if self.is_key:
                    self.key += buffer[at:end]
                at = end
                if buffer[at : at + 1] == b"\\":
                    self.rest = buffer[at:]
                    return
                if at < len(buffer):
                    self.in_text = self.drops = False
                    self._ended()
                    yield b'"'
                    at += 1
            else:
                found = _PLAIN.match(buffer, at)
                end = found.end() if found else at + 1
                if not found:
                    self._sign(buffer[at:end])
                yield buffer[at:end]
                at = end

    def _ended(self) -> None:
        if self.is_key:
            self.keys[-1] = self.key
            self.is_key = self.expects_key = False

    def _sign(self, sign: bytes) -> None:
        """A bracket, a comma or the quote that begins a text."""
        if sign == b'"':
            self.in_text, self.key = True, b""
            self.is_key = self.expects_key
            self.drops = not self.is_key and self._is_text_of_a_diff()
        elif sign in b"{[":
            self.open.append(sign)
            self.keys.append(b"")
            self.expects_key = sign == b"{"
        elif sign in b"}]":
            if self.open:
                self.open.pop()
                self.keys.pop()
            self.expects_key = False
        else:
            self.expects_key = bool(self.open) and self.open[-1] == b"{"

    def _is_text_of_a_diff(self) -> bool:
        return (
            tuple(self.open) == self.shape
            and self.keys[-1] in _KEYS
            and tuple(self.keys[:-2]) == self.path
        )


def large_messages(connection: apsw.Connection, session_id: str) -> list[int]:
    """Rowids of the messages of a session that only this page can edit."""
    found = fetch(
        connection,
        "SELECT rowid FROM message WHERE session_id = ? AND octet_length(data) > ? ORDER BY rowid",
        (session_id, LARGEST_DIFFS),
    )
    return [rowid for (rowid,) in found]


def slim(
    connection: apsw.Connection, rowid: int, stop: Event, shape: Shape = MESSAGES
) -> Slim | None:
    """A row without the texts of its diffs; None where it has none, or stays too large.

    Holds one read open for as long as the row takes to be read: a second for some 300 MB.
    """
    row = fetch(
        connection,
        f"SELECT {shape.stamp}, typeof(data) FROM {shape.table} WHERE rowid = ?",
        (rowid,),
    )
    if not row or row[0][1] != "text":
        return None
    with connection.blob_open("main", shape.table, "data", rowid, False) as blob:
        size = blob.length()
        data = _emptied(blob, shape, stop)
    # What is left is small: SQLite itself says whether it still is JSON.
    if data is None or not scalar(connection, "SELECT json_valid(CAST(? AS TEXT))", (data,)):
        return None
    return Slim(shape, rowid, size, row[0][0], data)


def _emptied(blob: apsw.Blob, shape: Shape, stop: Event) -> bytes | None:
    emptier, left = Emptier(shape), bytearray()
    piece = blob.read(PIECE)
    if not shape.begins.match(piece):
        return None
    while piece:
        for text in emptier.feed(piece):
            left += text
        if stop.is_set() or len(left) > MOST_LEFT:
            return None
        piece = blob.read(PIECE)
    return None if emptier.open or emptier.in_text else bytes(left)


def is_still(shape: Shape) -> str:
    """SQL: the row is the one that was read; asks for its rowid, session, size and stamp."""
    return f"rowid = ? AND {shape.owner} = ? AND octet_length(data) = ? AND {shape.stamp} IS ?"


def put(connection: apsw.Connection, session_id: str, new: Slim) -> bool:
    """Give the row its new data, if it is still the one that was read; True when done."""
    connection.execute(
        f"UPDATE main.{new.shape.table} SET data = CAST(? AS TEXT) WHERE {is_still(new.shape)}",
        (new.data, new.rowid, session_id, new.size, new.stamp),
    )
    return bool(connection.changes())
