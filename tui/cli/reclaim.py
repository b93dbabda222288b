"""`ocdu reclaim`: drop heavy output, keep the sessions and their conversation."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """Which levels, for whom."""
    parser.add_argument("ids", metavar="ID", nargs="*", help="these sessions with their children")
    parser.add_argument(
        "--level",
        metavar="L[,L…]",
        default="conservative",
        help="compacted, summarised, migrated; conservative (the default) is compacted, "
        "aggressive is the first two",
    )
    parser.add_argument("--idle", metavar="AGE", help="only sessions idle for 30 (days), 12h, 2w …")


def run(call: Call) -> Answer:
    """Find what the levels would drop, then drop it."""
    from tui.format import plural, size
    from tui.policy.reclaim import ReclaimPolicy, parse_levels, plan_reclaim, unit_of
    from tui.quantity import parse_age
    from tui.store.payloads import find_payloads

    options = call.options
    levels = parse_levels(options.level)
    policy = ReclaimPolicy(levels, parse_age(options.idle) if options.idle else None)
    forest = call.forest
    if options.ids:
        chosen = call.ids(forest, options.ids)
        ids = frozenset(id for each in chosen for id in forest.branch_of(each).ids)
        policy = replace(policy, session_ids=ids)
    found = find_payloads(call.site.store, levels, session_ids=policy.session_ids, stop=call.stop)
    plan = plan_reclaim(forest, found, policy, call.now, call.running)
    where = plural(plan.totals.parts, unit_of(plan))
    return carry_out(call, plan, f"Drop {where} ({size(plan.totals.bytes)}) for good")
