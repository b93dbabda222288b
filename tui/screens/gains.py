"""What each action would give back, from what is known by now. Pure arithmetic, octets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tui import format
from tui.desk import Live, freeable
from tui.policy.plan import Plan
from tui.records import FileSurvey, Payload
from tui.widgets.get_back_table import GetBack

SHOWN_ONLY = "shown only"
"""Action of a line that no key opens."""


class Known(NamedTuple):
    """What the lines are made of; None where it is still being counted."""

    live: Live | None = None
    payloads: Sequence[Payload] | None = None
    idle: Plan | None = None
    """The prune by the configured age."""
    age: str = "30 days"
    kinds: Mapping[str, int] | None = None
    survey: FileSurvey | None = None


def get_back(known: Known) -> list[GetBack]:
    """One honest line for each action: what gives nothing says why."""
    return [*_reclaims(known), _events(known.kinds), _idle(known), *_pages(known)]


def _reclaims(known: Known) -> Iterable[GetBack]:
    found: Counter[str] = Counter()
    for payload in known.payloads or ():
        found[payload.level] += freeable(payload)
    for level, what, loses, nothing in (
        (
            "compacted",
            "tool output marked compacted",
            "cannot be read again; the model no longer gets it",
            "opencode marked none, or it is dropped already",
        ),
        (
            "summarised",
            "tool output before a summary",
            "cannot be read again, nor by a revert",
            "no session was summarised, or it is dropped already",
        ),
    ):
        octets = None if known.payloads is None else found[level]
        yield GetBack(f"reclaim:{level}", "r", what, octets, nothing if octets == 0 else loses)
    if found["migrated"]:
        what, loses = "copies that 1.x left behind", "1.x no longer shows these sessions"
        yield GetBack("reclaim:migrated", "r", what, found["migrated"], loses)


def _events(kinds: Mapping[str, int] | None) -> GetBack:
    octets = None if kinds is None else kinds.get("superseded_events", 0)
    why = "every event is the newest of its kind" if octets == 0 else "no action takes them yet"
    return GetBack(SHOWN_ONLY, "", "superseded events, shown only", octets, why)


def _idle(known: Known) -> GetBack:
    plan = known.idle
    trees = format.plural(len(plan) if plan else 0, "tree")
    why = "goes to the trash; u brings it back"
    if plan is not None and not plan.items:
        why = plan.message
    octets = (plan.predicted_bytes or plan.totals.bytes) if plan is not None else None
    return GetBack("prune", "p", f"{trees} idle for {known.age}", octets, why)


def _pages(known: Known) -> Iterable[GetBack]:
    sizes = known.live.sizes if known.live else None
    log, free = (sizes.wal_bytes, sizes.free_bytes) if sizes else (None, None)
    safe = safe_bytes(known.survey) if known.survey is not None else None
    yield GetBack(
        "checkpoint", "c", "write-ahead log", log, "the log is empty" if log == 0 else "nothing"
    )
    yield GetBack(
        "show_files", "3", "files that may go", safe,
        "nothing beside the database may go" if safe == 0 else "see there: each says what it is",
    )  # fmt: skip
    yield GetBack(
        "vacuum", "V", "vacuum now", free,
        "no free pages yet: prune or reclaim first, then V" if free == 0 else "nothing",
    )  # fmt: skip


def safe_bytes(survey: FileSurvey) -> int:
    """Octets of files that may go."""
    return sum(row.safe_bytes for row in survey.rows if not row.parent)


def outside_bytes(survey: FileSurvey, name: str) -> int:
    """Octets of the data directory without the database of this name and its log."""
    own = sum(row.bytes for row in survey.rows if row.id == f"database/{name}")
    return max(0, survey.bytes - own)


class Total(NamedTuple):
    """What all the keys together would give; what two of them would take counts once."""

    all: int
    keeping: int
    """Without pruning a session."""


def total(known: Known) -> Total:
    """The sum of the lines that have a key."""
    going = {id for item in known.idle or () for id in item.sessions}
    rows = {row.action: row.bytes or 0 for row in get_back(known)}
    beside = sum(rows[action] for action in ("checkpoint", "show_files", "vacuum"))
    payloads = known.payloads or ()
    reclaim = sum(freeable(each) for each in payloads)
    staying = sum(freeable(each) for each in payloads if each.session_id not in going)
    return Total(rows["prune"] + staying + beside, reclaim + beside)
