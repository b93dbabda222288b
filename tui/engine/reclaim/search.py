"""One search for any reclaim levels: what a rescue, retention and their previews have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

from tui.engine.site import Site
from tui.records import Payload
from tui.store.reclaimable import find_reclaimable


def search_levels(
    site: Site,
    levels: Sequence[str],
    stop: Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[Payload]:
    """What these levels could take, a row counted once; incomplete when `stop` was set. Blocking.

    `on_progress` gets the share that is done, 0 to 1.
    """
    if not levels:
        return []
    return find_reclaimable(
        site.store, levels, files=site.files, stop=stop, on_progress=on_progress
    )
