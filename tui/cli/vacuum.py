"""`ocdu vacuum`: give free pages back to the file system."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.errors import WrongCall
from tui.paths import absolute

if TYPE_CHECKING:
    from tui.policy.vacuum import VacuumDecision, VacuumFacts, Wish


def add_arguments(parser: ArgumentParser) -> None:
    """What to do where the file is in use, and where the copy lies meanwhile."""
    parser.add_argument(
        "--wait", action="store_true", help="wait until nobody has the database open, if need be"
    )
    parser.add_argument("--temp-dir", metavar="DIR", help="put the compact copy here meanwhile")
    parser.add_argument(
        "--to-incremental",
        action="store_true",
        help="rewrite the file once so that free pages go back in slices from then on; this "
        "changes a property of the file (auto_vacuum)",
    )
    parser.add_argument("--withdraw", action="store_true", help="take a waiting vacuum back")


def run(call: Call) -> Answer:
    """Decide the way, then take it; or take back what waits."""
    return _withdrawn(call) if call.options.withdraw else give_back(call)


def give_back(call: Call) -> Answer:
    """Vacuum the database of this call; also what `ocdu prune --vacuum` does at its end."""
    from tui.engine.vacuum import vacuum_facts
    from tui.format import size
    from tui.policy.vacuum import plan_vacuum

    plan = plan_vacuum(told_to_look(call, vacuum_facts(call.site.store, wish=_wish(call))))
    verb = "Make the file incremental" if plan.options.converts else "Give"
    question = f"{verb} and give" if plan.options.converts else verb
    answer = carry_out(call, plan, f"{question} {size(plan.predicted_bytes)} back")
    return replace(answer, data={**answer.data, "decision": _decision_json(plan.options)})


def told_to_look(call: Call, facts: VacuumFacts) -> VacuumFacts:
    """With `--dry-run` what would happen counts, not that nothing may be written."""
    return replace(facts, refusal=None) if call.options.dry_run else facts


def _wish(call: Call) -> Wish:
    """What was typed, and what an earlier ocdu noted and could not begin. Raises WrongCall."""
    from tui.engine.waiting import noted
    from tui.format import clean, iso
    from tui.policy.vacuum import Wish

    options = call.options
    named = getattr(options, "temp_dir", None)
    temp_dir = absolute(named) if named else None
    if temp_dir is not None and not os.path.isdir(temp_dir):
        raise WrongCall(f"There is no folder {temp_dir} for the copy.")
    typed = Wish(
        patient=getattr(options, "wait", False),
        to_incremental=getattr(options, "to_incremental", False),
        temp_dir=temp_dir,
    )
    waits_for_us = not (options.dry_run or options.read_only or call.site.refusal)
    waiting = noted(call.site.ledger) if waits_for_us else None
    if waiting is None or waiting.waits_elsewhere:
        return typed
    print(f"A vacuum that waits since {clean(iso(waiting.since) or '')} is taken up.",
          file=sys.stderr)  # fmt: skip
    return Wish(
        patient=typed.patient,
        to_incremental=typed.to_incremental or waiting.wish.to_incremental,
        temp_dir=temp_dir or waiting.wish.temp_dir,
    )


def _withdrawn(call: Call) -> Answer:
    from tui.engine.waiting import noted, withdraw

    if noted(call.site.ledger) is None:
        return Answer("nothing", "No vacuum waits for this database.")
    if call.options.dry_run or call.options.read_only or call.site.ledger.refusal:
        return Answer("planned", "A vacuum waits for this database; it was left waiting.")
    withdraw(call.site.ledger)
    return Answer("done", "The waiting vacuum was taken back: nothing was changed.")


def _decision_json(decision: VacuumDecision) -> dict[str, Any]:
    """The decision for `--json`: bytes are integers, the lock is in seconds."""
    return {
        "way": decision.way,
        "announced_lock_seconds": round(decision.lock_seconds, 3),
        "needs_bytes": decision.needs_bytes,
        "short_bytes": decision.short_bytes,
        "file_after": decision.file_after,
        "to_incremental": decision.converts,
    }
