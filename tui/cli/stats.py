"""`ocdu stats`: where the bytes are, and what each action would give back."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call, with_all_usage

if TYPE_CHECKING:
    from tui.forest import Forest
    from tui.store.database import Store
    from tui.store.kinds import Kinds

RULE = "─" * 40


def add_arguments(parser: ArgumentParser) -> None:
    """It has no options of its own."""


def run(call: Call) -> Answer:
    """Measure everything once; nothing is written."""
    from tui.format import plural, size
    from tui.store.kinds import page_bytes
    from tui.store.usage import measure_all

    store = call.site.store
    measured = measure_all(store)
    forest = with_all_usage(call.forest, measured.sessions)
    kinds = all_kinds(store)
    data: dict[str, Any] = {
        "database": _database(store),
        "sessions": _sessions(forest),
        "messages": measured.messages,
        "parts": measured.rows.get("part", 0),
        "events": measured.rows.get("event", 0),
        "tables": kinds.tables,
        "bytes": dict(kinds),
        "get_back": _get_back(call, forest),
    }
    on_disk = data["database"]["bytes"] + data["database"]["wal_bytes"]
    message = f"{size(on_disk)} on disk for {plural(len(forest), 'session')}."
    if call.options.json:
        return Answer("done", message, data)
    pages = page_bytes(store.sizes(), sum(kinds.tables.values()))
    return Answer("done", message, data, _text(data, pages))


def _database(store: Store) -> dict[str, Any]:
    from tui.store.holders import holders

    sizes = store.sizes()
    return {
        "path": str(store.path),
        "generation": store.schema.generation,
        "bytes": sizes.bytes,
        "wal_bytes": sizes.wal_bytes,
        "free_bytes": sizes.free_bytes,
        "holders": [each._asdict() for each in holders(store.path)],
    }


def _sessions(forest: Forest) -> dict[str, int]:
    """Counts of sessions; a root is one without `parent_id`, whether or not its parent exists."""
    roots = sum(row.parent_id is None for row in forest.rows)
    return {
        "total": len(forest),
        "root": roots,
        "child": len(forest) - roots,
        "archived": sum(row.archived is not None for row in forest.rows),
    }


def all_kinds(store: Store, ids: Iterable[str] | None = None) -> Kinds:
    """Octets by kind, of these sessions or of the whole file."""
    from tui.store.kinds import Kinds, kinds

    found = Kinds()
    for found in kinds(store, ids):  # noqa: B007 - the last one is the answer
        pass
    return found


def _get_back(call: Call, forest: Forest) -> list[dict[str, Any]]:
    """What each action would give back if it were carried out now; honest about zero."""
    from tui.policy.prune import PrunePolicy, plan_prune
    from tui.policy.vacuum import plan_checkpoint
    from tui.quantity import parse_age

    idle = PrunePolicy(older_than=parse_age(call.config.prune.older_than))
    old = plan_prune(forest, idle, call.now, call.running)
    sizes = call.site.store.sizes()
    return [
        *reclaimable(call, forest),
        {"action": "prune", "level": None, "bytes": old.totals.bytes},
        {"action": "vacuum", "level": None, "bytes": sizes.free_bytes},
        {"action": "checkpoint", "level": None, "bytes": plan_checkpoint(sizes).predicted_bytes},
    ]


def reclaimable(
    call: Call, forest: Forest, ids: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """One row for each level of reclaim: what it would drop, of these sessions or of all.

    Of all sessions, `bytes` is None for a level that costs too much to be counted unasked.
    """
    from tui.policy.reclaim import LEVELS, UNASKED, ReclaimPolicy, plan_reclaim
    from tui.store.reclaimable import find_reclaimable

    site = call.site
    asked = UNASKED if ids is None else tuple(LEVELS)
    payloads = find_reclaimable(site.store, asked, session_ids=ids, files=site.files)
    rows: list[dict[str, Any]] = []
    for level in LEVELS:
        plan = plan_reclaim(forest, payloads, ReclaimPolicy((level,)), call.now, call.running)
        octets = plan.totals.bytes if level in asked else None
        rows.append({"action": "reclaim", "level": level, "bytes": octets})
    return rows


def _text(data: dict[str, Any], pages: dict[str, int]) -> str:
    from tui.format import clean, count, size

    database, sessions = data["database"], data["sessions"]
    born = f"{count(sessions['root'])} root, {count(sessions['child'])} child"
    lines = ["Session Storage Statistics", RULE]
    lines.append(f"Database size:     {size(database['bytes'])}")
    if database["wal_bytes"]:
        lines.append(f"WAL file size:     {size(database['wal_bytes'])}")
    lines += [
        f"Total sessions:    {count(sessions['total'])} ({born})",
        f"Archived sessions: {count(sessions['archived'])}",
        f"Total messages:    {count(data['messages'])}",
        f"Total parts:       {count(data['parts'])}",
        f"Total events:      {count(data['events'])}",
        f"Free pages:        {size(database['free_bytes'])}",
    ]
    for holder in database["holders"]:
        lines.append(f"In use by:         {clean(holder['name'])} (pid {holder['pid']})")
    lines += ["", "Where the bytes are", RULE]
    by_size = sorted(data["bytes"].items(), key=lambda kind: -kind[1])
    lines += table_of((name_of(kind), octets) for kind, octets in by_size if octets)
    lines += ["", "Beside the payload", RULE]
    lines += table_of((name_of(kind), octets) for kind, octets in pages.items())
    lines += ["", "You get back", RULE]
    lines += table_of((action_of(row), row["bytes"]) for row in data["get_back"])
    for row in data["get_back"]:
        if row["bytes"] is None:
            level = row["level"]
            lines.append(f"Not counted: ocdu reclaim --level {level} --dry-run looks for it.")
    return "\n".join([*lines, ""])


def name_of(kind: str) -> str:
    """What a kind of bytes is called in a sentence: "Tool output", "Event message.updated.1"."""
    from tui.format import clean

    words = clean(kind.replace("event:", "event ").replace("_", " "))
    return words[:1].upper() + words[1:]


def action_of(row: dict[str, Any]) -> str:
    """What an action that gives back is called: "reclaim compacted"."""
    return " ".join(filter(None, (row["action"], row["level"])))


def table_of(rows: Iterable[tuple[str, int | None]]) -> list[str]:
    """Lines of a name and its size, aligned; "·" for a size nobody counted."""
    from tui.format import clip, size

    return [f"{clip(name, 32) + ':':<33}{size(octets):>8}" for name, octets in rows]
