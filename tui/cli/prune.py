"""`ocdu prune`: move whole trees to the trash, chosen by id or by policy."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.policy.prune import PrunePolicy

SELECTORS = ("older_than", "project", "archived", "missing", "children", "keep", "larger_than",
             "budget")  # fmt: skip
"""Options that choose trees; they and ids exclude each other."""


def add_arguments(parser: ArgumentParser) -> None:
    """Ids, or the conditions that must all hold."""
    parser.add_argument(
        "ids", metavar="ID", nargs="*", help="these trees, however young; shortened while unique"
    )
    which = parser.add_argument_group("which trees, all conditions together")
    which.add_argument(
        "--older-than",
        metavar="AGE",
        help="idle longer than 30 (days), 12h, 30d, 2w, 3m (default 30d; no limit with --budget)",
    )
    which.add_argument("--project", metavar="P", help="only of this project, by name or id")
    which.add_argument("--archived", action="store_true", help="only archived trees")
    which.add_argument("--missing", action="store_true", help="only if the directory is gone")
    which.add_argument("--children", action="store_true", help="idle subagents; their roots stay")
    which.add_argument(
        "--keep", metavar="N", type=int, help="the newest N of every project always stay"
    )
    which.add_argument("--larger-than", metavar="SIZE", help="only trees of at least 50MB, 2GB …")
    which.add_argument(
        "--budget", metavar="SIZE", help="oldest first, until what stays fits into 2GB …"
    )
    parser.add_argument("--permanent", action="store_true", help="delete for good, no trash")
    parser.add_argument("--vacuum", action="store_true", help="then give free pages back")


def run(call: Call) -> Answer:
    """Plan the prune, carry it out, and vacuum afterwards where that was asked for."""
    from tui.format import plural, size
    from tui.policy.prune import needs_asking, plan_prune
    from tui.store.session_files import count_files

    options, site = call.options, call.site
    forest = call.forest_with_directories if options.missing else call.forest
    policy = _policy(call)
    named = policy.ids
    forest = call.with_trees_measured(forest, named) if named else call.measured(forest)
    plan = plan_prune(
        forest,
        policy,
        call.now,
        call.running,
        files=count_files(site.files, [row.id for row in forest.rows]),
        filled_bytes=site.store.sizes().filled_bytes,
    )
    what = plural(len(plan), "branch" if policy.children else "tree", "")
    where = "Delete {} for good" if policy.permanent else "Move {} to the trash"
    warning = needs_asking(forest, named, call.now, call.running) or ""
    question = f"{where.format(what)} ({size(plan.totals.bytes)})"
    if policy.permanent:
        question += "; nothing undoes that"
    answer = carry_out(call, plan, question, warning=warning)
    if not policy.permanent:
        answer = replace(answer, data={**answer.data, "events_kept": policy.events})
    if options.vacuum and answer.outcome in ("done", "partial", "nothing"):
        return _with_vacuum(call, answer)
    return answer


def _policy(call: Call) -> PrunePolicy:
    """The policy that was typed, with the configuration's defaults. Raises WrongCall."""
    from tui.policy.prune import PrunePolicy
    from tui.quantity import parse_age, parse_size

    options, defaults = call.options, call.config.prune
    events = call.config.trash.events
    given = [name for name in SELECTORS if getattr(options, name) not in (None, False)]
    if options.ids:
        if given:
            names = ", ".join("--" + name.replace("_", "-") for name in given)
            raise WrongCall(f"Name trees by their ids or choose them with {names}, not both.")
        ids = call.ids(call.forest, options.ids)
        return PrunePolicy(ids=frozenset(ids), permanent=options.permanent, events=events)
    if options.keep is not None and options.keep < 0:
        raise WrongCall(f"--keep {options.keep} keeps less than nothing: write 0 or more.")
    budget = parse_size(options.budget) if options.budget else 0
    limit = options.older_than
    if limit is None and not budget:
        limit = defaults.older_than
    return PrunePolicy(
        older_than=None if limit is None else parse_age(limit),
        project=project_typed(call),
        archived=options.archived,
        missing=options.missing,
        larger_than=parse_size(options.larger_than) if options.larger_than else 0,
        keep=defaults.keep if options.keep is None else options.keep,
        children=options.children,
        budget=budget,
        permanent=options.permanent,
        events=events,
    )


def project_typed(call: Call) -> str | None:
    """The project named with --project. Raises WrongCall when no session belongs to it."""
    wanted: str | None = call.options.project
    if wanted is not None:
        known = {row.project for row in call.forest.rows}
        if wanted not in known | {row.project_id for row in call.forest.rows}:
            names = ", ".join(sorted(known)[:10])
            raise WrongCall(f"There is no project “{wanted}”: there are {names or 'none yet'}.")
    return wanted


def _with_vacuum(call: Call, answer: Answer) -> Answer:
    """The answer with the vacuum's added; the prune's own numbers stay as they are."""
    from tui.cli import vacuum
    from tui.cli.log import complaint
    from tui.policy.giving_back import STILL_THERE

    try:
        more = vacuum.give_back(call)
    except Exception as error:  # the prune is done and must be told, whatever happened after it
        more = complaint(error, [], call.path)
    worse = more.outcome in ("failed", "partial")
    return replace(
        answer,
        outcome="partial" if worse else answer.outcome,
        message=f"{answer.message.removesuffix(STILL_THERE).rstrip()} {more.message}",
        data={**answer.data, "vacuum": {"outcome": more.outcome, **more.data}},
    )
