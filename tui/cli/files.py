"""`ocdu files`: what lies beside the database, and removing what nobody needs any more."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.cli.output import plan_json, table
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.records import FileRow, FileSurvey

MOST_OF_A_KIND = 12
"""Rows of one kind shown to people; JSON always holds all."""


def add_arguments(parser: ArgumentParser) -> None:
    """Which kinds; without --dry-run and --yes they are only shown."""
    parser.add_argument(
        "ids",
        metavar="KIND",
        nargs="*",
        help="only these: snapshot, tmp_pack, tool-output, log, session_diff, storage, …",
    )


def run(call: Call) -> Answer:
    """Show the data directory; plan with --dry-run, remove what is safe with --yes."""
    from tui.format import plural, size
    from tui.policy.files import plan_files

    kinds = _kinds(call.options.ids)
    survey = _survey(call)
    plan = plan_files(survey.rows, kinds, call.now)
    freed = size(plan.predicted_bytes)
    if call.options.dry_run or call.options.yes:
        question = f"Remove {plural(plan.totals.files, 'file')} for good ({freed})"
        answer = carry_out(call, plan, question)
        if answer.outcome in ("done", "partial", "failed"):
            survey = _survey(call)
        return replace(answer, data={**answer.data, **_rows_json(survey, kinds)})
    message = f"{_sum(survey, kinds)}; "
    message += (
        f"{freed} of it may go: `ocdu files --dry-run` says what, --yes removes it."
        if plan.items
        else "nothing of it may go."
    )
    data = {**plan_json(plan), **_rows_json(survey, kinds)}
    text = "" if call.options.json else _text(call, survey, kinds)
    return Answer("done", message, data, text)


def _kinds(named: Sequence[str]) -> frozenset[str]:
    """The kinds typed. Raises WrongCall for one that does not exist."""
    from tui.store.file_kinds import KINDS

    for each in named:
        if each not in KINDS:
            raise WrongCall(f"There is no kind “{each}”: there are {', '.join(KINDS)}.")
    return frozenset(named)


def _survey(call: Call) -> FileSurvey:
    from tui.records import FileSurvey
    from tui.store.files import survey_files

    site, survey = call.site, FileSurvey()
    for found in survey_files(site.store, site.files, call.now, call.stop):
        survey = found
    return survey


def _chosen(survey: FileSurvey, kinds: frozenset[str]) -> list[FileRow]:
    return [row for row in survey.rows if not kinds or row.kind in kinds]


def _sum(survey: FileSurvey, kinds: frozenset[str]) -> str:
    from tui.format import plural, size

    found = [row for row in _chosen(survey, kinds) if not row.parent]
    text = f"{size(sum(row.bytes for row in found))} on disk"
    text += f" in {plural(sum(row.files for row in found), 'file')}"
    if survey.errors:
        text += f", {plural(survey.errors, 'place')} could not be read"
    return text


def _rows_json(survey: FileSurvey, kinds: frozenset[str]) -> dict[str, Any]:
    from tui.format import iso

    rows = []
    for row in _chosen(survey, kinds):
        found = row._asdict()
        found["parent"] = row.parent or None
        found["newest"] = iso(row.newest or None)
        found["reason"] = row.reason or None
        rows.append(found)
    return {"files": rows, "errors": survey.errors}


def _text(call: Call, survey: FileSurvey, kinds: frozenset[str]) -> str:
    from tui.format import age, clean, count, size

    lines = []
    shown = 0
    for row in _chosen(survey, kinds):
        if not row.parent:
            shown = 0
        elif (shown := shown + 1) > MOST_OF_A_KIND:
            continue
        depth = 0 if not row.parent else 1 if "/" not in row.parent else 2
        name = "  " * depth + clean(row.title)
        lines.append(
            (
                size(row.bytes),
                size(row.safe_bytes) if row.safe_files else "",
                count(row.files),
                age(row.newest or None, call.now),
                name,
                clean(row.why if row.parent and row.kind != "database" else row.says),
            )
        )
    if not lines:
        return ""
    headers = ("On disk", "May go", "Files", "Newest", "What", "")
    return table(headers, lines, "rrrrll") + "\n"
