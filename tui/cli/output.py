"""How an answer looks: one JSON object by contract, or aligned text for people.

Text from the database goes through `format.clean`, so a title never steers the terminal.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from tui import __version__
from tui.cli.call import Answer
from tui.errors import OcduError
from tui.policy.plan import EXIT_CODE, Item, Outcome, Plan, Totals

if TYPE_CHECKING:
    from tui.records import SessionRow

MOST_ITEMS = 20
"""Items of a plan shown to people; JSON always holds all."""

INTERNAL = ("undo", "unfinished", "events_kept")
"""Details of an outcome that the journal keeps for itself, or that a verb tells on its own."""

WIDEST = 10_000
"""Columns of a line that goes into a file or a pipe: nothing is cut there."""


@contextmanager
def streamed() -> Iterator[None]:
    """Around writing to standard output piece by piece; whoever reads may go away meanwhile.

    Raises OcduError when it cannot be written.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        _give_up_output()
        if not isinstance(error, BrokenPipeError):
            raise OcduError(f"The output could not be written: {error.strerror}.") from error


def _give_up_output() -> None:
    """Python flushes once more at its end; that must find somewhere to go."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end


def say(answer: Answer, verb: str | None, *, as_json: bool) -> int:
    """Print the answer and return the exit code. A reader that went away is not an error."""
    code = EXIT_CODE[answer.outcome] if answer.exit_code is None else answer.exit_code
    try:
        if as_json:
            print(as_json_text(answer, verb), file=sys.stdout)
        else:
            _say_to_people(answer)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _give_up_output()
        if not isinstance(error, BrokenPipeError):
            why = getattr(error, "strerror", None) or error
            print(f"The output could not be written: {why}.", file=sys.stderr)
            return code or 1
    return code


def as_json_text(answer: Answer, verb: str | None) -> str:
    """The one object of the contract. ASCII only, so no title can steer a terminal."""
    found = {
        "ocdu": __version__,
        "command": verb,
        "outcome": answer.outcome,
        "message": answer.message,
        **answer.data,
    }
    return json.dumps(found, indent=2)


def _say_to_people(answer: Answer) -> None:
    from tui.format import clean

    if answer.text:
        _print(answer.text, to_errors=False)
    if answer.message:
        _print(clean(answer.message), to_errors=answer.outcome in ("refused", "failed"))


def say_beside(sentence: str) -> None:
    """Something that is no part of the answer and good to know with it."""
    from tui.format import clean

    print(clean(sentence), file=sys.stderr)


def _print(text: str, *, to_errors: bool) -> None:
    print(text, file=sys.stderr if to_errors else sys.stdout)


def speak_plainly(ascii_only: bool) -> None:
    """What a stream has no letters for is printed in ASCII of the same width; everything, if told.

    A terminal of another character set never ends the program.
    """
    codecs.register_error("ocdu", _in_letters_it_has)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            if ascii_only:
                stream.reconfigure(encoding="ascii", errors="ocdu")
            else:
                stream.reconfigure(errors="ocdu")


def _in_letters_it_has(error: UnicodeError) -> tuple[str, int]:
    """An error handler of `codecs`."""
    from tui.ascii import in_ascii

    assert isinstance(error, UnicodeEncodeError)
    return in_ascii(error.object[error.start : error.end]), error.end


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], right: str) -> str:
    """Aligned columns; `right` has one letter a column, "r" for right-aligned.

    On a terminal the last column is cut where the line ends.
    """
    from tui.format import cells, clip, fit

    lines = [list(headers), *(list(row) for row in rows)]
    widths = [max(cells(line[i]) for line in lines) for i in range(len(headers))]
    room = width()
    shown = []
    for line in lines:
        columns = [fit(text, widths[i], right=right[i] == "r") for i, text in enumerate(line[:-1])]
        start = "  ".join(columns)
        last = line[-1]
        if right[len(line) - 1] == "r":
            last = fit(last, widths[-1], right=True)
        shown.append(f"{start}  {clip(last, room - cells(start) - 2)}".rstrip())
    return "\n".join(shown)


def width() -> int:
    """Columns a line may take."""
    if not sys.stdout.isatty():
        return WIDEST
    return max(40, shutil.get_terminal_size().columns)


def badges(row: SessionRow) -> str:
    """Words for what is special about a session: "archived, pinned"."""
    named = {
        "archived": row.archived,
        "shared": row.shared,
        "pinned": row.pinned,
        "running": row.running,
        "missing directory": row.missing,
        "diverged": row.diverged,
    }
    return ", ".join(name for name, present in named.items() if present)


def plan_json(plan: Plan, outcome: Outcome | None = None) -> dict[str, Any]:
    """`plan`, `excluded`, `done`, `predicted_bytes`, `freed_bytes` and `batch` of the contract.

    Without an outcome nothing was done: `done`, `freed_bytes` and `batch` are null.
    """
    excluded = dict(plan.excluded)
    for reason, count in (outcome.excluded if outcome else {}).items():
        excluded[reason] = excluded.get(reason, 0) + count
    found: dict[str, Any] = {
        "plan": {
            "items": [_item_json(item) for item in plan],
            "totals": asdict(plan.totals),
        },
        "excluded": excluded,
        "done": asdict(outcome.done) if outcome else None,
        "predicted_bytes": plan.predicted_bytes,
        "freed_bytes": outcome.freed_bytes if outcome else None,
        "batch": outcome.batch if outcome else None,
    }
    details = {name: value for name, value in (outcome.details if outcome else {}).items()
               if name not in INTERNAL}  # fmt: skip
    if details:
        found["details"] = details
    return found


def _item_json(item: Item) -> dict[str, Any]:
    from tui.format import iso

    return {
        "id": item.id,
        "title": item.title,
        "reason": item.reason,
        "project": item.project or None,
        "last_activity": iso(item.seen_active or None),
        "session_ids": list(item.sessions),
        **asdict(item.totals),
    }


def plan_text(plan: Plan) -> str:
    """The plan for people: its first items, the totals, and what was left out."""
    from tui.format import count, size, titled
    from tui.policy.giving_back import FREES_PAGES

    if not plan.items:
        return ""
    heads: tuple[str, ...] = ("Bytes", "Sessions", "Why", "What")
    sides = "rrll"
    rows: list[tuple[str, ...]] = [
        (size(item.bytes), count(item.totals.sessions), item.reason, titled(item.title or item.id))
        for item in plan.items[:MOST_ITEMS]
    ]
    if not plan.totals.sessions:  # files, steps and levels of the whole database have none
        heads, sides = (heads[0], *heads[2:]), "rll"
        rows = [(row[0], *row[2:]) for row in rows]
    lines = [table(heads, rows, sides)]
    if len(plan) > MOST_ITEMS:
        lines.append(f"… and {count(len(plan) - MOST_ITEMS)} more")
    lines.append("")
    lines.append("Together: " + totals_text(plan.totals))
    if plan.verb in FREES_PAGES and plan.predicted_bytes:
        lines.append(f"About {size(plan.predicted_bytes)} of the file become free.")
    if plan.excluded:
        reasons = (f"{count(n)} {reason}" for reason, n in sorted(plan.excluded.items()))
        lines.append("Left out: " + ", ".join(reasons))
    return "\n".join(lines)


def totals_text(totals: Totals) -> str:
    """ "3 trees, 12 sessions, 4.1 MB"; counts of zero are not named."""
    from tui.format import plural, size

    nouns = ("tree", "session", "message", "part", "event", "file")
    counts = asdict(totals)
    named = [plural(counts[noun + "s"], noun) for noun in nouns if counts[noun + "s"]]
    return ", ".join([*named, size(totals.bytes)])
