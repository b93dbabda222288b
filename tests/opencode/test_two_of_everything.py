"""Two opencode servers and two ocdu on one database: nobody's work is lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.opencode.ageing import age
from tests.opencode.ocdu import Said, ocdu
from tests.opencode.past import Past
from tests.opencode.provider import Reply, bash
from tests.opencode.server import Server
from tests.opencode.witness import conversation, opencode_accepts

ROUNDS = 3
"""Times each ocdu goes through its round of deeds."""


def keep_talking(
    server: Server, session: str, directory: Path, word: str, stop: threading.Event
) -> int:
    """Turn after turn with a tool call; the number of turns opencode said were finished."""
    turns = 0
    while not stop.is_set():
        plan = (Reply(calls=(bash(5, f"{word}-{turns}"),)), Reply(f"{word} {turns}"))
        assert server.converse(session, directory, "Go on.", *plan) == f"{word} {turns}"
        turns += 1
    return turns


def first_round(past: Past) -> list[Said]:
    """Archive and unarchive, prune and restore."""
    ids = past.ids
    deeds = (("archive", ids["family"]), ("unarchive", ids["family"]), ("prune", ids["overflowed"]),
             ("trash", "restore", ids["overflowed"]))  # fmt: skip
    return [ocdu(past.home, *deed, exit_code=None) for _ in range(ROUNDS) for deed in deeds]


def second_round(past: Past) -> list[Said]:
    """Reclaim, stamp another tree, fold the WAL in."""
    ids = past.ids
    deeds = (("archive", ids["pruned"]), ("reclaim", "--level", "aggressive", ids["pruned"]),
             ("checkpoint",), ("unarchive", ids["pruned"]))  # fmt: skip
    return [ocdu(past.home, *deed, exit_code=None) for _ in range(ROUNDS) for deed in deeds]


def test_two_ocdu_beside_two_servers_lose_nobodys_work(newest_past: Past) -> None:
    past, ids = newest_past, newest_past.ids
    age(past.home, days=45)
    stop = threading.Event()
    with (
        Server(past.home, past.alpha) as one,
        Server(past.home, past.beta) as two,
        ThreadPoolExecutor(max_workers=4) as pool,
    ):
        talks = [
            pool.submit(keep_talking, one, ids["quiet"], past.alpha, "almond", stop),
            pool.submit(keep_talking, two, ids["spoken"], past.beta, "walnut", stop),
        ]
        rounds = [pool.submit(first_round, past), pool.submit(second_round, past)]
        try:
            said = [each for future in rounds for each in future.result()]
        finally:
            stop.set()
        turns = [talk.result() for talk in talks]
        spoken = {
            "almond": conversation(one, ids["quiet"], past.alpha),
            "walnut": conversation(two, ids["spoken"], past.beta),
        }
        assert one.is_alive and two.is_alive

    for each in said:
        waited = each.exit_code == 3 and "Another ocdu" in str(each.json["message"])
        assert each.exit_code == 0 or waited, str(each)
    assert sum(each.exit_code == 0 for each in said) > len(said) // 2
    for (word, messages), count in zip(spoken.items(), turns, strict=True):
        texts = [p["text"] for m in messages for p in m["parts"] if p["type"] == "text"]
        assert count > 0 and [f"{word} {n}" for n in range(count)] == [
            text for text in texts if text.startswith(f"{word} ")
        ]
    assert past.home.complaints() == []
    restore_what_is_in_the_trash(past)
    assert opencode_accepts(past).keys() >= set(ids.values())


def restore_what_is_in_the_trash(past: Past) -> None:
    """A round may have ended between prune and restore, where the restore was told to wait."""
    listed = ocdu(past.home, "trash", "list").json
    for batch in listed["batches"]:
        ocdu(past.home, "trash", "restore", batch["id"])
