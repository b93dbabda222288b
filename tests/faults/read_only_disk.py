"""Folders that lie on a read-only file system: bind mounts in a mount namespace of one process.

    done = on_read_only_disk([folder], "-m", "tui", "list")

runs Python with these arguments while nothing below these folders can be written, not even by root.
Needs what `small_disk` needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults.small_disk import NAMESPACE, ROOT, SECONDS


def on_read_only_disk(folders: Sequence[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments while the folders are read-only."""
    me = [sys.executable, "-m", "tests.faults.read_only_disk", os.pathsep.join(map(str, folders))]
    return subprocess.run(
        [*NAMESPACE, *me, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )


def main() -> None:
    for folder in sys.argv[1].split(os.pathsep):
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])


if __name__ == "__main__":
    main()
