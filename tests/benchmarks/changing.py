"""What changes the database: reclaim, prune, vacuum, each on copies and beside a neighbour."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.neighbour import Waits, next_door
from tests.benchmarks.stopwatch import Bench, Ran, discard
from tests.benchmarks.table import Row, fact, number, ratio

RECLAIM = """
UPDATE part SET data = json_remove(json_replace(data, '$.state.output', '[reclaimed]',
  '$.state.metadata', json('{}')), '$.state.attachments')
WHERE data LIKE '%"compacted":%' AND json_extract(data, '$.state.time.compacted') IS NOT NULL
"""

PRUNE = """
PRAGMA foreign_keys = ON;
CREATE TEMP TABLE doomed AS WITH RECURSIVE tree (id) AS (VALUES {roots}
  UNION SELECT s.id FROM session s JOIN tree t ON s.parent_id = t.id) SELECT id FROM tree;
BEGIN;
DELETE FROM event WHERE aggregate_id IN (SELECT id FROM doomed);
DELETE FROM event_sequence WHERE aggregate_id IN (SELECT id FROM doomed);
DELETE FROM session WHERE id IN (SELECT id FROM doomed);
COMMIT;
"""

VACUUM = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"

P99, WORST = 50.0, 250.0
"""Milliseconds that a writer next door may wait."""

TOLERANCE = 0.02
"""Share by which predicted and freed bytes may differ."""


def reclaiming(bench: Bench) -> Iterator[Row]:
    """Drop marked output: the shell's one statement against our polite slices."""
    shell, ours = [], []
    for _ in range(bench.runs):
        shell.append(bench.shell(bench.copy("shell"), RECLAIM).seconds)
        done = bench.ocdu("--db", bench.copy("ours"), "reclaim", "--yes", "--json")
        ours.append(done.seconds)
    yield ratio("polite reclaim", middle(ours), middle(shell), 1.5, "shell UPDATE")
    yield from promise("reclaim", done)
    yield from beside(bench, "reclaim", bench.db, ("reclaim", "--yes", "--json"))
    discard_all(bench)


def pruning_one(bench: Bench) -> Iterator[Row]:
    """One tree of middling size to the trash, whole process."""
    trees = sorted(roots(bench), key=lambda root: root[1])
    id = trees[len(trees) // 2][0]
    took = []
    for _ in range(bench.runs):
        subject = bench.copy("ours")
        took.append(bench.ocdu("--db", subject, "prune", id, "--yes", "--json").seconds)
    yield number("prune one tree to trash, whole process", middle(took), 0.3, "s")
    discard_all(bench)


def pruning(bench: Bench) -> Iterator[Row]:
    """The older half of the trees: for good, to the trash, and beside a neighbour."""
    age = middle_age(bench)
    choice = ("prune", "--older-than", f"{age}d", "--yes", "--json")
    plan = bench.ocdu("--db", bench.db, *choice, "--dry-run").answer["plan"]
    ids = [item["id"] for item in plan["items"]]
    statement = PRUNE.format(roots=", ".join(f"('{id}')" for id in ids))
    shell, gone, buried = [], [], []
    for _ in range(bench.runs):
        shell.append(bench.shell(bench.copy("shell"), statement).seconds)
        gone.append(bench.ocdu("--db", bench.copy("ours"), *choice, "--permanent").seconds)
        done = bench.ocdu("--db", bench.copy("ours"), *choice)
        buried.append(done.seconds)
    yield fact("prune by policy", f"{len(ids)} trees, {plan['totals']['bytes'] / 1e6:.0f} MB")
    yield ratio("polite prune for good", middle(gone), middle(shell), 2.0, "shell DELETE")
    yield ratio("polite prune to trash", middle(buried), middle(shell), 3.0, "shell DELETE")
    yield from promise("prune", done)
    yield number("memory of prune", done.memory / 1e6, 150.0, "MB")
    yield from beside(bench, "prune", bench.db, choice)
    yield from vacuuming(bench, bench.folder / "ours.db")
    discard_all(bench)


def vacuuming(bench: Bench, pruned: Path) -> Iterator[Row]:
    """Give the pruned pages back: ours against the shell's VACUUM."""
    bench.shell(pruned, "PRAGMA wal_checkpoint(TRUNCATE)")
    shell, ours = [], []
    for _ in range(bench.runs):
        shell.append(bench.shell(bench.copy("shell", pruned), VACUUM).seconds)
        subject = bench.copy("vacuumed", pruned)
        done = bench.ocdu("--db", subject, "vacuum", "--yes", "--json")
        ours.append(done.seconds)
    yield ratio("vacuum after that prune", middle(ours), middle(shell), 1.0, "shell VACUUM")
    before, after = pruned.stat().st_size, subject.stat().st_size
    least = (bench.folder / "shell.db").stat().st_size
    yield fact("the file shrinks", f"{before / 1e6:.0f} MB to {after / 1e6:.0f} MB")
    yield ratio("the file afterwards", after / 1e6, least / 1e6, 1.01, "shell VACUUM", "MB")
    yield from promise("vacuum", done)


def promise(verb: str, done: Ran) -> Iterator[Row]:
    """Predicted against really freed bytes."""
    answer = done.answer
    predicted, freed = answer.get("predicted_bytes") or 0, answer.get("freed_bytes") or 0
    if predicted and freed:
        off = abs(predicted - freed) / freed
        yield Row(
            f"{verb}: predicted against freed",
            f"within {TOLERANCE:.0%}",
            f"{predicted / 1e6:.2f} MB against {freed / 1e6:.2f} MB ({off:.1%} off)",
            off,
            TOLERANCE,
        )


def beside(bench: Bench, verb: str, source: Path, command: tuple[str, ...]) -> Iterator[Row]:
    """The same command with a neighbour who comes in the middle, then with one who was there."""
    for late in (True, False):
        subject = bench.copy("ours", source)
        with next_door(subject, bench.environment, late=late) as waits:
            bench.ocdu("--db", subject, *command)
        yield from felt(f"{verb}, somebody comes" if late else verb, waits)


def felt(verb: str, waits: Waits) -> Iterator[Row]:
    """How the neighbour fared meanwhile."""
    yield number(f"{verb}: neighbour's p99 of {len(waits.times)} writes", waits.p99, P99, "ms")
    yield number(f"{verb}: neighbour's longest wait", waits.worst, WORST, "ms")
    yield number(f"{verb}: neighbour's errors", waits.errors, 0, "errors")


def roots(bench: Bench) -> list[tuple[str, int, float]]:
    """(id, bytes of the tree, age in days) of every tree that may be pruned."""
    sql = (
        "SELECT id, (strftime('%s') - time_updated / 1000) / 86400.0 FROM session"
        " WHERE parent_id IS NULL AND share_url IS NULL"
    )
    ages = dict(line.split("|") for line in bench.shell(bench.db, sql).output.splitlines())
    listed = bench.ocdu("--db", bench.db, "list", "--json").answer["sessions"]
    return [
        (each["id"], each["tree_bytes"] or 0, float(ages[each["id"]]))
        for each in listed
        if each["id"] in ages
    ]


def middle_age(bench: Bench) -> int:
    """Days that half of the trees are older than."""
    return max(1, int(statistics.median(age for _, _, age in roots(bench))))


def middle(times: list[float]) -> float:
    """The median."""
    return statistics.median(times)


def discard_all(bench: Bench) -> None:
    """Remove every copy, and the trash: both are as large as the database."""
    for copy in bench.folder.glob("*.db"):
        discard(copy)
    for buried in (bench.folder / "home").rglob("*.db*"):
        buried.unlink(missing_ok=True)
