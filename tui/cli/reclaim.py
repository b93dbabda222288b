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
        help="compacted, summarised, events, orphans; conservative (the default) is compacted,"
        " aggressive is compacted and summarised",
    )
    parser.add_argument("--idle", metavar="AGE", help="only sessions idle for 30 (days), 12h, 2w …")


def run(call: Call) -> Answer:
    """Find what the levels would drop, then drop it."""
    from tui.format import size
    from tui.policy.reclaim import ReclaimPolicy, parse_levels, plan_reclaim
    from tui.policy.reclaim_words import told
    from tui.quantity import parse_age
    from tui.store.reclaimable import find_reclaimable

    options = call.options
    levels = parse_levels(options.level)
    policy = ReclaimPolicy(levels, parse_age(options.idle) if options.idle else None)
    forest = call.forest
    if options.ids:
        chosen = call.ids(forest, options.ids)
        ids = frozenset(id for each in chosen for id in forest.branch_of(each).ids)
        policy = replace(policy, session_ids=ids)
    site, only = call.site, policy.session_ids
    found = find_reclaimable(site.store, levels, session_ids=only, files=site.files, stop=call.stop)
    plan = plan_reclaim(forest, found, policy, call.now, call.running)
    where = f"{told(plan.totals)} ({size(plan.totals.bytes)})"
    return carry_out(call, plan, f"Drop {where} for good")
