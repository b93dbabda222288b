"""`ocdu auto`: carry out the retention policies of the configuration, once; for cron or a timer."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call, default_config
from tui.cli.deed import ask, can_ask, perform_plan
from tui.cli.output import plan_json, plan_text, totals_text
from tui.paths import absolute, typed
from tui.policy.plan import Ending, Outcome, Plan, Totals

if TYPE_CHECKING:
    from tui.engine.retention import Retention
    from tui.policy.policies import Policies

SCHEDULERS = ("systemd", "cron", "launchd")

WORST: tuple[Ending, ...] = ("failed", "partial", "refused", "done", "planned", "nothing")
"""The outcome of several plans is the first of these that occurs."""

KEYS = "archive_after, levels, subagents, subagents_prune, prune_after, budget"


def add_arguments(parser: ArgumentParser) -> None:
    """Only what runs it regularly; the policies stand in the configuration."""
    parser.add_argument(
        "--print-unit",
        metavar="KIND",
        nargs="?",
        const="systemd",
        choices=SCHEDULERS,
        help="print what runs this every day and change nothing: systemd (default), cron, launchd",
    )


def run(call: Call) -> Answer:
    """Plan, and do what was announced before."""
    from tui.policy.policies import policies_of

    if call.options.print_unit:
        return _unit(call)
    policies = policies_of(call.config)
    if not policies.active:
        named = call.options.config
        path = typed(named) if named else default_config()
        message = f"No retention is configured: set {KEYS} in [retention] of {path}."
        return Answer("nothing", message, _data(()))
    return _carry_out(call, policies)


def _carry_out(call: Call, policies: Policies) -> Answer:
    from tui.engine.retention import (
        announce,
        is_announced,
        prepare_retention,
        remember_announced,
        told_due,
    )

    found = prepare_retention(call.site, policies, call.now, call.stop)
    if call.options.dry_run:
        return _planned(call, found, "Nothing was changed (--dry-run).")
    if refusal := call.site.refusal:
        return Answer("refused", refusal, _data(_untouched(found.plans)), _text(found))
    if call.options.yes:
        if not is_announced(call.site, policies):
            outcome = announce(call.site, found, policies)
            message = _sentence((outcome.message, *found.notes))
            return Answer("planned", message, _data(_untouched(found.plans)), _text(found))
    elif not can_ask(call):
        return _planned(call, found, "Nothing was changed: add --yes to do it.")
    elif found.due:
        print(_text(found) + "\n\n" + " ".join(told_due(call.site, found)))
        if not ask("Carry this out, now and whenever `ocdu auto --yes` runs"):
            return Answer("planned", "Nothing was changed.", _data(_untouched(found.plans)))
        remember_announced(call.site, policies)
    return _done(call, found)


def _done(call: Call, found: Retention) -> Answer:
    """One plan after the other; a failure of one does not keep the next from its turn."""
    from tui.engine.retention import at_its_turn

    results: list[tuple[Plan, Outcome | None]] = []
    for planned in found.plans:
        if call.stop.is_set():
            results.append((planned, Outcome("refused", "Interrupted before its turn.")))
            continue
        plan = at_its_turn(planned, call.site)
        results.append((plan, perform_plan(call, plan, None)))
    outcomes = [outcome for _, outcome in results if outcome is not None]
    ending = worst([outcome.ending for outcome in outcomes])
    said = [outcome.message for outcome in outcomes if outcome.ending not in ("nothing",)]
    message = _sentence((*(said or ["Nothing is due."]), *found.notes))
    return Answer(ending, message, _data(results))


def worst(endings: Sequence[Ending]) -> Ending:
    """What all of it together comes to: refusals beside something done are "partial"."""
    if "refused" in endings and "done" in endings and "failed" not in endings:
        return "partial"
    return next((each for each in WORST if each in endings), "nothing")


def _planned(call: Call, found: Retention, end: str) -> Answer:
    from tui.engine.retention import told_due

    due = told_due(call.site, found)
    message = _sentence((*(due or ["Nothing is due."]), *found.notes, end if due else ""))
    ending: Ending = "planned" if due else "nothing"
    return Answer(ending, message, _data(_untouched(found.plans)), _text(found))


def _untouched(plans: Iterable[Plan]) -> list[tuple[Plan, Outcome | None]]:
    return [(plan, None) for plan in plans]


def _sentence(parts: Iterable[str]) -> str:
    return " ".join(part for part in parts if part)


def _text(found: Retention) -> str:
    """Every plan with something to do, for people."""
    shown = [f"{plan.verb.capitalize()}\n{plan_text(plan)}" for plan in found.due]
    totals = sum((plan.totals for plan in found.due), Totals())
    if len(shown) > 1:
        shown.append(f"All of it: {totals_text(totals)}")
    return "\n\n".join(shown)


def _data(results: Iterable[tuple[Plan, Outcome | None]]) -> Mapping[str, Any]:
    """`plans` and, over all of them, `totals`, `done`, `predicted_bytes` and `freed_bytes`."""
    found = list(results)
    outcomes = [outcome for _, outcome in found if outcome is not None]
    done = sum((outcome.done for outcome in outcomes), Totals())
    return {
        "plans": [
            {
                "verb": plan.verb,
                "outcome": outcome.ending if outcome else "planned" if plan.items else "nothing",
                "message": outcome.message if outcome else plan.message,
                **plan_json(plan, outcome),
            }
            for plan, outcome in found
        ],
        "totals": asdict(sum((plan.totals for plan, _ in found), Totals())),
        "done": asdict(done) if outcomes else None,
        "predicted_bytes": sum(plan.predicted_bytes for plan, _ in found),
        "freed_bytes": sum(each.freed_bytes for each in outcomes) if outcomes else None,
    }


def _unit(call: Call) -> Answer:
    from tui.cli.units import program, unit

    text = unit(call.options.print_unit, [*program(), "auto", "--yes", *_named(call)])
    return Answer("done", "", {"unit": text}, text.rstrip("\n"))


def _named(call: Call) -> list[str]:
    """What was named for this call, for the calls to come: they start in another folder."""
    found: list[str] = []
    for option in ("db", "config"):
        if value := getattr(call.options, option):
            found += [f"--{option}", str(absolute(value))]
    return [*found, "--force"] if call.options.force else found
