"""`ocdu stats`: where the bytes are, and what each action would give back."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call, with_all_usage

if TYPE_CHECKING:
    from tui.forest import Forest
    from tui.store.database import Store

RULE = "─" * 40


def add_arguments(parser: ArgumentParser) -> None:
    """It has no options of its own."""


def run(call: Call) -> Answer:
    """Measure everything once; nothing is written."""
    from tui.format import plural, size
    from tui.store.usage import measure_all

    store = call.site.store
    measured = measure_all(store)
    forest = with_all_usage(call.forest, measured.sessions)
    others = _other_tables(store, measured.tables)
    kinds = all_kinds(store)
    kinds["other"] = kinds.get("other", 0) + sum(others.values())
    data: dict[str, Any] = {
        "database": _database(store),
        "sessions": _sessions(forest),
        "messages": measured.rows.get("message", 0),
        "parts": measured.rows.get("part", 0),
        "events": measured.rows.get("event", 0),
        "tables": {**measured.tables, **others},
        "bytes": kinds,
        "get_back": _get_back(call, forest),
    }
    on_disk = data["database"]["bytes"] + data["database"]["wal_bytes"]
    message = f"{size(on_disk)} on disk for {plural(len(forest), 'session')}."
    return Answer("done", message, data, "" if call.options.json else _text(data))


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


def _other_tables(store: Store, measured: dict[str, int]) -> dict[str, int]:
    """Payload octets of the tables that belong to no session's size."""
    from tui.store.usage import slices

    return {
        table: sum(octets for found in slices(store, table, "1") for _, _, octets, _ in found)
        for table in store.schema.payload_tables
        if table not in measured
    }


def all_kinds(store: Store, ids: Iterable[str] | None = None) -> dict[str, int]:
    """Octets by kind, of these sessions or of the whole file."""
    from tui.store.details import kinds

    found: dict[str, int] = {}
    for found in kinds(store, ids):  # noqa: B007 - the last one is the answer
        pass
    return dict(found)


def _get_back(call: Call, forest: Forest) -> list[dict[str, Any]]:
    """What each action would give back if it were carried out now; honest about zero."""
    from tui.policy.prune import PrunePolicy, plan_prune
    from tui.policy.reclaim import LEVELS, ReclaimPolicy, plan_reclaim
    from tui.quantity import parse_age
    from tui.store.payloads import find_payloads

    store = call.site.store
    payloads = find_payloads(store, tuple(LEVELS))
    rows: list[dict[str, Any]] = []
    for level in LEVELS:
        plan = plan_reclaim(forest, payloads, ReclaimPolicy((level,)), call.now, call.running)
        rows.append({"action": "reclaim", "level": level, "bytes": plan.totals.bytes})
    idle = PrunePolicy(older_than=parse_age(call.config.prune.older_than))
    old = plan_prune(forest, idle, call.now, call.running)
    sizes = store.sizes()
    rows.append({"action": "prune", "level": None, "bytes": old.totals.bytes})
    rows.append({"action": "vacuum", "level": None, "bytes": sizes.free_bytes})
    rows.append({"action": "checkpoint", "level": None, "bytes": sizes.wal_bytes})
    return rows


def _text(data: dict[str, Any]) -> str:
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
    lines += [f"{kind.capitalize() + ':':<18} {size(octets):>8}" for kind, octets in by_size]
    lines += ["", "You get back", RULE]
    for row in data["get_back"]:
        action = " ".join(filter(None, (row["action"], row["level"])))
        lines.append(f"{action + ':':<24}{size(row['bytes']):>8}")
    return "\n".join([*lines, ""])
