"""`ocdu show`: all about one session and the tree below it."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.cli.call import Answer, Call
from tui.cli.list import session_json
from tui.cli.output import badges
from tui.cli.stats import all_kinds

if TYPE_CHECKING:
    from tui.records import SessionDetail

MOST_CELLS = 300
"""Terminal cells of the first question shown: enough to recognise a conversation."""


def add_arguments(parser: ArgumentParser) -> None:
    """The session."""
    parser.add_argument("id", metavar="ID", help="its id, shortened while unique")


def run(call: Call) -> Answer:
    """Times, place, model, cost, bytes by kind, and how the conversation begins."""
    from tui.cli.call import full_id
    from tui.format import plural, size
    from tui.store.details import session_detail

    forest = call.forest_with_directories
    id = full_id(forest, call.options.id)
    forest = call.with_trees_measured(forest, [id])
    store = call.site.store
    detail = session_detail(store, forest, id)
    detail = replace(detail, kinds=all_kinds(store, forest.branch_of(id).ids))
    session = {
        **session_json(forest, forest.index(id)),
        "model": detail.model or None,
        "agent": detail.agent or None,
        "version": detail.row.version or None,
        "cost": detail.row.cost,
        "tokens": detail.tokens,
        "share_url": detail.share_url,
        "running": detail.row.running,
        "missing": detail.row.missing,
        "tree_sessions": detail.tree_sessions,
        "kinds": dict(detail.kinds),
        "beginning": list(detail.beginning),
    }
    what = plural(detail.tree_sessions, "session")
    message = f"{size(detail.tree_usage.bytes)} in {what}."
    return Answer("done", message, {"session": session}, _text(call, detail))


def _text(call: Call, detail: SessionDetail) -> str:
    from tui.format import age, clean, clip, count, money, size

    row = detail.row
    facts = {
        "Id": row.id,
        "Title": clean(row.title),
        "State": badges(row) or "active",
        "Parent": row.parent_id or "",
        "Project": clean(row.project),
        "Directory": clean(row.directory),
        "opencode": row.version,
        "Model": clean(detail.model),
        "Cost": money(row.cost),
        "Tokens": count(detail.tokens),
        "Created": f"{age(row.created, call.now)} ago",
        "Active": f"{age(row.active, call.now)} ago",
        "Messages": count(detail.usage.messages),
        "This session": size(detail.usage.bytes),
        "Its tree": f"{size(detail.tree_usage.bytes)} in {count(detail.tree_sessions)}",
        **{f"  {kind}": size(octets) for kind, octets in detail.kinds.items() if octets},
    }
    lines = [f"{name + ':':<16}{value}" for name, value in facts.items() if value]
    for text in detail.beginning[:1]:
        lines += ["", "“" + clip(clean(text), MOST_CELLS) + "”"]
    return "\n".join(lines) + "\n"
