"""What screens may ask of the app, and the values they watch on it.

Screens know no database, no engine and no thread: they read facts here, hand in plans and are told
what came of them. `tui.app` is the one that keeps these promises. Bytes are octets, times are
milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from textual.dom import DOMNode
from textual.screen import Screen
from textual.worker import get_current_worker

from tui.config import Config
from tui.forest import Forest
from tui.keys import Keys
from tui.places import BuriedTree, ProjectRow, Whereabouts
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.vacuum import VacuumFacts
from tui.records import FileSurvey, Holder, LargeRow, Payload, SessionDetail
from tui.sizes import FileSizes, Promise
from tui.talks import Talks

Answer = TypeVar("Answer")


class Live(NamedTuple):
    """The numbers that change by themselves, as last looked at."""

    sizes: FileSizes
    holders: tuple[Holder, ...]
    free_disk: int
    trash_bytes: int = 0
    """Octets of ocdu's trash on the disk."""

    @property
    def on_disk(self) -> int:
        """Octets of database and write-ahead log together."""
        return self.sizes.bytes + self.sizes.wal_bytes


class Measure(NamedTuple):
    """What is known about payload octets, by table; `done` once the whole file was measured."""

    tables: Mapping[str, int]
    done: bool


class Surveyed(NamedTuple):
    """The files outside the database, as last counted; `at` is when that began (ms), 0 for never
    or no longer true."""

    survey: FileSurvey = FileSurvey()
    at: int = 0
    busy: bool = False
    took: int = 0
    """Milliseconds the last whole count took."""


class Running(NamedTuple):
    """The job at work."""

    job: int
    plan: Plan
    step: Step | None
    began: int
    """When it started, milliseconds."""


class Jobs(NamedTuple):
    """The worker as the job bar and the jobs screen show it."""

    running: Running | None = None
    waiting: tuple[tuple[int, Plan], ...] = ()
    paused: bool = False


