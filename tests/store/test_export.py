"""opencode's import format, from the trash and from a live database, whatever the rows hold."""

from __future__ import annotations

import json
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import Tool, Turn, execute, make_database, session
from tests.picture import run, site_of
from tui.engine.site import Site
from tui.errors import OcduError, Refused
from tui.store.export import LIVE, TRASH, Exported, new_file, write_session
from tui.store.shelf import reading

ID = "ses_talk"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    turns = (Turn(tools=(Tool(2000),), diffs=50), Turn("And now?", "Much better."))
    made = session("talk", active=OLD, turns=turns, share=True, archived=7, events=1)
    return site_of(make_database(tmp_path / "opencode.db", [made, session("other")]))


def live(site: Site, id: str = ID) -> tuple[dict[str, Any], Exported]:
    """The session as it would be written from the database."""
    pieces: list[bytes] = []
    with site.store.reading() as db:
        done = write_session(db.connection(), LIVE, id, pieces.append)
    return json.loads(b"".join(pieces).decode(errors="replace")), done


def from_trash(site: Site, id: str = ID) -> tuple[dict[str, Any], Exported]:
    """The same from the trash, after a prune."""
    made = run(plan_for(site, id, events=False), site).batch
    pieces: list[bytes] = []
    with reading(site.ledger.trash_folder / f"{made}.trash") as connection:
        done = write_session(connection, TRASH, id, pieces.append)
    return json.loads(b"".join(pieces).decode(errors="replace")), done


def test_the_trash_and_the_database_give_the_same(site: Site) -> None:
    before, counted = live(site)
    after, done = from_trash(site)
    assert after == before and done == counted == Exported(4, 5, 0)


def test_the_session_has_opencodes_names_and_nothing_that_is_null(site: Site) -> None:
    info = live(site)[0]["info"]
    assert info["id"] == ID and info["projectID"] == "prj_garden" and info["title"] == "talk"
    assert info["share"] == {"url": f"https://share.invalid/{ID}"}
    assert info["time"]["archived"] == 7 and "compacting" not in info["time"]
    assert info["tokens"]["cache"] == {"read": 0, "write": 0}
    assert "parentID" not in info and None not in info.values()


def test_messages_and_parts_are_in_order_and_say_whose_they_are(site: Site) -> None:
    messages = live(site)[0]["messages"]
    assert [each["info"]["id"] for each in messages] == [
        "msg_talk_0u", "msg_talk_0a", "msg_talk_1u", "msg_talk_1a",
    ]  # fmt: skip
    assert {each["info"]["sessionID"] for each in messages} == {ID}
    tool, text = messages[1]["parts"]
    assert (tool["type"], text["type"]) == ("tool", "text")
    assert tool["messageID"] == "msg_talk_0a" and tool["sessionID"] == ID
    assert len(tool["state"]["output"]) == 2000


HOSTILE = {
    "no JSON": ("'{\"type\":'", 1),
    "a list": ("'[1]'", 1),
    "a blob": ("x'7b7d'", 1),
    "an empty object": ("'{}'", 0),
    "spaces around it": ('\'  {"type":"text"}\' || char(10, 32)', 0),
    "broken UTF-8": ("CAST(x'7b2261223a22ff227d' AS TEXT)", 0),
    "a lone surrogate": ('\'{"a":"\\ud83d"}\'', 0),
    "its own id": ('\'{"id":"liar","sessionID":"liar"}\'', 0),
}


@pytest.mark.parametrize(("value", "left_out"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_part_is_left_out_or_passes_but_breaks_nothing(
    site: Site, value: str, left_out: int
) -> None:
    execute(site.store.path, f"UPDATE part SET data = {value} WHERE id = 'prt_talk_0a_1'")
    found, done = live(site)
    assert done == Exported(4, 5 - left_out, left_out)
    ids = [part["id"] for message in found["messages"] for part in message["parts"]]
    assert len(ids) == 5 - left_out and "liar" not in ids


def test_a_malformed_message_goes_with_its_parts_and_is_counted(site: Site) -> None:
    execute(site.store.path, "UPDATE message SET data = 'nonsense' WHERE id = 'msg_talk_0u'")
    found, done = live(site)
    assert done == Exported(3, 4, 2) and len(found["messages"]) == 3


def test_a_stray_part_and_broken_names_are_no_riddle(site: Site) -> None:
    path = site.store.path
    execute(path, "INSERT INTO part VALUES ('prt_x', 'msg_gone', ?, 1, 1, '{}')", ID)
    execute(path, "UPDATE session SET title = CAST(x'ff41' AS TEXT), permission = 'no json'")
    found, done = live(site)
    assert done.left_out == 1 and found["info"]["title"].endswith("A")
    assert "permission" not in found["info"]


def test_a_row_of_many_megabytes_passes_in_blocks(site: Site) -> None:
    big = "json_object('type', 'text', 'text', replace(hex(zeroblob(20000000)), '00', 'ab'))"
    execute(site.store.path, f"UPDATE part SET data = {big} WHERE id = 'prt_talk_0a_1'")
    written = 0

    def count(block: bytes) -> None:
        nonlocal written
        written += len(block)

    tracemalloc.start()
    with site.store.reading() as db:
        write_session(db.connection(), LIVE, ID, count)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written > 40_000_000 and peak < 5_000_000


def test_a_session_of_an_old_schema_leaves_out_what_it_has_no_column_for(site: Site) -> None:
    for column in ("cost", "agent", "model", "metadata", "path", "workspace_id"):
        execute(site.store.path, "DROP INDEX IF EXISTS session_workspace_id")
        execute(site.store.path, f"ALTER TABLE session DROP COLUMN {column}")
    for name in ("input", "output", "reasoning", "cache_read", "cache_write"):
        execute(site.store.path, f"ALTER TABLE session DROP COLUMN tokens_{name}")
    info = live(site_of(site.store.path))[0]["info"]
    assert not info.keys() & {"cost", "tokens", "agent", "model", "path"}
    assert {"id", "slug", "title", "version", "directory", "time"} <= info.keys()


def test_a_session_that_is_gone_is_told(site: Site) -> None:
    with pytest.raises(OcduError, match="not there any more"):
        live(site, "ses_gone")


def test_a_file_is_private_whole_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with new_file(path) as write:
        write(b"{}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="exists already"), new_file(path) as write:
        write(b"other")
    assert path.read_bytes() == b"{}"
    with pytest.raises(OcduError), new_file(tmp_path / "half.json") as write:
        write(b"half")
        raise OcduError("no")
    assert not (tmp_path / "half.json").exists()


def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".json")
    with new_file(path) as write:
        write(b"{}")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == [path.name]
