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
    from tui.engine.rescue import rescue_facts
    from tui.format import size
    from tui.policy.rescue import RescueOptions, parse_steps, plan_rescue, rescue_levels
    from tui.store.payloads import find_payloads

    without = parse_steps(call.options.without)
    store, forest = call.site.store, call.forest
    found = find_payloads(store, rescue_levels(), stop=call.stop)
    facts = rescue_facts(store, found)
    plan = plan_rescue(forest, found, facts, call.now, call.running, without)
    if isinstance(plan.options, RescueOptions):
        plan = replace(plan, options=replace(plan.options, wait=call.options.wait))
    return carry_out(
        call,
        plan,
        f"Get {size(plan.predicted_bytes)} back",
        warning="What the steps take cannot be read again; nothing brings it back."
        if plan.totals.parts
        else "",
    )
