"""Other tools for the same chores on the same file, side by side, where they are installed.

Each gets a throw-away home with a copy of the database, because each of them deletes. Times are
taken in turns; what a deletion did is judged afterwards, in a run of its own, by `judge`.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set

from tests.benchmarks.adverse import DAY, PINNED, plant
from tests.benchmarks.household import (
    Arguments,
    Household,
    complaint,
    in_turns,
    on_disk,
    settle,
    take_back,
    told,
    write_on,
)
from tests.benchmarks.judge import Seen, content, idle_since, judged, look, tree_of, words_of
from tests.benchmarks.programs import PROGRAMS, Program, installed, version
from tests.benchmarks.rivals_vacuum import beside, vacuuming
from tests.benchmarks.stopwatch import Bench
from tests.benchmarks.table import Row, fact

AGE = 30 * DAY

LISTED = re.compile(r'"id": ?"ses_|│ ses_')
"""A session in the JSON or in the table of a list."""


def comparing(bench: Bench) -> Iterator[Row]:
    """List, prune one tree, prune by age, vacuum: theirs and ours, as whole processes."""
    programs = installed()
    for program in PROGRAMS:
        there = program in programs
        said = version(program, bench.environment) if there else "not installed"
        yield fact(program.name, said)
    seen = look(bench.db)
    now = time.time_ns() // 1_000_000
    yield fact("sessions, of which roots", f"{len(seen.roots)}, {len(seen.active)}")
    yield from _listing(bench, programs, len(seen.roots))
    due = _some_tree(seen, now - DAY)
    ids = sorted(due, key=lambda id: (id != seen.roots[id], id))
    yield from _pruning(
        bench, programs, "one tree", seen, due, lambda program: program.one_tree(ids)
    )
    due = idle_since(seen, now - AGE)
    if due:
        yield from _pruning(bench, programs, "30 days", seen, due, lambda program: program.by_age)
    else:
        yield fact("30 days", "nothing in this file is idle that long")
    yield from _planted(bench, programs, now)
    yield from vacuuming(bench, programs, seen)


def _listing(bench: Bench, programs: Sequence[Program], sessions: int) -> Iterator[Row]:
    for program, found in in_turns(
        bench, programs, bench.db, lambda program: program.listing
    ).items():
        if isinstance(found, str):
            yield fact(f"list: {program.name}", found)
        else:
            listed = len(LISTED.findall(found[-1].output))
            words = f"{told(found)}, {listed} of {sessions} sessions, {program.sizes}"
            yield fact(f"list: {program.name}", words)


def _pruning(
    bench: Bench,
    programs: Sequence[Program],
    chore: str,
    seen: Seen,
    due: Set[str],
    arguments: Arguments,
) -> Iterator[Row]:
    """Times of all; then of each what it did to the file, and whether it can be taken back."""
    original = content(bench.db)
    for program, found in in_turns(bench, programs, bench.db, arguments).items():
        what = f"prune {chore}: {program.name}"
        if isinstance(found, str):
            yield fact(what, found)
            continue
        yield fact(what, ", ".join(filter(None, (told(found), program.also))))
        words = [*program.command, *arguments(program)]
        try:
            home = settle(bench, bench.db)
            extra = home.peak(words)
            after = look(home.db)
            yield fact("  by the check", words_of(judged(seen, after, due)))
            yield fact("  on the disk", on_disk(seen.octets, after.octets, home, extra))
            yield fact("  brought back", _brought_back(program, home, original))
            yield from beside(bench, bench.db, words, due)
        except RuntimeError as error:
            yield fact("  the check", complaint(error))


def _brought_back(program: Program, home: Household, original: Mapping[str, str]) -> str:
    """After one more row was written, as opencode would."""
    if program.restore is None:
        return "no: it keeps no copy"
    write_on(home.db)
    arguments = program.restore(home.folder)
    try:
        took = home.run([*program.command, *arguments]).seconds
    except RuntimeError as error:
        return complaint(error)
    kept = "kept" if take_back(home.db) else "lost"
    restored = content(home.db)
    differing = sorted(table for table in original if restored.get(table) != original[table])
    rows = f"all but rows of {', '.join(differing)}" if differing else "every row"
    how = " ".join(arguments[:2])
    return f"{rows}, by `{program.name} {how}` in {took:.2f} s; what was written since: {kept}"


def _planted(bench: Bench, programs: Sequence[Program], now: int) -> Iterator[Row]:
    """The same rule of age on a file with the shapes that are easy to get wrong."""
    source = bench.copy("planted")
    shapes = plant(source, now)
    seen = look(source)
    due = idle_since(seen, now - AGE)
    for program in programs:
        what = f"30 days, shapes planted: {program.name}"
        home = settle(bench, source)
        try:
            if program.name == "ocdu":
                home.run([*program.command, "pin", *shapes[PINNED], "--yes"])
            home.run([*program.command, *program.by_age])
            after = look(home.db)
        except RuntimeError as error:
            yield fact(what, complaint(error))
            continue
        yield fact(what, words_of(judged(seen, after, due)))
        for shape, ids in shapes.items():
            gone = len(set(ids) - after.roots.keys())
            mark = _mark(shape, gone, len(ids))
            yield fact(f"  {shape}", f"{gone} of {len(ids)} sessions gone{mark}")


def _mark(shape: str, gone: int, planted: int) -> str:
    if not shape.startswith("idle"):
        return "  ← in use" if gone else ""
    return "  ← stay" if gone < planted else ""


def _some_tree(seen: Seen, limit: int) -> frozenset[str]:
    """A tree of middling activity, not used since, with children where there are any."""
    sessions = Counter(seen.roots.values())
    roots = sorted(
        (root for root, active in seen.active.items() if active < limit),
        key=lambda root: (seen.active[root], root),
    )
    if not roots:
        raise RuntimeError("every session of this file was used today")
    families = [root for root in roots if sessions[root] > 1] or roots
    return tree_of(seen, families[len(families) // 2])
