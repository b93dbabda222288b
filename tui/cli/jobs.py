"""`ocdu jobs`: everything ocdu ever changed in this database, or all about one job."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.output import table
from tui.errors import WrongCall

if TYPE_CHECKING:
    from tui.store.journal import JobRecord, JournalEntry

SHOWN = 50
"""Jobs listed unless told otherwise."""


def add_arguments(parser: ArgumentParser) -> None:
    """Which job, or how many."""
    parser.add_argument("number", metavar="NUMBER", nargs="?", help="tell all about this job")
    parser.add_argument("--limit", metavar="N", default=str(SHOWN), help="newest jobs to list")


def run(call: Call) -> Answer:
    """The journal, newest first, or one job with its plan, its phases and its outcome."""
    number = call.options.number
    if number is not None:
        return _one(call, _whole(number, "a job's number"))
    found = call.site.ledger.entries(_whole(call.options.limit, "--limit"))
    data = {"jobs": [_entry_json(each) for each in found]}
    if not found:
        return Answer("nothing", "ocdu has not changed anything in this database yet.", data)
    text = "" if call.options.json else _list_text(call, found)
    return Answer("done", "`ocdu jobs NUMBER` tells all about one.", data, text)


def _whole(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise WrongCall(f"“{text}” is not {what}: write a whole number above 0.")
    return int(text)


def _list_text(call: Call, found: list[JournalEntry]) -> str:
    from tui.format import age, clean, size

    rows = [
        (
            str(each.id),
            age(each.time, call.now),
            each.verb,
            each.state,
            size(each.predicted_bytes) if each.predicted_bytes else "–",
            size(each.freed_bytes) if each.freed_bytes else "–",
            clean(each.title),
        )
        for each in found
    ]
    return table(("No", "Age", "Job", "State", "Predicted", "Freed", "What"), rows, "rrllrrl")


def _one(call: Call, number: int) -> Answer:
    record = call.site.ledger.record(number)
    if record is None:
        raise WrongCall(f"There is no job {number} in the journal of this database: `ocdu jobs`.")
    data = {
        "job": {
            **_entry_json(record.entry),
            "plan": record.plan or None,
            "phases": _phases_json(record),
            "result": record.outcome or None,
        }
    }
    text = "" if call.options.json else _record_text(record)
    return Answer("done", record.entry.message, data, text)


def _entry_json(entry: JournalEntry) -> dict[str, Any]:
    from tui.format import iso

    return {
        "number": entry.id,
        "verb": entry.verb,
        "title": entry.title,
        "state": entry.state,
        "message": entry.message,
        "began": iso(entry.time),
        "ended": iso(entry.ended),
        "payload_bytes": entry.payload_bytes,
        "predicted_bytes": entry.predicted_bytes,
        "freed_bytes": entry.freed_bytes,
        "batch": entry.batch,
        "undoable": entry.undoable,
    }


def _phases_json(record: JobRecord) -> list[dict[str, Any]]:
    from tui.format import iso

    return [{**phase, "at": iso(phase["at"])} for phase in record.phases]


def _record_text(record: JobRecord) -> str:
    from tui.format import clean, count, size

    entry = record.entry
    lines = [f"Job {entry.id}: {entry.verb} of {clean(entry.title)}, {entry.state}"]
    if entry.ended:
        lines[0] += f" after {(entry.ended - entry.time) / 1000:.1f} s"
    lines += [
        f"  {clean(str(phase['phase'] or 'working'))}: {count(int(phase['done']))} of "
        f"{count(int(phase['total']))}"
        for phase in record.phases
    ]
    items = record.plan.get("items", [])
    rows = [(size(int(i["bytes"])), clean(i["title"]), clean(i["reason"])) for i in items]
    if rows:
        lines += ["", table(("Bytes", "What", "Why"), rows, "rll")]
    if record.plan.get("more"):
        lines.append(f"  … and {count(record.plan['more'])} more")
    return "\n".join(lines) + "\n"
