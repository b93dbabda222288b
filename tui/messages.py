"""Facts that cross from threads to screens. Threads post them; only the app changes state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.message import Message

from tui.forest import Forest
from tui.policy.plan import Outcome, Plan, Step
from tui.records import Holder, Payload
from tui.sizes import FileSizes


@dataclass
class Loaded(Message):
    """The sessions of the file were read (again), with the sizes known already."""

    forest: Forest


@dataclass
class Measured(Message):
    """The same sessions with the sizes known so far; `done` with the last one of a scan."""

    forest: Forest
    tables: Mapping[str, int]
    done: bool

    def can_replace(self, message: Message) -> bool:
        """A newer measurement holds everything an older one held."""
        return isinstance(message, Measured)


@dataclass
class Watched(Message):
    """The live numbers: file sizes, holders, free disk and trash (bytes)."""

    sizes: FileSizes
    holders: tuple[Holder, ...]
    free_disk: int
    trash_bytes: int = 0

    def can_replace(self, message: Message) -> bool:
        """Only the newest look counts."""
        return isinstance(message, Watched)


@dataclass
class Changed(Message):
    """Somebody wrote to the database since the last look."""

    def can_replace(self, message: Message) -> bool:
        """One notice is enough."""
        return isinstance(message, Changed)


@dataclass
class Started(Message):
    """A job left the queue."""

    job: int
    plan: Plan


@dataclass
class Progressed(Message):
    """How far a job is: totals, so a replaced message loses nothing."""

    job: int
    plan: Plan
    step: Step

    def can_replace(self, message: Message) -> bool:
        """Progress of the same job replaces itself."""
        return isinstance(message, Progressed) and message.job == self.job


@dataclass
class Finished(Message):
    """A job ended; the outcome was measured after the deed."""

    job: int
    plan: Plan
    outcome: Outcome


@dataclass
class Failed(Message):
    """Something expected went wrong; the sentence is for the user."""

    sentence: str


class DialogOpened(Message):
    """A question is in front now: it is read without the notices of what went well before."""


@dataclass
class Found(Message):
    """opencode marked output as compacted since the last look."""

    payloads: tuple[Payload, ...]


@dataclass
class Recovered(Message):
    """Something an earlier ocdu left half done was put right; the sentence is for the user."""

    sentence: str
