"""Immutable rows that all layers share.

Times are Unix milliseconds (UTC), as opencode stores them; bytes are octets.
Nothing here touches a database, a clock or a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tui.sizes import Cells


class SessionRow(NamedTuple):
    """One session as lists and trees need it; never a message body."""

    id: str
    parent_id: str | None
    project_id: str
    project: str
    """What to call the project: its name, else the last part of its worktree."""
    title: str
    directory: str
    created: int
    updated: int
    archived: int | None
    """Milliseconds, or None. opencode's ambiguous 0 is read as None."""
    shared: bool = False
    pinned: bool = False
    running: bool = False
    missing: bool = False
    """True when the session's directory no longer exists."""
    generation: str = "v1"
    """"v1", "v2" or "both"."""
    version: str = ""
    cost: float = 0.0
    last_message: int = 0
    """Creation time of the newest message; 0 while not counted or when there is none."""
    diverged: bool = False
    """In both generations, and 1.x has gone on since 2.x copied it: neither copy has all of it."""

    @property
    def active(self) -> int:
        """Last activity of this session alone: the newer of its row and its newest message."""
        return max(self.updated, self.last_message)


class Usage(NamedTuple):
    """Rows and octets that one session owns; `bytes` is what every list shows as its size.

    A session of both generations counts its messages once, as 2.x has them; its bytes are those of
    both copies. What an answer of 2.x consists of is no row, and no part.
    """

    messages: int = 0
    parts: int = 0
    events: int = 0
    message_bytes: int = 0
    part_bytes: int = 0
    event_bytes: int = 0
    copy_bytes: int = 0
    """Of these bytes, what 1.x rows take of a session that 2.x has as well."""

    @property
    def bytes(self) -> int:
        """Payload octets of messages, parts and events: sum(octet_length(data))."""
        return self.message_bytes + self.part_bytes + self.event_bytes

    def plus(self, other: Usage) -> Usage:
        """Both together, column by column."""
        return Usage(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Usage()


class Holder(NamedTuple):
    """A process that has the database file open."""

    pid: int
    name: str


class Payload(NamedTuple):
    """Rows of one session whose heavy content may go, as `store.payloads` finds them."""

    session_id: str
    level: str
    parts: int
    bytes: int
    """Octets that disappear from these parts' data."""
    page_bytes: int | None = None
    """Bytes of pages that become free: fewer, for octets end inside a page. None: not counted."""
    rowids: tuple[int, ...] = ()
    """Where the rows were seen: a hint that spares the deed a search, never a proof."""
    reason: str = ""
    """Why the level must leave these alone, e.g. `only_copy`; "" when it may take them."""
    counts: tuple[tuple[str, int], ...] = ()
    """Rows by what they are ("events", 12), as a plan totals them; () when all are tool parts."""
    active: int = 0
    """When the newest of it was written (ms), where no session row tells; 0 when unknown."""
    cells: tuple[Cells, ...] = ()
    """By table, for a vacuum, which gives back more than pages; () where nobody counted."""


class LargeRow(NamedTuple):
    """One row among the largest of a session or of the whole file."""

    table: str
    id: str
    kind: str
    """Part type and tool ("tool bash"), message role, or event type."""
    bytes: int


class Hit(NamedTuple):
    """A place of a conversation that holds what was searched for."""

    session_id: str
    message_id: str
    part_id: str
    """Id of the part, or of the message that is the part itself."""
    time: int
    """Creation of the row, milliseconds."""
    kind: str
    """"text", "reasoning", "tool", "file" or "error"."""
    where: str
    """Tool and field, e.g. "bash output"; "user" or "assistant" of a text; "" when unknown."""
    snippet: str
    """The place with what stands around it, as it is in the database."""
    at: int
    """Where in the snippet the hit begins, and how many characters it has."""
    length: int


class Searched(NamedTuple):
    """How far a search is: the hits found since the last one, and the share that was looked at."""

    hits: tuple[Hit, ...]
    share: float
    done: bool = False


class Entry(NamedTuple):
    """A line of a conversation as its outline knows it; what it says is read when looked at."""

    key: str
    """Id of the part, or of the message with a sign; never shown."""
    table: str
    """Where the row is; "" for what is no row."""
    rowid: int
    message_id: str
    time: int
    """When the message was made, milliseconds."""
    role: str
    """"user", "assistant", or whatever the row says."""
    kind: str
    """"turn", "text", "reasoning", "tool", "file", "diffs", "error", "compaction", "boundary",
    "other"."""
    title: str
    """A glimpse of what it says, some hundred characters."""
    bytes: int
    """Octets of the row; of diffs, theirs."""
    tool: str = ""
    """Name of the tool; of a file its type."""
    state: str = ""
    """Of a tool: how it ended. "large" for a row that is not parsed."""
    compacted: bool = False
    """opencode marked its output as no longer sent to the model."""
    reclaimed: bool = False
    attached: int = 0
    """Attachments of a tool call."""


class Body(NamedTuple):
    """What an entry says, or the next piece of it: texts, each with the name of its look."""

    pieces: tuple[tuple[str, str], ...] = ()
    next: int | None = None
    """Where to go on; None at the end."""
    left: int = 0
    """Octets that follow, about."""


class Spoken(NamedTuple):
    """Entries of a conversation that follow those before, and the share of it that was read."""

    entries: tuple[Entry, ...]
    share: float


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """What the details panel and `ocdu show` tell about one session."""

    row: SessionRow
    model: str = ""
    agent: str = ""
    tokens: int = 0
    share_url: str | None = None
    usage: Usage = NOTHING
    tree_usage: Usage = NOTHING
    tree_sessions: int = 1
    kinds: dict[str, int] = field(default_factory=dict)
    """Octets of the tree by kind: text, reasoning, tool, attachments, messages, events, other."""
    beginning: tuple[str, ...] = ()
    """The first user texts of the conversation, each bounded."""
    notes: tuple[str, ...] = ()
    """What is special about it in a file that both generations use: a sentence each."""


class FileRow(NamedTuple):
    """A line of the data directory beside the database: a kind, or something of that kind."""

    id: str
    kind: str
    """"snapshot", "tmp_pack", "tool-output", "log", "session_diff", "storage", …"""
    parent: str
    """Id of the row above; "" for a kind."""
    title: str
    """File names are in here as they are, with whatever bytes they are made of."""
    says: str
    """What it is, in one sentence."""
    path: str
    """Below the data directory, "/" between the parts; absolute for what lies outside of it."""
    bytes: int
    """Octets on the disk: blocks, so holes count nothing; a file with several names counts once."""
    apparent_bytes: int
    """Octets one would read."""
    files: int
    newest: int
    """Last change of the newest file, milliseconds; 0 without files."""
    safe: bool
    """True when all of it may go; of a kind: when something of it may."""
    why: str
    """Why it may go, or why not, in one sentence."""
    reason: str = ""
    """In a word, why it stays: running, recent, owned, only_copy, kept; "" when it may go."""
    safe_bytes: int = 0
    """Octets of the part that may go."""
    safe_files: int = 0


class FileSurvey(NamedTuple):
    """The data directory as far as it was read: kinds, each followed by what is of that kind."""

    rows: tuple[FileRow, ...] = ()
    files: int = 0
    bytes: int = 0
    """Blocks of all of it, directories included: what `du` says."""
    errors: int = 0
    """Folders and files that could not be looked at: no permission, or gone meanwhile."""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something an examination of the database met; what it means is `policy.doctor`'s to say."""

    kind: str
    """"cycle", "orphan_todo", "quick_check", …"""
    count: int
    bytes: int | None = None
    """Octets concerned; None where nobody counted."""
    ids: tuple[str, ...] = ()
    """Some of what it is about, as it stands in the database."""
    says: tuple[str, ...] = ()
    """What goes with each id, or stands for one: a title, a folder, what SQLite complained of."""
