"""What each action would give back, from what is known by now. Pure arithmetic, octets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tui import format
from tui.desk import Live, freeable
from tui.keys import Keys
from tui.policy.plan import Plan
from tui.policy.reclaim import UNASKED
from tui.records import FileSurvey, Payload
from tui.sizes import Promise
from tui.widgets.get_back_table import GetBack

RECLAIMS = {
    "compacted": (
        "tool output marked compacted",
        "cannot be read again; the model no longer gets it",
        "opencode marked none, or it is dropped already",
    ),
    "summarised": (
        "tool output before a summary",
        "cannot be read again, nor by a revert",
        "no session was summarised, or it is dropped already",
    ),
    "stale": ("old tool output of idle sessions", "", ""),
    "subagents": ("tool output of finished subagents", "", ""),
    "events": (
        "superseded event history",
        "nothing opencode reads",
        "every event is the newest of its kind",
    ),
    "diffs": (
        "text of diffs beside messages",
        "these diffs cannot be shown again; reverting works",
        "no message holds the text of a diff",
    ),
    "orphans": (
        "rows of sessions that are gone",
        "nothing opencode shows",
        "every row has its session",
    ),
}
"""Level -> what it takes; what one loses, and why there is nothing, of those that are counted."""


class Known(NamedTuple):
    """What the lines are made of; None where it is still being counted."""

    live: Live | None = None
    payloads: Sequence[Payload] | None = None
    idle: Plan | None = None
    """The prune by the configured age."""
    age: str = "30 days"
    survey: FileSurvey | None = None
    keys: Keys = Keys()


def get_back(known: Known) -> list[GetBack]:
    """One honest line for each action: what gives nothing says why."""
    return [*_reclaims(known), _idle(known), *_pages(known)]


def _reclaims(known: Known) -> Iterable[GetBack]:
    found: Counter[str] = Counter()
    for payload in known.payloads or ():
        found[payload.level] += freeable(payload)
    for level, (what, loses, nothing) in RECLAIMS.items():
        if level not in UNASKED:
            elsewhere = f"takes long to count: {known.keys['reclaim']} does"
            yield _line(known, f"reclaim:{level}", what, None, elsewhere)
            continue
        octets = None if known.payloads is None else found[level]
        yield _line(known, f"reclaim:{level}", what, octets, nothing if octets == 0 else loses)
    if found["migrated"]:
        what, loses = "copies that 1.x left behind", "1.x no longer shows these sessions"
        yield _line(known, "reclaim:migrated", what, found["migrated"], loses)


def _idle(known: Known) -> GetBack:
    plan = known.idle
    trees = format.plural(len(plan) if plan else 0, "tree")
    why = f"goes to the trash; {known.keys['undo']} brings it back"
    if plan is not None and not plan.items:
        why = plan.message
    octets = (plan.predicted_bytes or plan.totals.bytes) if plan is not None else None
    return _line(known, "prune", f"{trees} idle for {known.age}", octets, why)


def _pages(known: Known) -> Iterable[GetBack]:
    sizes = known.live.sizes if known.live else None
    log, free = (sizes.wal_bytes, sizes.free_bytes) if sizes else (None, None)
    safe = safe_bytes(known.survey) if known.survey is not None else None
    yield _line(
        known, "checkpoint", "write-ahead log", log, "the log is empty" if log == 0 else "nothing"
    )
    yield _line(
        known, "show_files", "files that may go", safe,
        "nothing beside the database may go" if safe == 0 else "see there: each says what it is",
    )  # fmt: skip
    yield _line(
        known, "vacuum", "vacuum now", free,
        f"no free pages yet: prune or reclaim first, then {known.keys['vacuum']}"
        if free == 0 else "nothing",
    )  # fmt: skip


def _line(known: Known, action: str, what: str, octets: int | None, loses: str) -> GetBack:
    return GetBack(action, known.keys[action.partition(":")[0]], what, octets, loses)


def safe_bytes(survey: FileSurvey) -> int:
    """Octets of files that may go."""
    return sum(row.safe_bytes for row in survey.rows if not row.parent)


def outside_bytes(survey: FileSurvey, name: str) -> int:
    """Octets of the data directory without the database of this name and its log."""
    ids = {f"database/{name}", f"database/{name}-wal"}
    own = sum(row.bytes for row in survey.rows if row.id in ids)
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


LEAST, LEAST_SHARE = 1_000_000, 0.02
"""Octets, and share of what is on the disk, below which nothing is worth a key."""


class Advice(NamedTuple):
    """What to do next, in one sentence with {} for the key of each action."""

    sentence: str
    actions: tuple[str, ...] = ()


def advice(known: Known, promise: Promise | None) -> Advice:
    """The largest gain that costs least; `promise` is what a rescue gives, None while that is
    being counted."""
    if known.live is None or promise is None:
        return Advice("Counting what is worth doing …")
    rescue = promise.bytes
    free, size = known.live.sizes.free_bytes, format.size
    safe = safe_bytes(known.survey) if known.survey is not None else 0
    least = max(LEAST, int(LEAST_SHARE * known.live.on_disk))
    if rescue >= max(least, safe) and free < rescue * 0.9:
        back = f"{{}} gets back {promise.told} without deleting a session."
        return Advice(back, ("rescue",))
    if free >= max(least, safe):
        return Advice(f"{{}} gives {size(free)} back to the disk; nothing is lost.", ("vacuum",))
    if safe >= least:
        said = f"{size(safe)} of files beside the database may go: {{}} says what they are."
        return Advice(said, ("show_files",))
    if known.live.sizes.wal_bytes >= least:
        said = f"{{}} folds {size(known.live.sizes.wal_bytes)} of log in; nothing is lost."
        return Advice(said, ("checkpoint",))
    return _costly(known, max(rescue, safe), least)


def _costly(known: Known, kept: int, least: int) -> Advice:
    """What there is to do where nothing comes without pruning; `kept` octets would."""
    idle, size = known.idle, format.size
    octets = (idle.predicted_bytes or idle.totals.bytes) if idle is not None else 0
    if idle is not None and octets >= least:
        trees = format.plural(len(idle), "tree")
        said = f"{{}} moves {trees} idle for {known.age} ({size(octets)}) to the trash; then {{}}."
        return Advice(said, ("prune", "vacuum"))
    return Advice(
        f"Nothing is worth a key now: at most {size(max(kept, octets))} could be got back."
    )
