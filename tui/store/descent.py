"""Walking below one folder without ever being led out of it.

Where the system can, every folder is opened by its name inside the folder above (`dir_fd`,
`O_NOFOLLOW`), and what is looked at or removed is named inside such an opened folder. Whoever
swaps a folder for a link meanwhile gets an error counted, and no file elsewhere is touched. Only
folders are ever opened, never a file: closing a descriptor of a database would drop SQLite's locks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

Parts = tuple[str, ...]
"""A path below the root, name by name."""

BY_DESCRIPTOR = {
    os.open,
    os.stat,
    os.unlink,
    os.rmdir,
} <= os.supports_dir_fd and os.scandir in os.supports_fd
"""True where folders can be pinned; elsewhere every step is checked by its path."""

BLOCK = 512
"""Octets of one of stat's blocks, whatever the file system's own are (POSIX)."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Seen(NamedTuple):
    """Something below the root; `folder` is the opened folder it lies in."""

    folder: Folder
    parts: Parts
    state: os.stat_result


class Folder:
    """A folder that stays the same one while it is open, whatever happens to its name."""

    def __init__(self, place: int | str) -> None:
        self.place = place
        """A descriptor, or a path where the system knows no `dir_fd`."""

    def state(self) -> os.stat_result:
        """The folder itself."""
        return os.stat(self.place)

    def look(self, name: str) -> os.stat_result:
        """What lies here under this name; a link is looked at, not through."""
        if isinstance(self.place, int):
            return os.stat(name, dir_fd=self.place, follow_symlinks=False)
        return os.lstat(os.path.join(self.place, name))

    def names(self) -> Iterator[tuple[str, Callable[[], os.stat_result]]]:
        """Names in the folder, one by one, each with how to look at it."""
        with os.scandir(self.place) as entries:
            for entry in entries:
                yield entry.name, lambda entry=entry: self._seen(entry)  # type: ignore[misc]

    def _seen(self, entry: os.DirEntry[str]) -> os.stat_result:
        if isinstance(self.place, int):
            return entry.stat(follow_symlinks=False)
        return self.look(entry.name)  # a DirEntry of Windows does not know the inode

    def remove(self, name: str, seen: os.stat_result) -> int | None:
        """Remove a regular file, still the one that was seen; returns the blocks this gives back.

        None when it is another one now. A file with further names gives nothing back.
        """
        state = self.look(name)
        if not S_ISREG(state.st_mode) or _identity(state) != _identity(seen):
            return None
        if isinstance(self.place, int):
            os.unlink(name, dir_fd=self.place)
        else:
            os.unlink(os.path.join(self.place, name))
        return blocks(state) if state.st_nlink == 1 else 0

    def remove_folder(self, name: str) -> int:
        """Remove an empty folder; returns its blocks. Raises OSError when something is in it."""
        freed = blocks(self.look(name))
        if isinstance(self.place, int):
            os.rmdir(name, dir_fd=self.place)
        else:
            os.rmdir(os.path.join(self.place, name))
        return freed

    def inside(self, name: str) -> Folder:
        """A folder in this one, opened; raises OSError for a link, or what is no folder."""
        if name in ("", ".", "..") or os.sep in name:
            raise NotADirectoryError(name)
        if isinstance(self.place, int):
            return Folder(os.open(name, _FOLDER | _NOFOLLOW, dir_fd=self.place))
        path = os.path.join(self.place, name)
        if not S_ISDIR(os.lstat(path).st_mode) or os.path.realpath(path) != path:
            raise NotADirectoryError(path)
        return Folder(path)

    def close(self) -> None:
        """Let it go."""
        if isinstance(self.place, int):
            os.close(self.place)


def _identity(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_mtime_ns, state.st_size


def blocks(state: os.stat_result) -> int:
    """Octets on the disk: holes of sparse files count nothing."""
    found = getattr(state, "st_blocks", None)
    return state.st_size if found is None else int(found) * BLOCK


@contextmanager
def opened(root: Path, parts: Parts = ()) -> Iterator[Folder]:
    """The folder at `parts` below the root, reached step by step; only the root may be a link.

    Raises OSError when it is not there, or when one of the steps is a link.
    """
    top = Folder(os.open(root, _FOLDER) if BY_DESCRIPTOR else os.path.realpath(root))
    try:
        with _below(top, parts) as folder:
            yield folder
    finally:
        top.close()


@contextmanager
def _below(top: Folder, parts: Parts) -> Iterator[Folder]:
    folder = top
    try:
        for name in parts:
            above, folder = folder, folder.inside(name)
            if above is not top:
                above.close()
        yield folder
    finally:
        if folder is not top:
            folder.close()


def walk(
    root: Path,
    below: Parts = (),
    lost: Callable[[], None] = lambda: None,
    enters: Callable[[Parts], bool] = lambda parts: True,
) -> Iterator[Seen]:
    """Everything in the folder `below`, the folder itself first, each folder before its content.

    `lost` is called for whatever cannot be looked at, `enters` says which folders are walked into.
    Folders wait as names and not as
    descriptors: there is no depth at which those run out.
    """
    waiting: list[Parts] = [below]
    try:
        with opened(root) as top:
            while waiting:
                for seen in _content(top, waiting.pop(), below, lost):
                    if S_ISDIR(seen.state.st_mode) and seen.parts != below and enters(seen.parts):
                        waiting.append(seen.parts)
                    yield seen
    except OSError:
        lost()


def _content(top: Folder, parts: Parts, below: Parts, lost: Callable[[], None]) -> Iterator[Seen]:
    try:
        with _below(top, parts) as folder:
            if parts == below:
                yield Seen(folder, parts, folder.state())
            for name, look in folder.names():
                try:
                    state = look()
                except OSError:
                    lost()
                    continue
                yield Seen(folder, (*parts, name), state)
    except OSError:
        lost()


def remove_folder(root: Path, parts: Parts) -> int:
    """Remove a folder if it is empty; returns the octets given back, 0 when it stays."""
    with suppress(OSError), opened(root, parts[:-1]) as folder:
        return folder.remove_folder(parts[-1])
    return 0
