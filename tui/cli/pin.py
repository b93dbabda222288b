"""`ocdu pin` and `ocdu unpin`: protect sessions from plans that do not name them.

Pins lie in ocdu's own database; opencode's is not touched.
"""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import can_ask


def add_arguments(parser: ArgumentParser) -> None:
    """The sessions; a pinned session protects its whole tree."""
    parser.add_argument("ids", metavar="ID", nargs="+", help="ids, shortened while unique")


def run(call: Call) -> Answer:
    """Pin or unpin at once: on a terminal it needs no question, as nothing can be lost."""
    from tui.engine.pin import pin
    from tui.errors import Refused
    from tui.format import plural

    ids = call.ids(call.forest, call.options.ids)
    ledger, verb = call.site.ledger, call.options.verb
    before = ledger.pins()
    changed = [id for id in ids if (id in before) == (verb == "unpin")]
    what = plural(len(changed), "session")
    if not changed:
        state = "pinned already" if verb == "pin" else "pinned"
        whose = "All of these are" if verb == "pin" else "None of these is"
        return Answer("nothing", f"{whose} {state}.", {"ids": []})
    if call.options.dry_run or not (call.options.yes or can_ask(call)):
        why = "--dry-run" if call.options.dry_run else "add --yes to do it"
        return Answer("planned", f"Would {verb} {what}: {why}.", {"ids": changed})
    if call.options.read_only:
        raise Refused("ocdu runs with --read-only: nothing is changed.")
    if ledger.refusal:
        raise Refused(ledger.refusal)
    pin(ledger, {id: call.forest.row(id).title for id in changed}, verb == "pin")
    return Answer("done", f"{verb.capitalize()}ned {what}.", {"ids": changed})
