"""What each kind of symptom means to the user: how grave it is, a sentence, and what mends it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note", "ok"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note", "ok")
"""The gravest first. error: data is damaged or opencode fails on it. warning: it works, and
something should be mended. note: good to know. ok: looked at and found sound."""


class Meaning(NamedTuple):
    """What a kind of symptom means to the user."""

    severity: Severity
    what: str
    """A noun for the table; the count stands before it."""
    meaning: str
    """One sentence. `{says}` is what the examination heard."""
    mend: str
    """The command that mends it, or why nothing does."""
    fix: str = ""
    """Which repair of `--fix` is for it; "" for none."""


FIX = "`ocdu doctor --fix`"
NOTHING_YET = "Nothing mends it by itself:"

RECOVERY, LEFTOVERS, COUNTERS, ORPHANS = "recovery", "leftovers", "counters", "orphans"
"""Repairs of `--fix`, in the order they are carried out."""

REPAIRS = (RECOVERY, LEFTOVERS, COUNTERS, ORPHANS)

_DAMAGED = (
    "copy the database with its -wal file before anything else, stop opencode, then try"
    " `sqlite3 DB .recover`."
)

_MALFORMED = (
    "opencode cannot show a session with such a row (1.15 and newer answer with an error);"
    " `ocdu prune ID` moves the session to the trash."
)

MEANINGS: dict[str, Meaning] = {
    # damage
    "unreadable": Meaning(
        "error", "unreadable place",
        "SQLite cannot read the file where this stands: {says}.", f"{NOTHING_YET} {_DAMAGED}",
    ),
    "quick_check": Meaning(
        "error", "complaint of SQLite", "SQLite finds the file damaged: {says}.",
        f"{NOTHING_YET} {_DAMAGED}",
    ),
    "foreign_key": Meaning(
        "warning", "broken foreign key",
        "Rows name a row that is gone ({says}), as a deletion without foreign keys leaves them.",
        "See the findings on rows without their owner.",
    ),
    "malformed_json": Meaning(
        "error", "row with malformed JSON", "The body of a row is no JSON.",
        f"{NOTHING_YET} {_MALFORMED}",
    ),
    "wrong_shape": Meaning(
        "error", "row of a wrong shape", "The body of a row is JSON, but no object.",
        f"{NOTHING_YET} {_MALFORMED}",
    ),
    "null_data": Meaning(
        "error", "row without a body", "The body of a row is NULL.", f"{NOTHING_YET} {_MALFORMED}",
    ),
    "binary_data": Meaning(
        "error", "row with a binary body", "The body of a row is bytes instead of text.",
        f"{NOTHING_YET} {_MALFORMED}",
    ),
    "nul_bytes": Meaning(
        "warning", "row with NUL bytes", "Programs read the body of such a row up to its NUL only.",
        f"{NOTHING_YET} `ocdu prune ID` moves the session to the trash.",
    ),
    "undecodable_text": Meaning(
        "warning", "row that is no UTF-8", "Some bytes of the body are no text: they show as �.",
        f"{NOTHING_YET} what the bytes once were cannot be known.",
    ),
    "huge_row": Meaning(
        "warning", "row over 100 MB", "opencode needs several times as much memory to read it.",
        "`ocdu show ID` names it; `ocdu reclaim` takes output, `ocdu prune ID` the session.",
    ),
    "unexamined_row": Meaning(
        "note", "row too large to parse",
        "Its text is sound; whether it is JSON was not examined, to spare the memory.",
        "Nothing to do.",
    ),
    # the counters
    "counter_behind_events": Meaning(
        "error", "session that opencode cannot write",
        "Its event counter is missing or behind its events, so opencode's next write collides.",
        f"{FIX} raises the counter to the highest number in use.", COUNTERS,
    ),
    "counter_behind_messages": Meaning(
        "error", "session that opencode 2 cannot write",
        "The shared counter is missing or behind its messages, as a deletion by 1.x leaves it.",
        f"{FIX} raises the counter to the highest number in use.", COUNTERS,
    ),
    # what is left of something
    "session_in_events_only": Meaning(
        "warning", "session in its events only",
        "Its history is complete but the session is gone: deleted by another tool, or lost.",
        "`ocdu recover` lists them and rebuilds those you name; until then ocdu keeps the events.",
    ),
    "session_without_project": Meaning(
        "warning", "session without its project",
        "opencode lists sessions by project, so it shows them nowhere; ocdu does.",
        f"{NOTHING_YET} which project it was cannot be known. `ocdu prune ID` takes the session.",
    ),
    "part_elsewhere": Meaning(
        "warning", "part that names another session",
        "It is shown with its message and counted for the session it names.",
        f"{NOTHING_YET} which of the two is right cannot be known.",
    ),
    "cycle": Meaning(
        "warning", "session in a cycle of parents",
        "They are each other's ancestors; ocdu shows the oldest as the root, opencode shows none.",
        f"{NOTHING_YET} which link is wrong cannot be known. They can be archived and pruned.",
    ),
    "missing_parent": Meaning(
        "note", "session whose parent is gone",
        "It is shown as a root; opencode's list leaves it out.",
        f"{NOTHING_YET} the parent may come back from a trash. `ocdu prune ID` takes the session.",
    ),
    "missing_directory": Meaning(
        "note", "session whose folder is gone",
        "The project was moved or deleted, or its disk is not mounted now: {says}.",
        "`ocdu prune --missing --dry-run` shows what would go.",
    ),
    "leaked_blob": Meaning(
        "note", "instruction no session names", "opencode 2 keeps it for ever.",
        "`ocdu reclaim --level migrated` drops it while nobody has the file open.",
    ),
    "interrupted_job": Meaning(
        "error", "interrupted job", "An ocdu ended in the middle of a prune or a restore.",
        f"{FIX} finishes it or rolls it back; so does the next change.", RECOVERY,
    ),
    "leftover_copy": Meaning(
        "warning", "copy left by a vacuum", "Its maker was killed; nobody needs it any more.",
        f"{FIX} removes it; so does the next vacuum.", LEFTOVERS,
    ),
    "damaged_batch": Meaning(
        "warning", "damaged batch in the trash",
        "A file in the trash folder is no batch, or lacks rows: {says}.",
        f"{NOTHING_YET} it stays as it is; `ocdu trash list` names the others.",
    ),
    # the place, and who is there
    "network_file_system": Meaning(
        "warning", "network file system",
        "The database lies on {says}, where SQLite's locks may not hold.",
        "Move opencode's data directory to a local disk; ocdu writes there only with --force.",
    ),
    "old_sqlite": Meaning(
        "warning", "program with an old SQLite",
        "Its SQLite can damage the log when two programs fold it in at once: {says}.",
        "Update it (SQLite 3.51.3 or newer has the repair), and do not use `ocdu checkpoint` "
        "or `vacuum` beside it.",
    ),
    "unknown_sqlite": Meaning(
        "note", "program of unknown SQLite",
        "It has the file open, and which SQLite it brings cannot be seen from outside: {says}.",
        "Nothing to do if it is newer than opencode 1.15, or SQLite 3.51.3.",
    ),
    "large_wal": Meaning(
        "warning", "log larger than the file",
        "A long read kept opencode from folding its write-ahead log in.",
        "`ocdu checkpoint` folds it in.",
    ),
    "free_pages": Meaning(
        "note", "free page", "The file holds room that the disk could have back.",
        "`ocdu vacuum` gives it back.",
    ),
    "read_only_schema": Meaning(
        "note", "file that ocdu only shows", "{says}", "The sentence says what to do.",
    ),
    # the way to 2.x
    "importer_interrupted": Meaning(
        "warning", "1.x session not yet in 2.x",
        "opencode 2 was interrupted while it took over the 1.x sessions.",
        "Start opencode 2 once: it goes on by itself. Until then leave the 1.x sessions alone.",
    ),
    "importer_not_run": Meaning(
        "note", "1.x session not yet in 2.x",
        "opencode 2 has not taken over the 1.x sessions; when it does, it deletes all events.",
        "The next start of opencode 2 does it.",
    ),
    "importer_unknown": Meaning(
        "warning", "1.x session not yet in 2.x",
        "The importer of opencode 2 says something ocdu does not know: {says}.",
        f"{NOTHING_YET} look for a newer ocdu.",
    ),
}  # fmt: skip

ORPHAN = Meaning(
    "warning", "row of {table} without its owner",
    "What it belongs to is gone: opencode never shows it.",
    f"{FIX} drops it, as `ocdu reclaim --level orphans` does.", ORPHANS,
)  # fmt: skip

UNOWNED = Meaning(
    "note", "row of {table} without its owner",
    "What it belongs to is gone, but it was no session's: opencode never shows it.",
    f"{NOTHING_YET} such rows are few and small, and opencode may still know what they are for.",
)  # fmt: skip
