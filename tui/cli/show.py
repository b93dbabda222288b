"""`ocdu show`: all about one session and the tree below it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.list import session_json
from tui.cli.output import badges, streamed
from tui.cli.stats import RULE, action_of, all_kinds, name_of, reclaimable, table_of
from tui.errors import WrongCall
from tui.paths import typed

if TYPE_CHECKING:
    from tui.forest import Forest
    from tui.records import SessionDetail, SessionRow
    from tui.store.database import Store

MOST_CELLS = 300
"""Terminal cells of the first question shown: enough to recognise a conversation."""


MOST_KIND, MOST_WORDS = 28, 60
"""Terminal cells of a large row's kind and of the glimpse into it."""


def add_arguments(parser: ArgumentParser) -> None:
    """The session."""
    parser.add_argument("id", metavar="ID", help="its id, shortened while unique")
    parser.add_argument(
        "--markdown", metavar="FILE", help="write the conversation as Markdown; - for the terminal"
    )
    parser.add_argument(
        "--export", metavar="FILE", help="write what `opencode import` reads; - for the terminal"
    )


def run(call: Call) -> Answer:
    """Times, place, model, cost, bytes by kind, the largest rows, and what could go."""
    from tui.cli.call import full_id
    from tui.format import plural, size
    from tui.store.details import session_detail

    forest = call.forest_with_directories
    id = full_id(forest, call.options.id)
    if call.options.markdown and call.options.export:
        raise WrongCall("--markdown and --export write one file each: call ocdu once for each.")
    if call.options.markdown:
        return _markdown(call, forest.row(id))
    if call.options.export:
        return _export(call, id)
    forest = call.with_trees_measured(forest, [id])
    store = call.site.store
    branch = forest.branch_of(id)
    detail = session_detail(store, branch.root, forest.usage_of(id), branch.usage, len(branch.rows))
    detail = replace(detail, kinds=dict(all_kinds(store, branch.ids)))
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
        "diverged": detail.row.diverged,
        "copy_bytes": detail.usage.copy_bytes,
        "notes": list(detail.notes),
        "kinds": detail.kinds,
        "largest": _largest(store, branch.ids),
        "get_back": _get_back(call, forest, branch.ids),
        "beginning": list(detail.beginning),
    }
    what = plural(detail.tree_sessions, "session")
    message = f"{size(detail.tree_usage.bytes)} in {what}."
    text = "" if call.options.json else _text(call, detail, session)
    return Answer("done", message, {"session": session}, text)


def _markdown(call: Call, row: SessionRow) -> Answer:
    """The conversation, streaming: never more than a piece of it in memory."""
    from tui.engine.markdown import write_markdown
    from tui.format import size
    from tui.store.markdown import markdown_of

    if call.options.markdown == "-":
        if call.options.json:
            raise WrongCall("--markdown - and --json both want standard output: name a file.")
        encoding = sys.stdout.encoding or "utf-8"
        with streamed():
            for text in markdown_of(call.site.store, row, call.stop):
                sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        return Answer("done", "")
    target = typed(call.options.markdown)
    octets = write_markdown(call.site.store, row, target, call.stop)
    data = {"file": str(target), "bytes": octets}
    return Answer("done", f"Wrote {size(octets)} to {target}.", data)


def _export(call: Call, id: str) -> Answer:
    """The session in opencode's own format, row by row; other writers are not kept waiting."""
    from tui.engine.export import write_live
    from tui.format import plural
    from tui.store.export import LIVE, write_session

    to_terminal = call.options.export == "-"
    if to_terminal and call.options.json:
        raise WrongCall("--export - and --json both want standard output: name a file.")
    if to_terminal:
        with streamed(), call.site.store.reading() as db:
            write_session(db.connection(), LIVE, id, sys.stdout.buffer.write)
        return Answer("done", "")
    target = typed(call.options.export)
    done = write_live(call.site.store, id, target, call.stop)
    message = f"Wrote {plural(done.messages, 'message')} to {target}: `opencode import` reads it."
    if done.left_out:
        message += f" {plural(done.left_out, 'malformed row')} left out."
    return Answer("done", message, {"file": str(target), **done._asdict()})


def _largest(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The largest rows of these sessions, each with a glimpse into it."""
    from tui.store.largest import largest_rows, preview

    return [{**row._asdict(), "preview": preview(store, row)} for row in largest_rows(store, ids)]


def _get_back(call: Call, forest: Forest, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What each action would give back here; a prune is to the trash."""
    from tui.policy.prune import PrunePolicy, plan_prune

    pruned = plan_prune(forest, PrunePolicy(ids=frozenset(ids[:1])), call.now, call.running)
    return [
        *reclaimable(call, forest, ids),
        {"action": "prune", "level": None, "bytes": pruned.totals.bytes},
    ]


def _text(call: Call, detail: SessionDetail, session: dict[str, Any]) -> str:
    from tui.format import age, clean, clip, count, money, size, titled

    row = detail.row
    facts = {
        "Id": clean(row.id),
        "Title": titled(row.title),
        "State": badges(row) or "active",
        "Parent": clean(row.parent_id or ""),
        "Project": clean(row.project),
        "Directory": clean(row.directory),
        "opencode": clean(row.version),
        "Model": clean(detail.model),
        "Cost": money(row.cost),
        "Tokens": count(detail.tokens),
        "Created": f"{age(row.created, call.now)} ago",
        "Active": f"{age(row.active, call.now)} ago",
        "Messages": count(detail.usage.messages),
        "This session": size(detail.usage.bytes),
        "Its tree": f"{size(detail.tree_usage.bytes)} in {count(detail.tree_sessions)}",
    }
    lines = [f"{name + ':':<16}{value}" for name, value in facts.items() if value]
    lines += detail.notes
    for text in detail.beginning[:1]:
        lines += ["", "“" + clip(clean(text), MOST_CELLS) + "”"]
    by_size = sorted(detail.kinds.items(), key=lambda kind: -kind[1])
    lines += ["", "Where its bytes are", RULE]
    lines += table_of((name_of(kind), octets) for kind, octets in by_size if octets)
    lines += ["", "Largest rows", RULE]
    for row in session["largest"]:
        kind = clip(clean(row["kind"]), MOST_KIND)
        words = clip(clean(row["preview"]), MOST_WORDS)
        lines.append(f"{size(row['bytes']):>8}  {kind:<{MOST_KIND}}  {words}".rstrip())
    lines += ["", "You get back", RULE]
    lines += table_of((action_of(row), row["bytes"]) for row in session["get_back"])
    return "\n".join(lines) + "\n"
