"""A finished batch: its SQLite file compressed with zstd behind a header that can be read alone.

The file begins with a zstd *skippable frame* (magic 0x184D2A5x and a length, both little-endian;
RFC 8878, 3.1.2) that holds a small JSON text: what `batch.Facts` says, and the SHA-256 and the
size of the SQLite file. An ordinary zstd frame with that file follows. So a list of batches
unpacks nothing, and `zstd -d FILE -o batch.db` gets everything back without ocdu.

Nothing here is held in memory but blocks. zstd itself is loaded when the first batch is packed or
unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import apsw

from tui.errors import OcduError
from tui.store import batch
from tui.store.batch import FORMAT, Facts, TreeLine

MAGIC = 0x184D2A5C
"""One of the sixteen that mark a skippable frame."""

SQLITE_MAGIC = b"SQLite format 3\0"

LEVEL = 2
"""Measured on 200 MB of conversations: level 1 leaves 34 %, 2 leaves 28 %, 3 leaves 26 % and takes
half as long again as 2."""

WORKERS = 2
"""Threads of zstd's own, where it was built with them: reading and hashing go on meanwhile."""

BLOCK = 1_000_000
"""Octets handled at a time: between two of them a job can be stopped."""

LONGEST_HEADER = 256_000_000
"""Octets beyond which a length is taken for damage: a tree takes about 500."""


class Found(NamedTuple):
    """What a file of the trash is."""

    facts: Facts
    is_packed: bool
    plain_bytes: int
    """Octets of the SQLite file, packed or not."""


def look_into(path: Path) -> Found | None:
    """What a file of the trash says of itself, without unpacking it; None for what is no batch."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            if file.read(len(SQLITE_MAGIC)) != SQLITE_MAGIC:
                header = _read_header(file)
                return Found(_facts_of(header), True, int(header["plain_bytes"]))
        with batch.opened(path) as connection:
            found = batch.facts(connection)
    except (apsw.Error, OSError, ValueError, LookupError, TypeError):
        return None
    return Found(found, False, path.stat().st_size) if 0 < found.format <= FORMAT else None


def _read_header(file: IO[bytes]) -> dict[str, Any]:
    """The header, leaving the file at the first compressed byte. Raises ValueError for damage."""
    file.seek(0)
    start = file.read(8)
    if len(start) < 8:
        raise ValueError("too short")
    magic, length = struct.unpack("<II", start)
    if magic != MAGIC or length > LONGEST_HEADER:
        raise ValueError("not a batch of ocdu's")
    header = json.loads(file.read(length))
    if not isinstance(header, dict) or not 0 < int(header["format"]) <= FORMAT:
        raise ValueError("not a batch this version of ocdu can read")
    return header


def _header_bytes(facts: Facts, sha256: str, plain_bytes: int) -> bytes:
    """As long for one hash as for another, so that it can be written before the hash is known."""
    trees = [
        {
            **line._asdict(),
            "members": list(facts.members.get(line.root, ())),
            "directory": facts.directories.get(line.root, ""),
        }
        for line in facts.lines
    ]
    header = {
        "ocdu": "trash batch", "format": facts.format, "created": facts.created,
        "database": facts.database, "rows": facts.rows, "events": facts.events, "trees": trees,
        "sha256": sha256, "plain_bytes": plain_bytes,
    }  # fmt: skip
    text = json.dumps(header).encode("ascii")
    return struct.pack("<II", MAGIC, len(text)) + text


def _facts_of(header: dict[str, Any]) -> Facts:
    lines = tuple(
        TreeLine(**{name: tree[name] for name in TreeLine._fields}) for tree in header["trees"]
    )
    members = {tree["root"]: tuple(tree["members"]) for tree in header["trees"]}
    told = ((tree["root"], tree.get("directory")) for tree in header["trees"])
    places = {root: str(place) for root, place in told if place}
    return Facts(
        int(header["format"]), int(header["created"]), str(header["database"]),
        bool(header["rows"]), bool(header["events"]), lines, members, places,
    )  # fmt: skip


def pack(plain: Path, target: Path) -> Generator[int, None, None]:
    """Write a plain batch packed to `target` (0600), synced and read back; yields octets done.

    Raises OSError (disk full) or OcduError when what was read back is not what was packed; then,
    or when the iterator is closed early, no `target` is left. Nobody may have `plain` open.
    """
    with batch.opened(plain) as connection:
        facts = batch.facts(connection)
    octets = plain.stat().st_size
    try:
        digest = yield from _compress(plain, target, facts, octets)
        back = yield from _digest_of_unpacked(target, None)
        if back != digest:
            raise OcduError(f"{target.name} did not read back as it was written: it is dropped.")
    except BaseException:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise


def _compress(plain: Path, target: Path, facts: Facts, octets: int) -> Generator[int, None, str]:
    """Returns the SHA-256 of what was packed."""
    zstd = _zstd()
    wish = zstd.CompressionParameter
    workers = min(WORKERS, wish.nb_workers.bounds()[1])
    packer = zstd.ZstdCompressor(
        options={wish.compression_level: LEVEL, wish.checksum_flag: 1, wish.nb_workers: workers}
    )
    digest, done = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600)
    with plain.open("rb") as source, os.fdopen(descriptor, "r+b") as file:
        file.write(_header_bytes(facts, "0" * 64, octets))
        while block := source.read(BLOCK):
            digest.update(block)
            file.write(packer.compress(block))
            done += len(block)
            yield done
        file.write(packer.flush())
        file.seek(0)
        file.write(_header_bytes(facts, digest.hexdigest(), octets))
        file.flush()
        os.fsync(file.fileno())
    if done != octets:
        raise OcduError(f"{plain.name} changed while it was packed: it stays as it is.")
    return digest.hexdigest()


def unpack(packed: Path, target: Path) -> Iterator[int]:
    """Write the SQLite file of a packed batch to `target` (0600), synced; yields octets done.

    Raises OcduError when the batch is damaged, OSError when there is no room; no `target` is left
    then.
    """
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            digest = yield from _digest_of_unpacked(packed, file)
            file.flush()
            os.fsync(file.fileno())
        with packed.open("rb") as source:
            wanted = _read_header(source)["sha256"]
        if digest != wanted:
            raise OcduError(_damaged(packed))
    except BaseException as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        if isinstance(error, ValueError | LookupError | EOFError | _zstd().ZstdError):
            raise OcduError(_damaged(packed)) from error
        raise


def _damaged(packed: Path) -> str:
    return (
        f"The batch {packed.stem} is damaged and stays as it is; nothing was changed. "
        f"`zstd -d` on {packed} may still get a part of it back."
    )


def _digest_of_unpacked(packed: Path, target: IO[bytes] | None) -> Generator[int, None, str]:
    """Unpack in blocks, into `target` if there is one; returns the SHA-256 of the contents."""
    unpacker = _zstd().ZstdDecompressor()
    digest, done = hashlib.sha256(), 0
    with packed.open("rb") as source:
        _read_header(source)
        while not unpacker.eof:
            given = source.read(BLOCK) if unpacker.needs_input else b""
            if not given and unpacker.needs_input:
                raise EOFError("the file ends too early")
            block = unpacker.decompress(given, max_length=BLOCK)
            digest.update(block)
            if target is not None:
                target.write(block)
            done += len(block)
            yield done
    return digest.hexdigest()


def _zstd() -> Any:
    """The standard library's module, or the same one for an older Python."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
