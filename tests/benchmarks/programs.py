"""The tools that do the same chores, and how each one's own help spells them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Program(NamedTuple):
    """One tool; each chore is what follows the name of the program."""

    name: str
    command: tuple[str, ...]
    listing: tuple[str, ...]
    sizes: str
    """What sizes its list shows."""
    one_tree: Callable[[Sequence[str]], tuple[str, ...]]
    """Delete a tree, whose root is the first of these ids."""
    by_age: tuple[str, ...]
    """Delete what is older than 30 days, as the tool itself understands it."""
    also: str
    """What a deletion of it does besides."""
    vacuum: tuple[str, ...]
    restore: Callable[[Path], tuple[str, ...]] | None
    """Bring the last deletion back, given the home; None for a tool that keeps no copy."""


def _newest_backup(home: Path) -> tuple[str, ...]:
    folders = home.glob(".local/share/opencode/backups/opencode-db-cleanup-*")
    return ("backup", "restore", str(max(folders)))


PROGRAMS = (
    Program(
        "ocdu",
        (sys.executable, "-m", "tui"),
        ("list", "--json"),
        "sizes of messages, parts and events",
        lambda ids: ("prune", ids[0], "--yes"),
        ("prune", "--older-than", "30d", "--yes"),
        "copies to the trash",
        ("vacuum", "--yes"),
        lambda home: ("undo", "--yes"),
    ),
    Program(
        "ocman",
        ("ocman",),
        ("list", "sessions", "-A", "--json"),
        "no sizes",
        lambda ids: ("session", "delete", ids[0], "-y", "--no-extracts"),
        ("db", "clean", "--older-than", "30d", "-y", "--no-extracts"),
        "copies the file first, vacuums after",
        ("reclaim", "-y"),
        _newest_backup,
    ),
    Program(
        "ocgc",
        ("ocgc",),
        ("sessions", "--sort", "size"),
        "sizes of parts",
        # It deletes the sessions that are named and no others.
        lambda ids: ("purge", *(word for id in ids for word in ("--session", id)), "-f"),
        ("purge", "--older-than", "30d", "-f"),
        "",
        ("vacuum", "-f"),
        None,
    ),
    Program(
        "opencode-db",
        ("opencode-db", "--lang", "en"),
        ("list", "--all", "--json"),
        "no sizes",
        lambda ids: ("delete", ids[0], "--force", "--with-children"),
        ("delete", "--older-than", "30d", "--force"),
        "",
        ("vacuum", "--force"),
        None,
    ),
)


def installed() -> list[Program]:
    """Ourselves, and whoever is on the PATH."""
    return [program for program in PROGRAMS if shutil.which(program.command[0])]


def version(program: Program, environment: Mapping[str, str]) -> str:
    """What it calls itself, and the Python it runs with."""
    said = _said([*program.command, "--version"], environment)
    path = shutil.which(program.command[0])
    assert path is not None
    with Path(path).open("rb") as script:
        first = script.readline(200)
    python = first[2:].decode().strip() if first.startswith(b"#!") else path
    return f"{said}, {_said([python, '--version'], environment)}"


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False
    )
    return (done.stdout or done.stderr).strip().replace("\n", " ")
