"""Whether free pages shall go back to the file system, and which way.

The file is never replaced (a running opencode would lose writes), so giving space back means to
rewrite it in place. How long that locks opencode out decides the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from tui.format import size
from tui.places import Place
from tui.policy.plan import Item, Plan, Totals
from tui.policy.vacuum_slices import BRIEF, pages_within, slices_seconds
from tui.policy.vacuum_words import no_room, sentence
from tui.records import Holder
from tui.sizes import BTree, FileSizes

Way = Literal["nothing", "checkpoint", "incremental", "copy_back", "wait", "refused"]

WORTH_BYTES = 50_000_000
"""Free bytes from which a vacuum is proposed unasked: below, SQLite uses the pages again soon."""

WORTH_PERCENT = 10
"""Or this share of the file, whichever comes first."""

LIVE_LOCK = 1.0
"""Seconds the database may be locked while opencode runs: its whole server stands still for that
long, and after 5 s the user's turn fails."""

LOCK_COST = 1.6
"""Lock of a copy-back in units of (result ÷ write speed); measured 0.6 (small) to 1.6 (4 GB)."""

MEMORY_SPEED = 250_000_000.0
"""Bytes per second that SQLite copies back where the disk is faster than that (measured)."""

ASSUMED_SPEED = 50_000_000.0
"""Bytes per second written where nobody measured: a slow disk, so that we announce too much."""

SLICE = 0.020
"""Seconds an incremental vacuum locks at a time."""

DISK_FACTOR = 2.1
"""Disk needed in units of the result: once for the copy, once for the log, and some to spare."""

INCREMENTAL_NEED = 16_000_000
"""Bytes the log may grow to during an incremental vacuum (measured: 5 MB)."""

INCREMENTAL = 2
"""SQLite's number for auto_vacuum=INCREMENTAL."""

MAP_SHARE = 800
"""Pages for which an incremental file keeps one more, to know who points at them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for, beyond "a vacuum"; it survives a restart as a note."""

    patient: bool = False
    """Wait until the last holder is gone, where that is needed."""
    to_incremental: bool = False
    """Rewrite the file once so that free pages can go back in slices from then on."""
    temp_dir: PurePath | None = None
    """Where the copy shall lie; beside the database when None."""


@dataclass(frozen=True, slots=True)
class VacuumFacts:
    """What the decision rests on; bytes are octets, speeds octets per second."""

    sizes: FileSizes
    free_disk: int
    """Free on the file system of the database."""
    free_temp: int
    """Free where the copy would lie; the same number when that is the same file system."""
    same_device: bool = True
    places: tuple[Place, ...] = ()
    """Where else the copy could lie, were it not for the disk of the database."""
    auto_vacuum: int = 0
    """SQLite's property of the file: 2 is INCREMENTAL."""
    holders: tuple[Holder, ...] = ()
    write_speed: float = 0.0
    """Measured; 0 where nobody measured."""
    asked_explicitly: bool = True
    network_fs: bool = False
    """True on a network file system whose use was not forced."""
    refusal: str | None = None
    """Why nothing may be written here, as a sentence."""
    in_slices: bool = False
    """An incremental file shall not be copied back as a whole: nobody was told so."""
    seconds: float = 0.0
    """So long the slices may take, and the rest stays; 0 for as long as it takes."""
    name: str = "opencode.db"
    wish: Wish = Wish()
    trees: tuple[BTree, ...] = ()
    """What lies in the pages, where somebody looked: a rescue promises by it."""

    @property
    def converts(self) -> bool:
        """True when the file shall become incremental and is not yet."""
        return self.wish.to_incremental and self.auto_vacuum != INCREMENTAL


@dataclass(frozen=True, slots=True)
class VacuumDecision:
    """Which way a vacuum takes and what it costs; `message` is one sentence for the user."""

    way: Way
    message: str
    lock_seconds: float = 0.0
    """Announced: how long writers next door stand still at worst."""
    needs_bytes: int = 0
    """Disk needed meanwhile, in all."""
    frees_bytes: int = 0
    """What database and log will shrink by together."""
    file_after: int = 0
    """Size of the database file afterwards."""
    short_bytes: int = 0
    """Disk missing; 0 when there is enough."""
    wish: Wish = Wish()
    converts: bool = False
    """True when the file becomes incremental on this way."""
    seconds: float = 0.0
    """The limit of slices; 0 for none."""


def decide_vacuum(facts: VacuumFacts) -> VacuumDecision:
    """The one way that fits these facts, and why."""
    sizes = facts.sizes
    if idle := _nothing_to_do(facts):
        return VacuumDecision("nothing", idle, file_after=sizes.bytes, wish=facts.wish)
    way = _way(facts)
    lock = {"copy_back": lock_of(facts), "wait": lock_of(facts), "incremental": SLICE}.get(way, 0.0)
    short = missing_bytes(facts, way)
    return VacuumDecision(
        way="refused" if facts.network_fs or facts.refusal or short else way,
        message=_refusal(facts, way, short) or sentence(facts, way, lock, _frees(facts, way)),
        lock_seconds=lock,
        needs_bytes=sum(_needs(facts, way)),
        frees_bytes=_frees(facts, way),
        file_after=_file_after(facts, way),
        short_bytes=short,
        wish=facts.wish,
        converts=facts.converts,
        seconds=facts.seconds if way == "incremental" else 0.0,
    )


