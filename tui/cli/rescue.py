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
        help="leave these steps out: orphans, compacted, summarised, events, diffs, vacuum",
    )
    parser.add_argument(
        "--wait", action="store_true", help="let the vacuum wait until nobody has the file open"
    )


def run(call: Call) -> Answer:
    """Look for what every step would take, then do one after the other."""
    from tui.cli.vacuum import told_to_look
    from tui.engine.reclaim.search import search_levels
    from tui.engine.rescue import rescue_facts
    from tui.format import size
    from tui.policy.rescue import parse_steps, plan_rescue, rescue_levels, way_back

    without = parse_steps(call.options.without)
    site, forest = call.site, call.forest
    found = search_levels(site, rescue_levels(), call.stop)
    facts = told_to_look(call, rescue_facts(site.store, found))
    keep = call.config.reclaim.keep
    plan = plan_rescue(forest, found, facts, call.now, call.running, without, keep=keep)
    question = f"Get {size(plan.predicted_bytes)} back"
    answer = carry_out(call, plan, question, warning=way_back(plan, "`ocdu undo`"))
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
