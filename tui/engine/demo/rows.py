"""Rows of one invented session, kept as opencode 1.18 keeps them.

Every change of a session, message or part is also an event that holds the whole object again, and
the newest event of each says the same as its row (facts on opencode's storage, 4e, appendix C).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

Json = dict[str, Any]

NO_TOKENS: Json = {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}

FIRST_WITH_EVENTS = (1, 17)
"""opencode writes events from this release on."""


compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as JavaScript writes it: no spaces, nothing escaped that need not be."""


class Ids:
    """opencode's identifiers: prefix, 48 bits of time and counter, 14 letters of chance."""

    LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._count = 0

    def new(self, prefix: str, ms: int) -> str:
        """A new id of this kind (ses, msg, prt, evt); session ids run backwards in time."""
        self._count = self._count % 4095 + 1
        bits = (ms * 4096 + self._count) & (2**48 - 1)
        if prefix == "ses":
            bits = ~bits & (2**48 - 1)
        return f"{prefix}_{bits:012x}{''.join(self._rng.choices(self.LETTERS, k=14))}"


@dataclass
class Cast:
    """What is decided about a session before it is told. Times in milliseconds."""

    id: str
    title: str
    project_id: str
    directory: str
    path: str
    suffix: str
    turns: list[int]
    """When each question is asked."""
    text_seed: str
    """Sessions with the same seed say the same: forks."""
    version: str = "1.18.33"
    agent: str = "build"
    model: tuple[str, str] = ("anthropic", "claude-sonnet-4-5")
    slug: str = "quiet-river"
    parent: str | None = None
    steps: int = 3
    """Answers with tools in each turn."""
    children: list[list[Cast]] = field(default_factory=list)
    """Subagents by the turn that starts them."""
    archived: int | None = None
    share_url: str | None = None
    compacted_after: int | None = None
    """The turn after which the conversation is compacted."""
    marks: bool = False
    """True when opencode's own prune marked old output (off by default since 1.14)."""
    running: bool = False
    pictures: bool = False
    huge_diff: int = 0
    """Characters of the patch that the first question carries in its summary."""
    resumed: int = 0
    """When it was taken up once more, long after its parent had its answer."""
    ended: int = 0
    """When its work was done: known once it is told."""

    @property
    def has_events(self) -> bool:
        """True for the releases that write events."""
        return tuple(int(each) for each in self.version.split(".")) >= FIRST_WITH_EVENTS


class Rows:
    """The rows of one session: changed in place, with an event for every change."""

    def __init__(self, cast: Cast, ids: Ids) -> None:
        self.cast = cast
        self._ids = ids
        self._keeps_events = cast.has_events
        self.clock = cast.turns[0]
        """Now, as the session sees it (ms); every change writes this time."""
        self.cost = 0.0
        self.tokens: Json = NO_TOKENS
        self.summary: Json | None = None
        self.messages: dict[str, tuple[int, int, Json]] = {}
        """id -> created, updated, data."""
        self.parts: dict[str, tuple[str, int, int, Json]] = {}
        """id -> message, created, updated, data."""
        self.events: list[tuple[str, str, int, str, str]] = []
        """id, session, seq, type, data."""
        self.todos: list[Json] = []
        self.save_session("session.created.1")

    def save_session(self, kind: str = "session.updated.1") -> None:
        """The session's row changes: its time becomes the clock's."""
        self.clock += 3
        info = compact_json(self.session_info())
        self._event(kind, f'{{"sessionID":"{self.cast.id}","info":{info}}}')

    def session_info(self) -> Json:
        """The session as events hold it; its row says the same."""
        cast = self.cast
        provider, model = cast.model
        time = {"created": cast.turns[0], "updated": self.clock}
        info = {
            "id": cast.id,
            "slug": cast.slug,
            "projectID": cast.project_id,
            "directory": cast.directory,
            "path": cast.path,
            "parentID": cast.parent,
            "summary": self.summary,
            "share": {"url": cast.share_url} if cast.share_url else None,
            "cost": self.cost,
            "tokens": self.tokens,
            "title": cast.title,
            "agent": cast.agent,
            "model": {"id": model, "providerID": provider, "variant": "default"},
            "version": cast.version,
            "time": time | ({"archived": cast.archived} if cast.archived else {}),
        }
        return {key: value for key, value in info.items() if value is not None}

    def add_message(self, data: Json) -> str:
        """A new message of this content; returns its id."""
        self.clock += 2
        id = self._ids.new("msg", self.clock)
        self.messages[id] = (self.clock, self.clock, data)
        self._message_event(id)
        return id

    def change_message(self, id: str, **changes: Any) -> None:
        """Some keys of a message get new values."""
        self.clock += 2
        created, _, data = self.messages[id]
        self.messages[id] = (created, self.clock, data | changes)
        self._message_event(id)

    def add_part(self, message: str, data: Json) -> str:
        """A new part of a message; returns its id."""
        self.clock += 1
        id = self._ids.new("prt", self.clock)
        self.parts[id] = (message, self.clock, self.clock, data)
        self._part_event(id)
        return id

    def change_part(self, id: str, data: Json) -> None:
        """A part's content is replaced."""
        self.clock += 1
        message, created, _, _ = self.parts[id]
        self.parts[id] = (message, created, self.clock, data)
        self._part_event(id)

    def attachment(self, message: str, url: str) -> Json:
        """A picture that a tool returned, as a completed tool part lists it."""
        return {
            "type": "file",
            "mime": "image/png",
            "url": url,
            "id": self._ids.new("prt", self.clock),
            "sessionID": self.cast.id,
            "messageID": message,
        }

    def _message_event(self, id: str) -> None:
        body = compact_json(self.messages[id][2])
        owner = f'"sessionID":"{self.cast.id}"'
        data = f'{{{owner},"info":{{"id":"{id}",{owner},{body[1:]}}}'
        self._event("message.updated.1", data)

    def _part_event(self, id: str) -> None:
        message, _, _, part = self.parts[id]
        body = compact_json(part)
        owner = f'"sessionID":"{self.cast.id}"'
        head = f'{{{owner},"part":{{"id":"{id}",{owner},"messageID":"{message}",'
        self._event("message.part.updated.1", f'{head}{body[1:]},"time":{self.clock}}}')

    def _event(self, kind: str, data: str) -> None:
        if self._keeps_events:
            id = self._ids.new("evt", self.clock)
            self.events.append((id, self.cast.id, len(self.events), kind, data))
