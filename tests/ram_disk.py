"""Where the databases of the tests lie: in memory where the system offers that, else on disk.

A test makes small databases and commits to them all the time; on a disk each commit waits until
the disk has it. In `/dev/shm` nothing waits. What a killed process leaves in a file is the same in
both; tests/faults and tests/opencode, which are about disks and about another program, stay on the
disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

RAM = Path("/dev/shm")
"""A file system in memory, on most Linux systems; containers may have a very small one."""

ROOM = 2_000_000_000
"""Octets that must be free there: four workers at a time use a tenth of that."""

ON_DISK = ("faults", "opencode", "full_size", "benchmarks")
"""Folders of tests that are about the disk."""


def lies_in_memory(arguments: Iterable[str]) -> bool:
    """True when a run of pytest with these arguments may put its files into memory."""
    asked = {part for each in arguments for part in Path(each.partition("::")[0]).parts}
    return not asked & set(ON_DISK) and os.access(RAM, os.W_OK) and free_memory() >= ROOM


def free_memory() -> int:
    """Octets that files in memory may take without anything being pushed out."""
    try:
        said = Path("/proc/meminfo").read_text()
        available = next(line for line in said.splitlines() if line.startswith("MemAvailable:"))
        return min(int(available.split()[1]) * 1024, shutil.disk_usage(RAM).free)
    except (OSError, StopIteration, ValueError):
        return 0