class TrashBatch(Protocol):
    """One batch in the trash."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...
    @property
    def trees(self) -> int: ...
    @property
    def sessions(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def titles(self) -> tuple[str, ...]: ...
    @property
    def forest(self) -> tuple[BuriedTree, ...]: ...


class JournalLine(Protocol):
    """One deed of the past."""

    @property
    def id(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def ended(self) -> int | None: ...
    @property
    def verb(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def predicted_bytes(self) -> int: ...
    @property
    def freed_bytes(self) -> int: ...


class JobStory(Protocol):
    """All about one job of the past: what was planned, how it went, what came of it."""

    @property
    def plan(self) -> Mapping[str, Any]: ...
    @property
    def phases(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def outcome(self) -> Mapping[str, Any]: ...


class Freed(NamedTuple):
    """Octets that ocdu gave back."""

    today: int
    ever: int


class Desk(Talks, Protocol):
    """The app, as screens see it. What is marked blocking belongs into a thread worker."""

    forest: Forest
    live: Live | None
    jobs: Jobs
    measure: Measure
    payloads: tuple[Payload, ...] | None
    promise: Promise | None
    """What can be got back without deleting a session; None while that is being counted."""
    undoable: str | None
    surveyed: Surveyed
    running: frozenset[str]
    config: Config
    keys: Keys
    """The keys as the user has them, for every text that names one."""
    database: Path
    generation: str
    undecided: int
    """Octets that could be dropped by itself, if the user only said so; 0 where nothing is open."""

    def now(self) -> int:
        """Milliseconds UTC."""

    def ask(
        self, question: Callable[[], Answer], then: Callable[[Answer], None], *, group: str
    ) -> None:
        """Answer a blocking question in a thread, then go on here, unless a newer one came."""

    def submit(self, plan: Plan) -> int | None:
        """Hand a plan to the worker; None (and a toast) when there is nothing to do."""

    def may_change(self) -> bool:
        """Whether anything can be changed here; where not it is said why."""

    def cancel(self, job: int | None = None) -> None:
        """Stop this job, or the running one, after its current step."""

    def set_pins(self, ids: Collection[str], pinned: bool) -> None:
        """Pin or unpin at once."""

    def read_detail(self, session_id: str) -> SessionDetail:
        """Blocking: all about one session."""

    def read_kinds(
        self, stop: Event, ids: Collection[str] | None = None
    ) -> Iterator[dict[str, int]]:
        """Blocking: octets by kind, growing; of these sessions or of the whole file."""

    def read_payloads(
        self, levels: Sequence[str], ids: Collection[str] | None, stop: Event
    ) -> list[Payload]:
        """Blocking: what the reclaim levels could drop; incomplete when `stop` was set."""

    def survey(self, older_than: int = 0) -> None:
        """Count the files outside the database, in a thread, unless that is under way or was done
        less than `older_than` milliseconds ago; `surveyed` grows."""

    def stop_survey(self) -> None:
        """Nobody looks any more: end a count under way."""

    def read_largest(self, ids: Collection[str], limit: int, stop: Event) -> list[LargeRow]:
        """Blocking: the largest single rows of these sessions."""

    def read_large(self, stop: Event) -> Iterator[list[tuple[str, LargeRow]]]:
        """Blocking: (session id, row) of the rows over 1 MB, the largest first, growing."""

    def read_preview(self, row: LargeRow) -> str:
        """Blocking: the first characters of what makes a row large, not yet harmless."""

    def hand_over(self, then: Callable[..., None], *values: object) -> None:
        """From a thread: run this in the app."""

    def show_session(self, session_id: str) -> None:
        """Go to a session in the tree."""

    def read_rescue(self, stop: Event) -> tuple[list[Payload], VacuumFacts]:
        """Blocking: what the steps of a rescue could take, and what a vacuum depends on."""

    def looked_into(self, payloads: Sequence[Payload], facts: VacuumFacts) -> None:
        """What `read_rescue` gave: from now on the promise rests on the pages themselves."""

    def plan_vacuum(self, to_incremental: bool = False) -> Plan:
        """Blocking: what a vacuum would do now; options hold the decision."""

    def plan_checkpoint(self) -> Plan:
        """Blocking: what folding the write-ahead log in would give."""

    def read_trash(self) -> Sequence[TrashBatch]:
        """Blocking: the batches, newest first."""

    def plan_restore(self, names: Sequence[str]) -> Plan:
        """Blocking: bring batches or sessions back."""

    def plan_empty(self, names: Sequence[str] | None, older_than: timedelta | None) -> Plan:
        """Blocking: delete batches for good."""

    def read_journal(self) -> Sequence[JournalLine]:
        """Blocking: what ocdu did, newest first."""

    def read_job(self, number: int) -> JobStory | None:
        """Blocking: all about one job of the journal."""

    def read_databases(self) -> tuple[Sequence[Whereabouts], int, int]:
        """Blocking: every database of this user; sessions in JSON files, and how many of those
        were never imported."""

    def read_projects(self) -> Sequence[ProjectRow]:
        """Blocking: every project, and whether its folder exists."""

    def plan_relink(self, old: str, new: str) -> Plan:
        """Blocking: move stored paths. Raises WrongCall for paths that cannot be meant."""

    def read_history(self) -> Sequence[tuple[int, int]]:
        """Blocking: (time in ms, octets on disk), oldest first."""

    def read_freed(self) -> Freed:
        """Blocking: what was given back today and ever."""


def this_thread() -> Event:
    """Inside a question of `ask`: the event that is set when nobody waits for it any more."""
    return get_current_worker().cancelled_event


def last_of(growing: Iterator[Mapping[str, int]]) -> dict[str, int]:
    """The last of a series that grows; {} of none."""
    found: Mapping[str, int] = {}
    for found in growing:  # noqa: B007 - the last one is meant
        pass
    return dict(found)


def freeable(payload: Payload) -> int:
    """Bytes of pages that dropping a payload frees; its octets where nobody counted pages."""
    if payload.reason:
        return 0
    return payload.bytes if payload.page_bytes is None else payload.page_bytes


def desk_of(node: DOMNode | Screen[Any]) -> Desk:
    """The app that this screen or widget lives in."""
    return cast(Desk, node.app)


__all__ = [
    "Desk",
    "Freed",
    "JobStory",
    "Jobs",
    "JournalLine",
    "Live",
    "Measure",
    "Outcome",
    "Promise",
    "Running",
    "Surveyed",
    "TrashBatch",
    "desk_of",
    "freeable",
    "last_of",
    "this_thread",
]
