"""Expected failures: one clear sentence for the user, with the next step, and an exit code.

They are caught once, at the edge (`tui.app`, `tui.cli.main`). Everything else is a defect and
goes to the log with its traceback.
"""

from __future__ import annotations


class OcduError(Exception):
    """Something failed; the text is the sentence shown to the user."""

    exit_code = 1

    may_pass = False
    """True when the same may go well later: a lock, a full disk, a file that may not be written."""


class WrongCall(OcduError):
    """The user asked for something that does not exist or cannot be read: exit code 2."""

    exit_code = 2


class Refused(OcduError):
    """A rule or the circumstances forbid it and nothing was changed: exit code 3."""

    exit_code = 3


class Unexportable(Refused):
    """This one session cannot be written; others may: exit code 3."""


class NotNow(Refused):
    """The circumstances of the moment forbid it, and nothing was changed: exit code 3."""

    may_pass = True


class NoRoom(OcduError):
    """A disk is full; what was begun was rolled back, nothing was changed: exit code 3.

    Not a refusal of one thing among many: whatever comes next meets the same disk.
    """

    exit_code = 3
    may_pass = True
