"""Each level of reclaim on request: whole process against the shell's one statement of that kind.

The shell looks at nothing but the rows: it knows no prune rule, no idle time and no parent's
result, takes what it finds in one transaction, and copies nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.changing import discard_all, felt, middle, promise
from tests.benchmarks.neighbour import next_door
from tests.benchmarks.stopwatch import Bench
from tests.benchmarks.table import Row, fact

_CLEAR = """
UPDATE part SET data = json_set(json_replace(data, '$.state.output', '[reclaimed]',
  '$.state.metadata', json('{{}}')), '$.state.time.compacted', 1)
WHERE session_id IN ({ids}) AND data LIKE '%"type":"tool"%'
  AND json_extract(data, '$.state.status') = 'completed'
"""

_EMPTY = """
UPDATE message SET data = json_set(data, '$.summary.diffs', json('[]'))
WHERE data LIKE '%"diffs":[{{%' AND json_extract(data, '$.role') = 'user'
"""

SHELL = {"summarised": _CLEAR, "stale": _CLEAR, "subagents": _CLEAR, "diffs": _EMPTY}
"""Level -> the statement; `ids` are the sessions of our plan."""


def reclaiming_levels(bench: Bench) -> Iterator[Row]:
    """One level after the other, without a copy and (the last) with one."""
    for level, statement in SHELL.items():
        command = ("reclaim", "--level", level, "--yes", "--json")
        plan = bench.ocdu("--db", bench.db, *command, "--dry-run").answer["plan"]
        if not plan["items"]:
            yield fact(f"reclaim {level}", "nothing of it in this file")
            continue
        ids = ", ".join(f"'{item['id']}'" for item in plan["items"])
        shell, ours = [], []
        for _ in range(bench.runs):
            shell.append(bench.shell(bench.copy("shell"), statement.format(ids=ids)).seconds)
            done = bench.ocdu("--db", bench.copy("ours"), *command)
            ours.append(done.seconds)
        megabytes = plan["totals"]["bytes"] / 1e6
        yield fact(f"reclaim {level} ({megabytes:.1f} MB)", compared(ours, shell, "shell UPDATE"))
        yield from promise(f"reclaim {level}", done)
        subject = bench.copy("ours")
        with next_door(subject, bench.environment) as waits:
            bench.ocdu("--db", subject, *command)
        yield from felt(f"reclaim {level}", waits)
    yield from _keeping(bench, ("reclaim", "--level", "aggressive,diffs", "--yes", "--json"))
    discard_all(bench)


def _keeping(bench: Bench, command: tuple[str, ...]) -> Iterator[Row]:
    """What the copies cost."""
    config = bench.folder / "keep.toml"
    config.write_text("[reclaim]\nkeep = true\n")
    plain, kept = [], []
    for _ in range(bench.runs):
        plain.append(bench.ocdu("--db", bench.copy("ours"), *command).seconds)
        subject = bench.copy("ours")
        kept.append(bench.ocdu("--db", subject, *command, "--config", config).seconds)
    yield fact("reclaim with a copy", compared(kept, plain, "reclaim without"))


def compared(ours: list[float], theirs: list[float], what: str) -> str:
    """Both medians and their ratio; nobody set a goal for these."""
    mine, other = middle(ours), middle(theirs)
    return f"{mine:.3f} s against {other:.3f} s: {mine / other:.2f} × {what}"