def _nothing_to_do(facts: VacuumFacts) -> str | None:
    """Why nothing needs to be done, as a sentence."""
    sizes = facts.sizes
    if facts.converts:
        return None
    if sizes.free_pages == 0 and sizes.wal_bytes == 0:
        already = " It is incremental already." if facts.wish.to_incremental else ""
        return f"Nothing to give back: every page of the database is in use.{already}"
    if not facts.asked_explicitly and not is_worthwhile(sizes):
        return (
            f"Not worth a vacuum: {size(sizes.free_bytes)} are free, "
            "which opencode fills again before the file grows."
        )
    return None


def plan_vacuum(facts: VacuumFacts) -> Plan:
    """The vacuum as a plan: one item, or none with the reason as its message."""
    decision = decide_vacuum(facts)
    idle = decision.way in ("nothing", "refused")
    item = Item(
        id=decision.way,
        title=facts.name,
        reason=decision.message,
        totals=Totals(files=1, bytes=decision.frees_bytes),
    )
    return Plan(
        verb="vacuum",
        items=() if idle else (item,),
        options=decision,
        message=decision.message,
        predicted_bytes=0 if idle else decision.frees_bytes,
        refused=decision.way == "refused",
    )


def plan_checkpoint(sizes: FileSizes) -> Plan:
    """Fold the write-ahead log into the database: one item, or none when the log is empty."""
    if sizes.wal_bytes == 0:
        return Plan("checkpoint", (), message="Nothing to fold in: the write-ahead log is empty.")
    frees = max(0, sizes.bytes + sizes.wal_bytes - sizes.page_count * sizes.page_size)
    reason = f"The write-ahead log takes {size(sizes.wal_bytes)}; folded in, it is empty."
    item = Item("checkpoint", "write-ahead log", reason, Totals(files=1, bytes=frees))
    return Plan("checkpoint", (item,), message=reason, predicted_bytes=frees)


def is_worthwhile(sizes: FileSizes) -> bool:
    """True when there is enough to give back to propose it without being asked."""
    share = sizes.free_bytes * 100 >= WORTH_PERCENT * sizes.bytes and sizes.free_pages > 0
    return sizes.free_bytes >= WORTH_BYTES or share or sizes.wal_bytes >= WORTH_BYTES


def lock_of(facts: VacuumFacts) -> float:
    """Seconds a copy-back is expected to lock the database."""
    return copy_back_seconds(_file_after(facts, "copy_back"), facts.write_speed)


def copy_back_seconds(result: int, speed: float) -> float:
    """Seconds to copy `result` bytes back; `speed` is the disk's in bytes per second, or 0."""
    return result * max(LOCK_COST / (speed or ASSUMED_SPEED), 1 / MEMORY_SPEED)


def missing_bytes(facts: VacuumFacts, way: Way) -> int:
    """Disk missing for this way, on the file system that lacks most; 0 when there is enough."""
    at_copy, at_log = _needs(facts, way)
    if facts.same_device:
        return max(0, at_copy + at_log - facts.free_disk)
    return max(0, at_copy - facts.free_temp, at_log - facts.free_disk)


def _way(facts: VacuumFacts) -> Way:
    if facts.sizes.free_pages == 0 and not facts.converts:
        return "checkpoint"
    if facts.auto_vacuum == INCREMENTAL and not _is_quicker_as_a_whole(facts):
        return "incremental"
    if not facts.holders or lock_of(facts) <= LIVE_LOCK:
        return "copy_back"
    return "wait"


def _is_quicker_as_a_whole(facts: VacuumFacts) -> bool:
    """True when an incremental file is better copied back: alone, with room, and much is free."""
    if facts.in_slices or facts.holders or missing_bytes(facts, "copy_back"):
        return False
    takes = slices_seconds(facts.sizes)
    return takes > BRIEF and 2 * lock_of(facts) < takes


def _needs(facts: VacuumFacts, way: Way) -> tuple[int, int]:
    """Disk needed for the copy, and beside the database."""
    sizes = facts.sizes
    if way in ("copy_back", "wait"):
        half = int(_file_after(facts, way) * DISK_FACTOR / 2)
        return half, half
    growth = max(0, sizes.page_count * sizes.page_size - sizes.bytes)
    return 0, growth + (INCREMENTAL_NEED if way == "incremental" else 0)


def _file_after(facts: VacuumFacts, way: Way) -> int:
    sizes = facts.sizes
    if way == "checkpoint":
        return sizes.page_count * sizes.page_size
    mapped = sizes.used_bytes // MAP_SHARE if facts.converts else 0
    if way == "incremental":
        mapped = left_free(facts) * sizes.page_size
    if facts.auto_vacuum == INCREMENTAL:
        # The part of the map that tells of pages which go is no longer needed either.
        mapped -= (sizes.free_bytes - mapped) // MAP_SHARE
    return sizes.used_bytes + mapped


def left_free(facts: VacuumFacts) -> int:
    """Free pages that are still in the file once the time for slices is over."""
    free = facts.sizes.free_pages
    return free - pages_within(free, facts.seconds) if facts.seconds else 0


def _frees(facts: VacuumFacts, way: Way) -> int:
    sizes = facts.sizes
    return max(0, sizes.bytes + sizes.wal_bytes - _file_after(facts, way))


def _refusal(facts: VacuumFacts, way: Way, short: int) -> str | None:
    if facts.refusal:
        return facts.refusal
    if facts.network_fs:
        return (
            f"{facts.name} lies on a network file system, where SQLite's locks may not hold: "
            "use --force if only this machine uses it."
        )
    return no_room(facts, _needs(facts, way), short) if short else None
