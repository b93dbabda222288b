"""A program in a real pseudo-terminal, from exec to the first painted text that counts."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ESCAPES = re.compile(
    rb"\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|.)"
)

ROWS, COLUMNS = 36, 120

PATIENCE = 30.0
"""Seconds after which a program counts as stuck."""


class Shown(NamedTuple):
    """Seconds until the text was painted, and the process's peak memory in bytes."""

    seconds: float
    memory: int


def paint(
    command: Sequence[str], environment: Mapping[str, str], marks: Sequence[str], stay: float = 0
) -> Shown:
    """Start a program and wait until one of `marks` is on its screen; then press q.

    `stay` seconds are waited before leaving, for the program to do its work. Raises RuntimeError
    with the end of the output when no mark appears.
    """
    wanted = re.compile("|".join(re.escape(" ".join(mark.split())) for mark in marks))
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            command[0], list(command), {**environment, "TERM": "xterm-256color", "COLORTERM": ""}
        )
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        painted = _read_until(terminal, wanted, began)
        _drain(terminal, stay)
        return Shown(painted, _leave(pid, terminal))
    finally:
        os.close(terminal)


def _read_until(terminal: int, wanted: re.Pattern[str], began: float) -> float:
    seen = b""
    while time.perf_counter() - began < PATIENCE:
        chunk = _read(terminal)
        if chunk is None:
            break
        seen += chunk
        text = " ".join(ESCAPES.sub(b" ", seen).decode("utf-8", "replace").split())
        if wanted.search(text):
            return time.perf_counter() - began
        seen = seen[-60_000:]
    raise RuntimeError(f"The program painted no row: {seen[-2_000:]!r}")


def _read(terminal: int) -> bytes | None:
    """What has been written; b"" after a moment of silence, None at the end."""
    ready, _, _ = select.select([terminal], [], [], 0.05)
    if not ready:
        return b""
    try:
        return os.read(terminal, 65_536) or None
    except OSError:  # Linux reports the end of a pseudo-terminal as an error
        return None


def _drain(terminal: int, length: float) -> bool:
    """Read for some seconds, as a terminal does; False when the program has ended."""
    until = time.perf_counter() + length
    while time.perf_counter() < until:
        if _read(terminal) is None:
            return False
    return True


def _leave(pid: int, terminal: int) -> int:
    """Press q and read on until the program has ended; returns its peak memory."""
    os.write(terminal, b"q")
    if _drain(terminal, 5.0):
        os.kill(pid, signal.SIGKILL)
    _, _, usage = os.wait4(pid, 0)
    return usage.ru_maxrss * 1024
