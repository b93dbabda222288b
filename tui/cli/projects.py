"""`ocdu projects`: what each takes, move one whose folder has moved, remove one that is empty."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.cli.output import table
from tui.errors import WrongCall
from tui.paths import absolute

if TYPE_CHECKING:
    from tui.places import ProjectRow

ACTIONS = ("list", "relink", "remove")


def add_arguments(parser: ArgumentParser) -> None:
    """What to do, and with which projects or folders."""
    parser.add_argument(
        "action", metavar="list|relink|remove", nargs="?", choices=ACTIONS, default="list"
    )
    parser.add_argument(
        "ids", metavar="OLD NEW|PROJECT", nargs="*", help="relink: two folders; remove: projects"
    )
    parser.add_argument(
        "--live", action="store_true", help="relink although opencode has the file open"
    )


def run(call: Call) -> Answer:
    """List, relink or remove, whichever was typed."""
    action, ids = call.options.action, call.options.ids
    if action == "relink":
        return _relink(call, ids)
    if action == "remove":
        return _remove(call, ids)
    if ids:
        raise WrongCall("`ocdu projects list` takes no names: did you mean relink or remove?")
    return _list(call)


def _list(call: Call) -> Answer:
    from tui.format import age, clean, count, iso, plural, size
    from tui.store.projects import projects

    forest = call.measured(call.forest)
    octets: dict[str, int] = {}
    newest: dict[str, int] = {}
    for row in forest.rows:
        usage = forest.usage_of(row.id)
        octets[row.project_id] = octets.get(row.project_id, 0) + (usage.bytes if usage else 0)
        newest[row.project_id] = max(newest.get(row.project_id, 0), row.active)
    found = sorted(projects(call.site.store), key=lambda row: -octets.get(row.id, 0))
    data: list[dict[str, Any]] = [
        {
            "id": row.id,
            "name": row.name,
            "worktree": row.worktree,
            "exists": not row.missing,
            "sessions": row.sessions,
            "bytes": octets.get(row.id, 0),
            "last_activity": iso(newest.get(row.id)),
        }
        for row in found
    ]
    lines = [
        (
            size(octets.get(row.id, 0)),
            count(row.sessions),
            age(newest[row.id], call.now) if row.id in newest else "–",
            clean(row.name),
            f"{clean(row.worktree)}{'  (gone)' if row.missing else ''}",
        )
        for row in found
    ]
    text = table(("Bytes", "Sessions", "Active", "Project", "Folder"), lines, "rrrll")
    gone = sum(row.missing for row in found)
    message = f"{plural(len(found), 'project')}."
    if gone:
        message += f" The folder of {gone} is gone: `ocdu projects relink OLD NEW`, if it moved."
    return Answer("done", message, {"projects": data}, text + "\n")


def _relink(call: Call, ids: Sequence[str]) -> Answer:
    from tui.policy.projects import RelinkOptions, plan_relink
    from tui.store.holders import holders
    from tui.store.projects import places

    if len(ids) != 2:
        raise WrongCall("Name two folders: `ocdu projects relink OLD NEW`.")
    old, new = (os.path.normpath(absolute(each)) for each in ids)
    store = call.site.store
    plan = plan_relink(
        places(store), old, new, new_exists=os.path.isdir(new), holders=holders(store.path),
        live=call.options.live,
    )  # fmt: skip
    answer = carry_out(call, plan, f"Move {len(plan)} stored paths", warning=_warning(old))
    if isinstance(plan.options, RelinkOptions):
        moves = [move._asdict() for move in plan.options.moves]
        answer = Answer(answer.outcome, answer.message, {**answer.data, "moves": moves},
                        answer.text, answer.exit_code)  # fmt: skip
    return answer


def _warning(old: str) -> str:
    said = "What was said in the conversations keeps the old paths, and so do its file snapshots."
    return f"{old} still exists. {said}" if os.path.isdir(old) else said


def _remove(call: Call, names: Sequence[str]) -> Answer:
    from tui.format import plural
    from tui.policy.projects import plan_remove
    from tui.store.projects import projects

    if not names:
        raise WrongCall("Say which project to remove: `ocdu projects` shows their ids.")
    rows: Sequence[ProjectRow] = projects(call.site.store)
    plan = plan_remove(rows, names)
    return carry_out(call, plan, f"Remove {plural(len(plan), 'project')}")
