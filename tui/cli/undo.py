"""`ocdu undo` and `ocdu redo`: take the last change back, or do it again."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """Whether a relink is turned at all costs."""
    parser.add_argument(
        "--live", action="store_true", help="turn a relink although opencode has the file open"
    )


def run(call: Call) -> Answer:
    """Undo or redo, whichever was typed."""
    from tui.engine.undo import plan_redo, plan_undo

    live = call.options.live
    if call.options.verb == "undo":
        plan, verb = plan_undo(call.site, live=live), "Undo"
    else:
        plan, verb = plan_redo(call.site, live=live), "Redo"
    what = ", ".join(item.title for item in plan)
    return carry_out(call, plan, f"{verb}: {what}")
