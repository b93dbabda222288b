"""ocdu on a terminal of its own, as a user sits before it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]

PATIENCE = 30.0
"""Seconds until a terminal that says nothing is a failure; an answer takes a second."""

AGAIN = 2.0
"""Seconds after which ^C is pressed once more, as anybody would: one that comes between the
question and the reading of the answer is only noticed with the next key."""

CTRL_C = "\x03"

QUESTION = b"[y/N]"
"""What ocdu shows when it waits for an answer."""


def on_terminal(
    typed: str | int | dict[bytes, str],
    *arguments: object,
    once: bytes = QUESTION,
    environment: str = "",
) -> tuple[int, str]:
    """Run ocdu on a terminal; type this, or send this signal, `once` something is shown.

    Several keys in turn: what is typed by what must be shown first.

    Returns the exit code and everything shown. `environment` is one further NAME=VALUE.
    """
    ours, theirs = pty.openpty()
    name, _, value = environment.partition("=")
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *map(str, arguments)],
        env={**env, name: value} if name else env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: os.login_tty(theirs),  # so that ^C on it reaches the process
    )
    os.close(theirs)
    shown = b""
    if not isinstance(typed, dict):
        typed = {once: typed} if typed else {}  # type: ignore[dict-item]
    turns = list(typed.items())
    seen = 0
    while _is_heard(ours, again=not turns and CTRL_C in typed.values()):
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side has closed
            break
        shown += piece
        if not piece:
            break
        if turns and turns[0][0] in shown[seen:]:
            (_, answer), seen = turns.pop(0), len(shown)
            if isinstance(answer, int):
                process.send_signal(answer)
            else:
                os.write(ours, answer.encode())
    else:
        process.kill()
    os.close(ours)
    return process.wait(PATIENCE), shown.decode(errors="replace")


def _is_heard(terminal: int, *, again: bool) -> bool:
    """True once something is to be read from the terminal, or it is closed at the other end."""
    if again and not select.select([terminal], [], [], AGAIN)[0]:
        os.write(terminal, CTRL_C.encode())
    return bool(select.select([terminal], [], [], PATIENCE)[0])
