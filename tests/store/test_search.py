"""Content search: what it finds is what a slow and simple reader of the rows would find."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tui.records import Hit
from tui.store import json_places, search
from tui.store.database import Store, open_store
from tui.store.search import Wanted, search_all

texts = st.text(alphabet='aAbBäÄß"\\\n %_\t\x01/€😀', max_size=8)
parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda text: {"type": "reasoning", "text": text, "time": {"start": 1}}, texts),
    st.builds(lambda name: {"type": "file", "filename": name, "url": "data:,abäÄ"}, texts),
    st.builds(
        lambda command, output: {
            "type": "tool", "tool": "bash", "callID": "abäB",
            "state": {"status": "completed", "input": {"aB": command, "list": [command]},
                      "output": output, "metadata": {"output": "abäÄ"}},
        },
        texts, texts,
    ),
    st.builds(
        lambda error: {"type": "tool", "tool": "read", "state": {"input": {}, "error": error}},
        texts,
    ),
    st.just({"type": "step-start", "snapshot": "abäÄ"}),
)  # fmt: skip


def texts_of(part: dict[str, Any]) -> Iterator[str]:
    """Words of a part, written down anew."""
    state = part.get("state", {})
    yield from (part[key] for key in ("text", "filename") if key in part)
    yield from (state[key] for key in ("output", "error") if key in state)
    for value in state.get("input", {}).values():
        yield from [value] if isinstance(value, str) else value


def holds(text: str, wanted: str) -> bool:
    """ASCII and single letters in either case."""
    return bool(re.search(re.escape(wanted), text, re.IGNORECASE))


def put(path: Path, bodies: list[str]) -> Path:
    """A database with these parts, the first the oldest."""
    made = make_database(path, [session("talk", turns=[Turn(text="", answer="")])])
    execute(made, "DELETE FROM part")
    for number, body in enumerate(bodies):
        execute(
            made, "INSERT INTO part VALUES (?, 'msg_talk_0a', 'ses_talk', ?, ?, CAST(? AS TEXT))",
            f"prt_{number}", number, number, body,
        )  # fmt: skip
    return made


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(parts, max_size=6), texts, st.sampled_from([search.LARGE, 40]))
def test_it_finds_what_a_slow_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[Any], wanted: str, large: int
) -> None:
    path = put(tmp_path_factory.mktemp("s") / "o.db", [dumped(body) for body in bodies])
    with patched(large):
        found = search_all(open_store(path), Wanted(wanted))
    slow = {
        f"prt_{number}"
        for number, body in enumerate(bodies)
        if wanted and any(holds(text, wanted) for text in texts_of(body))
    }
    assert {hit.part_id for hit in found} == slow
    for hit in found:
        assert holds(hit.snippet[hit.at : hit.at + hit.length], wanted)
    assert found == sorted(found, key=lambda hit: -hit.time)


class patched:
    """Rows count as huge from so many octets on; windows are a few octets wide."""

    def __init__(self, large: int) -> None:
        self.patches: list[Any] = [
            patch.object(search, "_HIT", search._HIT.replace(str(search.LARGE), str(large))),
            patch.object(search, "_ROW", search._ROW.replace(str(search.LARGE), str(large))),
            patch.object(search, "LARGE", large),
            patch("tui.store.needle.WINDOW", 3 if large < 1000 else json_places.WINDOW),
        ]

    def __enter__(self) -> None:
        for each in self.patches:
            each.start()

    def __exit__(self, *_: object) -> None:
        for each in self.patches:
            each.stop()


def found_in(path: Path, text: str, **more: Any) -> list[Hit]:
    return search_all(open_store(path), Wanted(text, **more))


def garden(path: Path) -> Path:
    turns = [
        Turn("Why do “roses” wilt?\nTell me", "They need\twater.", [Tool(20), Tool(0)]),
        Turn("And GRÜSSE to Ørsted 100%", "C:\\temp \"quoted\""),
    ]  # fmt: skip
    return make_database(
        path / "o.db",
        [
            session("roses", turns=turns, active=days_ago(2)),
            session("lawn", turns=[Turn("Mow the roses away")], active=days_ago(40)),
        ],
    )


@pytest.mark.parametrize(
    "text",
    ["roses", "ROSES", "“roses”", "wilt?\nTell", "grüsse", "ØRSTED", "100%", 'C:\\temp "Q',
     "need\twater", "\\temp"],
)  # fmt: skip
def test_quotes_breaks_umlauts_and_signs_are_found_as_they_are_typed(
    tmp_path: Path, text: str
) -> None:
    assert found_in(garden(tmp_path), text)


@pytest.mark.parametrize(
    "text", ["output", "callID", "status", "1000%", "r_ses", "metadata", "GRUSSE"]
)
def test_keys_and_signs_of_sql_find_nothing(tmp_path: Path, text: str) -> None:
    assert found_in(garden(tmp_path), text) == []


def test_the_newest_come_first_and_tell_who_spoke(tmp_path: Path) -> None:
    hits = found_in(garden(tmp_path), "roses")
    assert [(hit.session_id, hit.kind, hit.where) for hit in hits] == [
        ("ses_roses", "text", "user"),
        ("ses_lawn", "text", "user"),
    ]
    assert found_in(garden(tmp_path / "b"), "water")[0].where == "assistant"


def test_sessions_kinds_and_age_narrow_it(tmp_path: Path) -> None:
    path = garden(tmp_path)
    assert len(found_in(path, "roses", sessions=frozenset({"ses_lawn"}))) == 1
    assert len(found_in(path, "roses", since=days_ago(10))) == 1
    assert found_in(path, "roses", kinds=frozenset({"tool"})) == []
    assert [hit.where for hit in found_in(path, "ooo", kinds=frozenset({"tool"}))] == [
        "bash output"
    ]


def test_an_error_of_a_message_is_found_and_diffs_are_not(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("x", turns=[Turn(diffs=500)])])
    error = dumped(
        {
            "role": "assistant",
            "error": {"name": "APIError", "data": {"message": "Overloaded, try later"}},
        }
    )
    execute(path, "UPDATE message SET data = ? WHERE id = 'msg_x_0a'", error)
    (hit,) = found_in(path, "overloaded")
    assert (hit.kind, hit.message_id) == ("error", "msg_x_0a")
    assert found_in(path, "bed.txt") == []


HOSTILE = [
    "", "{", "null", "[1,2]", '"needle"', "needle", '{"type":"text","text":{"needle":"needle"}}',
    '{"type":"text","text":"needle \\ud83d end"}', '{"type":7,"text":"needle"}',
    '{"type":"tool","tool":{"a":1},"state":"needle"}', '{"type":"tool","state":null}',
    '{"type":"text","text":"a\\u0000needle"}',
]  # fmt: skip


@pytest.mark.parametrize("large", [search.LARGE, 10])
def test_hostile_rows_stop_nothing(tmp_path: Path, large: int) -> None:
    path = put(tmp_path / "o.db", [*HOSTILE, '{"type":"text","text":"the needle"}'])
    execute(path, "INSERT INTO part VALUES ('b', 'm', 'ses_talk', 0, 0, x'ff6e6565646c65')")
    broken = b'{"type":"text","text":"needle \xff\xc3"}'
    execute(path, "INSERT INTO part VALUES ('c', 'm', 'ses_talk', 0, 0, CAST(? AS TEXT))", broken)
    with patched(large):
        found = {hit.part_id for hit in found_in(path, "needle")}
    assert {"prt_7", "prt_11", "prt_12", "c"} <= found
    assert not found & {"b", "prt_0", "prt_1", "prt_2", "prt_3", "prt_10"}


def test_a_huge_row_is_searched_in_windows_and_never_loaded(tmp_path: Path) -> None:
    words = "straw " * 900_000 + "needle\n" + "straw " * 900_000
    path = put(tmp_path / "o.db", [dumped({"type": "text", "text": words})])
    loaded: list[int] = []
    read = json_places.Row.read

    def watched(self: Any, offset: int, octets: int) -> bytes:
        raw = read(self, offset, octets)
        loaded.append(len(raw))
        return raw

    with patch.object(json_places.Row, "read", watched):
        (hit,) = found_in(path, "NEEDLE\n")
    assert hit.snippet[hit.at : hit.at + hit.length] == "needle\n"
    assert len(hit.snippet) < 300
    assert max(loaded) < 1_100_000


def test_stopping_ends_it_at_once_and_nothing_is_told_as_done(tmp_path: Path) -> None:
    path = put(tmp_path / "o.db", ['{"type":"text","text":"needle"}'] * 900)
    stop = Event()
    steps = []
    for step in search.search(open_store(path), Wanted("needle"), stop):
        steps.append(step)
        stop.set()
    assert len(steps) == 1 and not steps[0].done
    assert 0 < len(steps[0].hits) < 900


def test_a_slice_that_takes_too_long_is_made_shorter_and_loses_nothing(tmp_path: Path) -> None:
    path = put(tmp_path / "o.db", ['{"type":"text","text":"needle"}'] * 300)
    with patch.object(search, "SLICE", -1.0), patch.object(search, "STEPS", 1):
        assert len(found_in(path, "needle")) == 300


def test_searching_leaves_every_byte_as_it_was(tmp_path: Path) -> None:
    path = garden(tmp_path)
    before = path.read_bytes()
    assert found_in(path, "roses")
    assert path.read_bytes() == before
    assert not (tmp_path / "o.db-wal").exists() or (tmp_path / "o.db-wal").stat().st_size == 0


SECOND = """CREATE TABLE session_v2 (id text PRIMARY KEY, project_id, parent_id, title, directory,
  time_updated);
CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL,
  seq integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL,
  data text NOT NULL)"""


def second_generation(path: Path) -> Store:
    """A file in which 2.x has copied one message and written others."""
    made = make_database(path / "o.db", [session("x", turns=[Turn("the needle")])])
    execute(made, "DROP TABLE IF EXISTS session_message")
    for statement in SECOND.split(";"):
        execute(made, statement)
    call = {
        "type": "tool",
        "name": "shell",
        "state": {
            "status": "completed",
            "input": {"command": "grep needle"},
            "content": [{"type": "text", "text": "no needle here"}],
            "metadata": {"needle": "needle"},
        },
    }
    rows = [
        ("msg_x_0u", "user", {"text": "the needle", "time": {}}),
        ("msg_2", "user", {"text": "a Needle", "files": [{"data": "needle", "name": "n.png"}]}),
        ("msg_3", "assistant", {"content": [{"type": "reasoning", "text": "needle?"}, call]}),
        ("msg_4", "shell", {"command": "echo needle", "output": {"output": "needle"}}),
        ("msg_5", "compaction", {"summary": "needles", "recent": "needle"}),
    ]  # fmt: skip
    for seq, (id, type, body) in enumerate(rows):
        execute(made, "INSERT INTO session_message VALUES (?, 'ses_y', ?, ?, ?, 0, ?)",
                id, type, seq, seq, dumped(body))  # fmt: skip
    return open_store(made)


@pytest.mark.parametrize("large", [search.LARGE, 10])
def test_messages_of_the_second_generation_are_found_once(tmp_path: Path, large: int) -> None:
    store = second_generation(tmp_path)
    with patched(large):
        found = {(hit.part_id, hit.kind, hit.where) for hit in search_all(store, Wanted("needle"))}
    wanted = {
        ("prt_x_0u_0", "text", "user"),
        ("msg_2", "text", "user"),
        ("msg_3", "reasoning", "assistant"),
        ("msg_3", "tool", "shell input"),
        ("msg_3", "tool", "shell output"),
        ("msg_4", "tool", "shell input"),
        ("msg_4", "tool", "shell output"),
        ("msg_5", "text", "compaction"),
    }
    assert {(id, kind) for id, kind, _ in found} >= {(id, kind) for id, kind, _ in wanted}
    if large == search.LARGE:
        assert found == wanted


def test_the_newest_hits_are_the_newest_wherever_their_rows_lie(tmp_path: Path) -> None:
    """A restored session has old rows in new places; errors stand in another table."""
    path = put(
        tmp_path / "o.db", [dumped({"type": "text", "text": f"rose {n}"}) for n in range(30)]
    )
    execute(path, "UPDATE part SET time_created = (time_created * 7) % 30")
    execute(
        path,
        "UPDATE message SET time_created = 1000,"
        """ data = '{"role":"assistant","error":{"data":{"message":"no rose"}}}'"""
        " WHERE id = (SELECT max(id) FROM message)",
    )
    every = search_all(open_store(path), Wanted("rose"))
    assert [hit.time for hit in every] == [1000, *range(29, -1, -1)]
    for limit in (1, 2, 10, 31):
        assert search_all(open_store(path), Wanted("rose"), limit) == every[:limit]
