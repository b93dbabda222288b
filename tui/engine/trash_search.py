"""What was said in the sessions of the trash: batch by batch, the newest batch first."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from tui.engine.site import Site
from tui.engine.trash import batches
from tui.errors import OcduError
from tui.places import Buried, Dug
from tui.store.buried import search_batch
from tui.store.database import SQLITE_EXCEPTIONS, explained
from tui.store.newest import Newest, any_time
from tui.store.search import Since, Wanted


def search_trash(site: Site, wanted: Wanted, stop: Event, since: Since = any_time) -> Iterator[Dug]:
    """Hits with the batch they lie in, growing; ends early when `stop` is set.

    From when on a hit counts may rise meanwhile (`since`, ms). What was said in a batch was said
    before it was made: an older one is then not even unpacked.
    A batch that cannot be read is left out, and said with the last step; it stops no other.
    """
    if not wanted.text:
        yield Dug((), 1.0, True)
        return
    known = batches(site.ledger.trash_folder, site.ledger.database)
    whole, done = sum(each.file_bytes for each in known) or 1, 0
    left_out: list[str] = []
    for each in known:
        if each.created < since():
            break
        try:
            for hits, share in search_batch(each.path, wanted, stop, since):
                yield Dug(hits, (done + share * each.file_bytes) / whole)
        except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
            left_out.append(f"{each.id} was not searched: {explained(error, each.path)}")
        if stop.is_set():
            return
        done += each.file_bytes
    yield Dug((), 1.0, True, tuple(left_out))


def search_trash_all(
    site: Site, wanted: Wanted, limit: int, stop: Event, project: str | None = None
) -> tuple[list[Buried], tuple[str, ...]]:
    """At most so many hits, the newest first, and sentences about what could not be searched.

    `project` is the name of the only one whose trees count.
    """
    newest: Newest[Buried] = Newest(limit, lambda buried: buried.hit)
    left_out: tuple[str, ...] = ()
    for step in search_trash(site, wanted, stop, newest.since):
        newest.add(each for each in step.hits if project in (None, each.project))
        left_out = step.left_out
    return newest.found(), left_out
