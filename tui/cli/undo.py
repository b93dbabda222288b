"""`ocdu undo` and `ocdu redo`: take the last change back, or do it again."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """They have no options of their own."""


def run(call: Call) -> Answer:
    """Undo or redo, whichever was typed."""
    from tui.engine.undo import plan_redo, plan_undo

    if call.options.verb == "undo":
        plan, verb = plan_undo(call.site), "Undo"
    else:
        plan, verb = plan_redo(call.site), "Redo"
    what = ", ".join(item.title for item in plan)
    return carry_out(call, plan, f"{verb}: {what}")
