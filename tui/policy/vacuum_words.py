"""The vacuum in words: which way it takes, what it costs, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format import count, duration, size
from tui.policy.vacuum_slices import BRIEF, pages_within, slices_seconds
from tui.records import Holder
from tui.sizes import FileSizes

if TYPE_CHECKING:
    from tui.policy.vacuum import VacuumFacts, Way


def held_by(holders: tuple[Holder, ...]) -> str:
    """The holders as the subject of a sentence: "opencode (pid 4121) is"."""
    names = [f"{holder.name} (pid {holder.pid})" for holder in holders[:3]]
    if len(holders) > 3:
        names.append(f"{len(holders) - 3} more")
    if len(names) == 1:
        return names[0] + " is"
    return " and ".join((", ".join(names[:-1]), names[-1])) + " are"


def no_room(facts: VacuumFacts, needs: tuple[int, int], short: int) -> str:
    """How many bytes are missing, and what would make the vacuum possible.

    `needs` are octets for the copy and beside the database, `short` those that are missing.
    """
    at_copy, at_log = needs
    said = f"The vacuum needs {size(at_copy + at_log)} of free disk meanwhile and"
    if at_log > facts.free_disk:
        lacking = at_log - facts.free_disk
        else_ = " even with the copy on another disk" if at_copy else ""
        return (
            f"{said} {count(lacking)} bytes are missing beside the database{else_}: "
            "make room first, for instance with `ocdu files`."
        )
    fitting = [place for place in facts.places if place.free >= at_copy]
    where = (
        f"`--temp-dir {fitting[0].folder}` ({size(fitting[0].free)} free there)"
        if fitting
        else f"`--temp-dir DIR` on a disk with {size(at_copy)} free"
    )
    return (
        f"{said} {count(short)} bytes are missing: put the copy elsewhere with {where}, "
        "or make room first, for instance with `ocdu files`."
    )


def sentence(facts: VacuumFacts, way: Way, lock: float, octets: int) -> str:
    """What this way gives back and costs; `lock` are seconds, `octets` come back."""
    frees = size(octets)
    if way == "checkpoint":
        return f"No page is free; folding the write-ahead log in gives back {frees}."
    if way == "incremental" and facts.seconds:
        said = in_time(facts.sizes, facts.seconds, octets)
        return said[:1].upper() + said[1:]
    if way == "incremental":
        return (
            f"{frees} can be given back in slices that a running opencode does not notice"
            f"{_how_long(facts)}."
        )
    if way == "wait":
        return (
            f"{held_by(facts.holders)} using this database, and the vacuum would lock it for about "
            f"{duration(lock)}: it can start when nobody has the database open."
        )
    who = f"{held_by(facts.holders)} using it and" if facts.holders else "nobody uses it and it"
    verb = "waits" if len(facts.holders) == 1 else "wait"
    doing = verb if facts.holders else "is locked"
    long = f"about {duration(lock)}" if lock >= 0.1 else "a moment"
    if facts.converts:
        return (
            f"The file is rewritten once and made incremental ({frees} come back now): {who} "
            f"{doing} for {long}; from then on free pages go back in slices beside a running "
            "opencode."
        )
    return f"{frees} can be given back: {who} {doing} for {long}."


def in_time(sizes: FileSizes, seconds: float, octets: int) -> str:
    """What slices give back by themselves within so many seconds, and what they leave."""
    takes = slices_seconds(sizes)
    back = f"about {size(octets)} go back to the disk in slices"
    if takes <= seconds:
        return f"{back}, within about {duration(max(1.0, takes))}."
    left = sizes.free_pages - pages_within(sizes.free_pages, seconds)
    return (
        f"{back} within {duration(seconds)}; {size(left * sizes.page_size)} more stay free in the "
        "file until a vacuum."
    )


def _how_long(facts: VacuumFacts) -> str:
    takes = slices_seconds(facts.sizes)
    if takes <= BRIEF:
        return ""
    return f"; it takes about {duration(takes)}, and what came back by then stays so if stopped"
