"""What runs a command every day: systemd user units, a line for cron, an agent for launchd."""

from __future__ import annotations

import plistlib
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

LABEL = "ocdu-auto"


def program() -> list[str]:
    """The words that start this very ocdu: its executable, or this Python with the package."""
    started = Path(sys.argv[0])
    if started.name == "ocdu" and started.is_file():
        return [str(started.absolute())]
    beside = Path(sys.executable).with_name("ocdu")
    if beside.is_file():
        return [str(beside)]
    found = shutil.which("ocdu")
    return [found] if found else [sys.executable, "-m", "tui"]


def unit(kind: str, command: Sequence[str]) -> str:
    """The text for one of systemd, cron, launchd. Raises KeyError for another kind."""
    return KINDS[kind](command)


def systemd(command: Sequence[str]) -> str:
    """A service and its timer, as two files of the user's own units."""
    line = " ".join(map(_systemd_word, command))
    return f"""# ~/.config/systemd/user/{LABEL}.service
[Unit]
Description=Retention of opencode's sessions (ocdu auto)

[Service]
Type=oneshot
ExecStart={line}
Nice=10
IOSchedulingClass=idle

# ~/.config/systemd/user/{LABEL}.timer
[Unit]
Description=Daily retention of opencode's sessions

[Timer]
OnCalendar=daily
RandomizedDelaySec=30min
Persistent=true

[Install]
WantedBy=timers.target

# Save both files, then:
#   systemctl --user daemon-reload && systemctl --user enable --now {LABEL}.timer
# What it did: ocdu jobs, or journalctl --user -u {LABEL}
"""


def _systemd_word(word: str) -> str:
    """Quoted for ExecStart (systemd.service, COMMAND LINES): % and $ are doubled."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if plain != word or any(c.isspace() or c in "';" for c in word) else word


def cron(command: Sequence[str]) -> str:
    """A line for `crontab -e`; cron takes an unescaped % for the end of the line."""
    line = shlex.join(command).replace("%", r"\%")
    return f"# crontab -e\n17 4 * * * {line}\n"


def launchd(command: Sequence[str]) -> str:
    """A launch agent of the user's own."""
    agent = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "StartCalendarInterval": {"Hour": 4, "Minute": 17},
        "ProcessType": "Background",
        "Nice": 10,
    }
    return plistlib.dumps(agent).decode("utf-8")


KINDS: dict[str, Callable[[Sequence[str]], str]] = {
    "systemd": systemd,
    "cron": cron,
    "launchd": launchd,
}
