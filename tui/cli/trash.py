"""`ocdu trash`: list what was pruned, bring it back, or delete it for good."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.cli.output import table
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.engine.trash import Batch

ACTIONS = ("list", "restore", "empty")


def add_arguments(parser: ArgumentParser) -> None:
    """What to do, and with which batches or trees."""
    parser.add_argument(
        "action", metavar="list|restore|empty", nargs="?", choices=ACTIONS, default="list"
    )
    parser.add_argument(
        "ids", metavar="BATCH|ID", nargs="*", help="batches, or sessions to restore; shortened"
    )
    parser.add_argument("--older-than", metavar="AGE", help="empty: only batches older than 30d …")


def run(call: Call) -> Answer:
    """List, restore or empty, whichever was typed."""
    options = call.options
    if options.older_than is not None and options.action != "empty":
        raise WrongCall("--older-than chooses what `ocdu trash empty` deletes.")
    if options.action == "restore":
        return _restore(call)
    if options.action == "empty":
        return _empty(call)
    if options.ids:
        raise WrongCall("`ocdu trash list` takes no ids: did you mean `ocdu trash restore`?")
    return _list(call)


def _list(call: Call) -> Answer:
    from tui.format import age, clean, count, plural, size

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
            clean(", ".join(each.titles)),
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
        "titles": list(batch.titles),
    }


def _restore(call: Call) -> Answer:
    from tui.engine.trash import plan_restore
    from tui.format import plural

    if not call.options.ids:
        raise WrongCall("Say what to restore: a batch or a session, see `ocdu trash list`.")
    plan = plan_restore(call.site, call.options.ids)
    return carry_out(call, plan, f"Restore {plural(plan.totals.sessions, 'session')}")


def _empty(call: Call) -> Answer:
    from tui.engine.trash import plan_empty
    from tui.format import plural, size
    from tui.quantity import parse_age

    options = call.options
    older_than = None if options.older_than is None else parse_age(options.older_than)
    plan = plan_empty(call.site, options.ids or None, older_than, call.now)
    freed = size(plan.predicted_bytes)
    return carry_out(call, plan, f"Delete {plural(len(plan), 'batch')} for good ({freed})")
