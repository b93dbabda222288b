"""From a plan to what came of it: refuse, show, ask, do, and say.

Every command that changes something walks this one road, so that none of them can change anything
without `--yes` or a clear yes on a terminal.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Any, Protocol

from tui.cli.call import Answer, Call
from tui.cli.output import plan_json, plan_text
from tui.policy.plan import Outcome, Plan, Step

if TYPE_CHECKING:
    from tui.engine.engines import Engine


def carry_out(
    call: Call, plan: Plan, question: str, *, warning: str = "", engine: Engine | None = None
) -> Answer:
    """Do what the plan says, as far as the user allows it.

    `question` is what a terminal is asked, without its question mark; `warning` is shown before
    it. `engine` replaces the one the plan's verb names, for options that a plan does not carry.
    """
    from tui.format import clean
    from tui.policy.giving_back import announced

    data = plan_json(plan)
    if plan.refused:
        return Answer("refused", plan.message, data)
    if not plan.items:
        outcome = Outcome("nothing", plan.message or "There is nothing to do.")
        return Answer(outcome.ending, outcome.message, {**data, **plan_json(plan, outcome)})
    shown = plan_text(plan)
    if then := announced(plan, call.site.store.sizes()):
        data["afterwards"] = then
        shown += f"\n{then}"
    if warning:
        data["warning"] = warning
        shown += f"\nNote: {clean(warning)}"
    if call.options.dry_run:
        return Answer("planned", _sentence(plan, "Nothing was changed (--dry-run)."), data, shown)
    refusal = call.site.refusal
    if refusal:
        return Answer("refused", refusal, data, shown)
    if not call.options.yes:
        if not can_ask(call):
            message = _sentence(plan, "Nothing was changed: add --yes to do it.")
            return Answer("planned", message, data, shown)
        print(shown + "\n")
        if not ask(question):
            return Answer("planned", "Nothing was changed.", data)
    outcome = perform_plan(call, plan, engine)
    return Answer(outcome.ending, outcome.message, {**data, **plan_json(plan, outcome)})


def _sentence(plan: Plan, end: str) -> str:
    return f"{plan.message} {end}".strip()


def can_ask(call: Call) -> bool:
    """True when somebody sits there who can be asked: never with --json."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not call.options.json


def ask(question: str) -> bool:
    """Ask on the terminal; whatever is not a clear yes is a no."""
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def perform_plan(call: Call, plan: Plan, engine: Engine | None) -> Outcome:
    """Carry the plan out with a progress bar; Ctrl-C and SIGTERM end it after the step at hand."""
    from tui.engine.perform import perform

    steps = perform(plan, call.site, call.stop, engine=engine)
    with stopped_by_signals(call.stop), shown_progress(call) as progress:
        while True:
            try:
                progress.show(next(steps))
            except StopIteration as end:
                return _told_of_stop(end.value, call.stop)


def _told_of_stop(outcome: Outcome, stop: Event) -> Outcome:
    """An interrupted deed that came to nothing was refused by the user, not without a cause."""
    if stop.is_set() and outcome.ending == "nothing":
        return replace(outcome, ending="refused", message="Interrupted: nothing was changed.")
    return outcome


@contextmanager
def stopped_by_signals(stop: Event) -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM set `stop` instead of breaking a step in two."""
    if current_thread() is not main_thread():
        yield
        return

    def wish(*_: object) -> None:
        stop.set()

    before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress(Protocol):
    """Whoever is told of every step."""

    def show(self, step: Step) -> None:
        """Show how far the deed is."""


class Silence:
    """No progress: the output goes to a file, a pipe or a program."""

    def show(self, step: Step) -> None:
        """Show nothing."""


class Bar:
    """A progress bar of rich's."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)

    def show(self, step: Step) -> None:
        """Move the bar; what it says is the phase."""
        self._bar.update(
            self._task, completed=step.done, total=step.total or None, description=step.phase
        )


@contextmanager
def shown_progress(call: Call) -> Iterator[Progress]:
    """A progress bar on the terminal, or silence where there is none."""
    if call.options.json or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Silence()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar)
