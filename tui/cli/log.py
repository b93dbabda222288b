"""Tracebacks for whoever repairs it: they go to a file, the user gets a sentence."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tui import __version__
from tui.cli.call import Answer
from tui.errors import OcduError, Refused
from tui.policy.plan import Ending


def log_path() -> Path:
    """Where tracebacks go."""
    import platformdirs

    return Path(platformdirs.user_log_dir("ocdu", appauthor=False)) / "ocdu.log"


def write_log(arguments: Sequence[str]) -> bool:
    """Append the exception being handled to the log (0600 in a 0700 folder); False if it cannot."""
    path = log_path()
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = f"{when} ocdu {__version__} {list(arguments)}\n{traceback.format_exc()}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)
    except OSError:
        return False  # a full or read-only disk
    return True


def complaint(error: Exception, arguments: Sequence[str], path: Path | None) -> Answer:
    """The answer to whatever went wrong with this database; defects of ours go to the log."""
    if "apsw" in sys.modules:
        from tui.store.database import SQLITE_EXCEPTIONS, explained

        is_of_a_file = isinstance(error, OSError) and error.filename is not None
        if is_of_a_file:
            write_log(arguments)  # the world's fault, as a rule
        if is_of_a_file or isinstance(error, SQLITE_EXCEPTIONS):
            error = explained(error, path or Path("the database"))
    if isinstance(error, OcduError):
        outcome: Ending = "refused" if isinstance(error, Refused) else "failed"
        return Answer(outcome, str(error), exit_code=error.exit_code)
    kind, log = type(error).__name__, log_path()
    if write_log(arguments):
        what = f"Something went wrong inside ocdu ({kind}): {log} holds the details."
        return Answer("failed", what)
    traceback.print_exception(error)  # better on the screen than nowhere
    what = f"Something went wrong inside ocdu ({kind}); the details are above: {log} takes none."
    return Answer("failed", what)
