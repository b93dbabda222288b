"""`ocdu archive` and `ocdu unarchive`: stamp whole trees, or take the stamp back."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """The sessions; any session of a tree stands for all of it."""
    parser.add_argument("ids", metavar="ID", nargs="+", help="ids, shortened while unique")


def run(call: Call) -> Answer:
    """Archive, or take the archive back, whichever was typed."""
    from tui.format import plural
    from tui.policy.archive import plan_archive, plan_unarchive

    ids = call.ids(call.forest, call.options.ids)
    forest = call.with_trees_measured(call.forest, ids)
    if call.options.verb == "archive":
        plan, verb = plan_archive(forest, ids, call.now), "Archive"
    else:
        plan, verb = plan_unarchive(forest, ids), "Unarchive"
    question = f"{verb} {plural(plan.totals.sessions, 'session')}"
    return carry_out(call, plan, question)
