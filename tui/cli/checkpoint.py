"""`ocdu checkpoint`: fold the write-ahead log into the database."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out


def add_arguments(parser: ArgumentParser) -> None:
    """It has no options of its own."""


def run(call: Call) -> Answer:
    """Fold the log in, which also shrinks it to nothing."""
    from tui.policy.vacuum import plan_checkpoint

    plan = plan_checkpoint(call.site.store.sizes())
    return carry_out(call, plan, "Fold the write-ahead log into the database")
