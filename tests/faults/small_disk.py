"""A disk that is too small: a tmpfs in a mount namespace of one process.

    done = on_small_disk(20_000_000, folder, "-m", "tests.faults.cramped", "prune", …)

runs Python with these arguments while `folder` is that disk. Nobody else sees the mount, and it is
gone with the process; so whatever is to be looked at, the program looks at itself and prints. Needs
Linux with user namespaces, or root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SECONDS = 120.0
"""Longer than any of these programs takes on a busy machine."""

NAMESPACE = ("unshare", "--map-root-user", "--mount")


def can_mount() -> bool:
    """True where a process may have mounts of its own."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


def on_small_disk(size: int, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments while `folder` is a disk of `size` octets (whole pages)."""
    folder.mkdir(parents=True, exist_ok=True)
    me = [sys.executable, "-m", "tests.faults.small_disk", str(size), str(folder)]
    return subprocess.run(
        [*NAMESPACE, *me, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )


class Ballast:
    """A file that fills the disk up to a remainder, and goes when there is to be room again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def leave(self, octets: int) -> None:
        """Fill the disk until so many octets are free."""
        self.drop()
        free = shutil.disk_usage(self._path.parent).free
        if free > octets:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free - octets)

    def drop(self) -> None:
        """Make room."""
        self._path.unlink(missing_ok=True)


def main() -> None:
    size, folder, *arguments = sys.argv[1:]
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder]
    subprocess.run(mount, check=True)
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()
