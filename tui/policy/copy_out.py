"""Whether to rebuild a file from what stays, or to delete what goes and vacuum after it.

Deleting costs by what goes, the vacuum by what stays; copying out costs by what stays alone, but
more for each byte, because every row is compared. So it pays where most of the file is garbage.
"""

from __future__ import annotations

from typing import NamedTuple

from tui.policy.vacuum import DISK_FACTOR, LIVE_LOCK, copy_back_seconds

COPY_OUT = 9.5e-9
"""Seconds for each byte that stays: copied, indexed, compared, checked, written back, folded in
(measured: 2.1 s for 230 MB)."""

VACUUM = 7.5e-9
"""Seconds for each byte that stays in a vacuum (measured: 1.1 s for 153 MB)."""

DELETE = 3.5e-9
"""Seconds for each byte that is deleted in polite slices (measured: 11.5 s for 3.4 GB)."""


WORTH = 50_000_000
"""Octets that must go: less is deleted before anybody looks."""


class Rescue(NamedTuple):
    """What a rescue would do to a file; bytes are octets of pages."""

    stays: int
    goes: int
    held: bool
    """True when somebody else has the database open."""
    write_speed: float = 0.0
    """Of the disk, bytes per second; 0 where nobody measured."""
    free_disk: int = 0
    """On the file system of the database."""
    same_device: bool = True
    """False when the copy can lie on another disk with room for it."""


def prefers_copy_out(rescue: Rescue) -> bool:
    """True when copying out is the faster way to the same file, and possible now.

    Beside a program that has the database open only where the lock is as short as a vacuum's may
    be: deleting in slices disturbs nobody, and the vacuum can wait.
    """
    if rescue.goes < WORTH:
        return False
    lock = copy_back_seconds(rescue.stays, rescue.write_speed)
    if rescue.held and lock > LIVE_LOCK:
        return False
    need = rescue.stays * DISK_FACTOR / (1 if rescue.same_device else 2)
    if need > rescue.free_disk:
        return False
    return copy_out_seconds(rescue) < delete_seconds(rescue)


def copy_out_seconds(rescue: Rescue) -> float:
    """Expected time of the rebuilding: it does not depend on what goes."""
    return rescue.stays * COPY_OUT


def delete_seconds(rescue: Rescue) -> float:
    """Expected time of deleting in slices and of the vacuum after it."""
    return rescue.goes * DELETE + rescue.stays * VACUUM
