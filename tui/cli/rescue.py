"""`ocdu rescue`: get back as much as possible without deleting a session."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """What to leave out, and whether to wait for opencode."""
    parser.add_argument(
        "--without",
        metavar="STEP[,STEP…]",
        default="",
        help="leave these steps out: "
        "orphans, compacted, summarised, events, diffs (as far as they exist), vacuum",
    )
    parser.add_argument(
        "--wait", action="store_true", help="let the vacuum wait until nobody has the file open"
    )


def run(call: Call) -> Answer:
    """Look for what every step would take, then do one after the other."""
    from tui.engine.reclaim.search import search_levels
    from tui.engine.rescue import rescue_facts
    from tui.format import size
    from tui.policy.rescue import parse_steps, plan_rescue, rescue_levels

    without = parse_steps(call.options.without)
    site, forest = call.site, call.forest
    found = search_levels(site, rescue_levels(), call.stop)
    facts = rescue_facts(site.store, found)
    plan = plan_rescue(forest, found, facts, call.now, call.running, without)
    answer = carry_out(
        call,
        plan,
        f"Get {size(plan.predicted_bytes)} back",
        warning="What the steps take cannot be read again; nothing brings it back."
        if plan.totals.parts
        else "",
    )
    waits = answer.data.get("details", {}).get("vacuum_waits", False)
    return _with_vacuum(call, answer) if waits and call.options.wait else answer


def _with_vacuum(call: Call, answer: Answer) -> Answer:
    """The end of the chain, once nobody has the database open any more."""
    from tui.cli import vacuum

    more = vacuum.give_back(call)
    return replace(
        answer,
        outcome="done" if more.outcome == "done" else answer.outcome,
        message=f"{answer.message} Then: {more.message}",
        data={**answer.data, "vacuum": {"outcome": more.outcome, **more.data}},
    )
