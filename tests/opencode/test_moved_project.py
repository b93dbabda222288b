"""A project whose folder was moved: after a relink opencode finds its sessions and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.opencode.binary import opencode
from tests.opencode.drive import Home
from tests.opencode.ocdu import ocdu
from tests.opencode.past import make_past
from tests.opencode.provider import Provider, Reply, bash
from tests.opencode.server import Server
from tests.opencode.witness import conversation

VERSION = "1.18.33"


def test_sessions_of_a_moved_project_are_listed_read_and_continued(
    provider: Provider, tmp_path: Path
) -> None:
    """A past of its own: the projects of the others must stay where they are."""
    home = Home(tmp_path / "home", opencode(VERSION), VERSION)
    home.furnish(provider.url)
    past = make_past(home, tmp_path / "projects")
    moved = tmp_path / "elsewhere" / "alpha"
    moved.parent.mkdir()
    shutil.move(past.alpha, moved)
    session = past.ids["family"]

    said = ocdu(home, "projects", "relink", str(past.alpha), str(moved))
    assert said.json["outcome"] == "done" and said.json["done"]["sessions"] >= 3, str(said)
    assert home.listed(moved) >= {past.ids[title] for title in ("family", "pruned", "quiet")}
    with Server(home, moved) as server:
        info = server.get(f"/session/{session}", moved)
        assert info["directory"] == str(moved)
        before = conversation(server, session, moved)
        plan = (Reply(calls=(bash(1, "acorn"),)), Reply("Back at work."))
        assert server.converse(session, moved, "Go on.", *plan) == "Back at work."
        after = conversation(server, session, moved)
        assert after[: len(before)] == before and len(after) > len(before)
    assert home.complaints() == []
