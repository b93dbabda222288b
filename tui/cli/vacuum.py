"""`ocdu vacuum`: give free pages back to the file system."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.errors import WrongCall


def add_arguments(parser: ArgumentParser) -> None:
    """What to do where the file is in use, and where the copy lies meanwhile."""
    parser.add_argument(
        "--wait", action="store_true", help="wait until nobody has the database open"
    )
    parser.add_argument("--temp-dir", metavar="DIR", help="put the compact copy here meanwhile")


def run(call: Call) -> Answer:
    """Decide the way, then take it."""
    return give_back(call)


def give_back(call: Call) -> Answer:
    """Vacuum the database of this call; also what `ocdu prune --vacuum` does at its end."""
    from tui.engine.vacuum import apply_vacuum, vacuum_facts
    from tui.format import size
    from tui.policy.vacuum import plan_vacuum

    named = getattr(call.options, "temp_dir", None)
    temp_dir = Path(named).expanduser().absolute() if named else None
    if temp_dir is not None and not temp_dir.is_dir():
        raise WrongCall(f"There is no folder {temp_dir} for the copy.")
    plan = plan_vacuum(vacuum_facts(call.site.store, temp_dir=temp_dir))
    wait = getattr(call.options, "wait", False)
    return carry_out(
        call,
        plan,
        f"Give {size(plan.predicted_bytes)} back",
        engine=lambda plan, site, stop: apply_vacuum(
            plan, site.store, stop, temp_dir=temp_dir, wait=wait
        ),
    )
