"""`ocdu reclaim`: drop heavy output, keep the sessions and their conversation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out

if TYPE_CHECKING:
    from tui.policy.plan import Plan
    from tui.policy.reclaim import ReclaimPolicy


def add_arguments(parser: ArgumentParser) -> None:
    """Which levels, for whom."""
    from tui.policy.reclaim import LEVELS, SETS

    sets = "; ".join(f"{name} is {', '.join(levels)}" for name, levels in SETS.items())
    parser.add_argument("ids", metavar="ID", nargs="*", help="these sessions with their children")
    parser.add_argument(
        "--level",
        metavar="L[,L…]",
        default="conservative",
        help=f"{', '.join(LEVELS)}; {sets} (default: conservative)",
    )
    parser.add_argument("--project", metavar="P", help="only of this project, by name or id")
    parser.add_argument(
        "--idle", metavar="AGE", help="only sessions idle for 30m (minutes), 1h, 2d, 2w …"
    )


def run(call: Call) -> Answer:
    """Find what the levels would drop, then drop it."""
    from tui.policy.reclaim import plan_reclaim
    from tui.store.reclaimable import find_reclaimable

    policy = _policy(call)
    forest = call.forest
    ids = policy.session_ids
    if ids is None and policy.project is not None:
        wanted = (policy.project,)
        ids = frozenset(
            row.id for row in forest.rows if row.project in wanted or row.project_id in wanted
        )
    site = call.site
    found = find_reclaimable(
        site.store, policy.levels, session_ids=ids, files=site.files, stop=call.stop
    )
    plan = plan_reclaim(forest, found, policy, call.now, call.running)
    return carry_out(call, plan, _question(plan, policy))


def _policy(call: Call) -> ReclaimPolicy:
    """What was typed, with what the configuration says of copies. Raises WrongCall."""
    from tui.cli.prune import project_typed
    from tui.policy.reclaim import ReclaimPolicy, parse_levels
    from tui.quantity import parse_rest

    options = call.options
    levels = parse_levels(options.level)
    idle = parse_rest(options.idle) if options.idle else None
    ids = None
    if options.ids:
        forest = call.forest
        chosen = call.ids(forest, options.ids)
        ids = frozenset(id for each in chosen for id in forest.branch_of(each).ids)
    return ReclaimPolicy(
        levels, idle, ids, project=project_typed(call), keep=call.config.reclaim.keep
    )


def _question(plan: Plan, policy: ReclaimPolicy) -> str:
    """What a terminal is asked."""
    from tui.format import size
    from tui.policy.reclaim import way_back, what_goes

    what = f"Drop {what_goes(plan)} ({size(plan.totals.bytes)})"
    back = way_back(plan, policy)
    return f"{what}; `ocdu undo` {back}" if back else f"{what} for good"
