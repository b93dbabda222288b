"""`ocdu trash`: list what was pruned, bring it back, write it out, or delete it for good."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.cli.output import streamed, table
from tui.errors import WrongCall
from tui.paths import typed

if TYPE_CHECKING:
    from tui.engine.trash import Batch

ACTIONS = ("list", "restore", "export", "empty")


def add_arguments(parser: ArgumentParser) -> None:
    """What to do, and with which batches or trees."""
    parser.add_argument(
        "action", metavar="list|restore|export|empty", nargs="?", choices=ACTIONS, default="list"
    )
    parser.add_argument(
        "ids",
        metavar="BATCH|ID",
        nargs="*",
        help="restore: batches or sessions; export: one session; empty: batches; shortened",
    )
    parser.add_argument(
        "--output",
        metavar="FILE|FOLDER",
        help="export: a new file for the session, or a folder for its tree, one file a session, "
        "as `opencode import` reads them (default: the session, to standard output)",
    )
    parser.add_argument("--older-than", metavar="AGE", help="empty: only batches older than 30d …")


def run(call: Call) -> Answer:
    """List, restore or empty, whichever was typed."""
    options = call.options
    if options.older_than is not None and options.action != "empty":
        raise WrongCall("--older-than chooses what `ocdu trash empty` deletes.")
    if options.action == "restore":
        return _restore(call)
    if options.output is not None and options.action != "export":
        raise WrongCall("--output says where `ocdu trash export` writes to.")
    if options.action == "export":
        return _export(call)
    if options.action == "empty":
        return _empty(call)
    if options.ids:
        raise WrongCall("`ocdu trash list` takes no ids: did you mean `ocdu trash restore`?")
    return _list(call)


def _list(call: Call) -> Answer:
    from tui.format import age, count, plural, size, titled

    found = _batches(call)
    data = {"batches": [_batch_json(each) for each in found]}
    note = _strangers(call)
    if not found:
        return Answer("nothing", f"The trash is empty.{note}", data)
    rows = [
        (
            each.id,
            age(each.created, call.now),
            count(each.trees),
            count(each.sessions),
            size(each.bytes),
            ", ".join(map(titled, each.titles)),
        )
        for each in found
    ]
    text = table(("Batch", "Age", "Trees", "Sessions", "Bytes", "Titles"), rows, "lrrrrl")
    together = size(sum(each.file_bytes for each in found))
    message = f"{plural(len(found), 'batch')}, {together} on disk. "
    message += f"Bring one back with `ocdu trash restore BATCH`.{note}"
    return Answer("done", message, data, text + "\n")


def _strangers(call: Call) -> str:
    """A sentence about files in the trash folder that cannot be read as batches; "" for none."""
    from tui.engine.trash import unreadable

    found = unreadable(call.site.ledger.trash_folder)
    if not found:
        return ""
    return f" {found[0]} cannot be read as a batch: it is damaged or not ocdu's, and stays."


def _batches(call: Call) -> Sequence[Batch]:
    from tui.engine.trash import batches

    ledger = call.site.ledger
    return batches(ledger.trash_folder, ledger.database)


def _batch_json(batch: Batch) -> dict[str, Any]:
    from tui.format import iso

    return {
        "id": batch.id,
        "created": iso(batch.created),
        "trees": batch.trees,
        "sessions": batch.sessions,
        "bytes": batch.bytes,
        "file_bytes": batch.file_bytes,
        "events_kept": batch.events,
        "titles": list(batch.titles),
    }


def _restore(call: Call) -> Answer:
    from tui.engine.restore import plan_restore
    from tui.format import plural

    if not call.options.ids:
        raise WrongCall("Say what to restore: a batch or a session, see `ocdu trash list`.")
    plan = plan_restore(call.site, call.options.ids)
    return carry_out(call, plan, f"Restore {plural(plan.totals.sessions, 'session')}")


def _export(call: Call) -> Answer:

    from tui.engine.export import choose, export_session, export_tree
    from tui.format import plural
    from tui.store.export import new_file

    options = call.options
    if len(options.ids) != 1:
        raise WrongCall("Say which one session to export, see `ocdu trash list`.")
    if options.output is None and options.json:
        raise WrongCall("--json and the session cannot share standard output: add --output FILE.")
    chosen = choose(call.site, options.ids[0])
    if options.output is None:
        with streamed():
            export_session(call.site, chosen, sys.stdout.buffer.write)
        return Answer("done", "")
    output = typed(options.output)
    if os.path.isdir(output) or options.output.endswith(("/", os.sep)):
        files, done = export_tree(call.site, chosen, output)
    else:
        with new_file(output) as write:
            files, done = [output], export_session(call.site, chosen, write)
    what = f"{plural(len(files), 'session')} with {plural(done.messages, 'message')}"
    message = f"{what} written to {output}: `opencode import FILE` reads it."
    more = len(chosen.tree) - len(files)
    if more:
        message += f" {plural(more, 'subagent')} of it not: name a folder to get the whole tree."
    if done.left_out:
        message += f" {plural(done.left_out, 'malformed row')} left out."
    data = {"files": [str(path) for path in files], **done._asdict()}
    return Answer("done", message, data)


def _empty(call: Call) -> Answer:
    from tui.engine.trash import plan_empty
    from tui.format import plural, size
    from tui.quantity import parse_age

    options = call.options
    older_than = None if options.older_than is None else parse_age(options.older_than)
    plan = plan_empty(call.site, options.ids or None, older_than, call.now)
    freed = size(plan.predicted_bytes)
    question = f"Delete {plural(len(plan), 'batch')} for good ({freed}); nothing undoes that"
    return carry_out(call, plan, question)
