"""Work that the running app does, timed without the start of a process.

Run as `python -m tests.benchmarks.inside sizes|find DB`; prints the seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tui.store.database import Store, open_store
from tui.store.payloads import find_payloads
from tui.store.usage import measure_all


def sizes(store: Store) -> None:
    """Every session's size, as the tree shows them."""
    assert measure_all(store).done


def find(store: Store) -> None:
    """Every part that opencode marked compacted."""
    find_payloads(store, ["compacted"])


if __name__ == "__main__":
    deed = {"sizes": sizes, "find": find}[sys.argv[1]]
    subject = open_store(Path(sys.argv[2]))
    began = time.perf_counter()
    deed(subject)
    print(time.perf_counter() - began)
