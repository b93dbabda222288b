"""Reading a conversation: what is there, in order, in bounded pieces, whatever the rows are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import Tool, Turn, days_ago, execute, make_database, session
from tui.records import Body, Entry, SessionRow
from tui.store import bodies, json_places, transcript
from tui.store.bodies import PIECE, read_body
from tui.store.database import Store, open_store
from tui.store.markdown import markdown_of
from tui.store.sessions import load_sessions
from tui.store.transcript import outline


def entries_of(store: Store, id: str = "ses_talk") -> list[Entry]:
    return [entry for found in outline(store, id) for entry in found.entries]


def whole(store: Store, entry: Entry) -> str:
    """All that an entry says, piece by piece."""
    at: int | None = 0
    found = ""
    while at is not None:
        body = read_body(store, entry, at)
        assert all(len(text.encode("utf-8", "replace")) <= 3 * PIECE for text, _ in body.pieces)
        found += "".join(text for text, _ in body.pieces)
        assert body.next is None or body.next > at
        at = body.next
    return found


TALK = [
    Turn("First question", "First answer", [Tool(50, compacted=True), Tool(60, attachment=400)]),
    Turn(compaction=True, answer="What was said so far"),
    Turn("Second question", "Second answer", [Tool(name="read", status="error")], diffs=90),
]


def talk(path: Path, turns: list[Turn] = TALK, **more: Any) -> Store:
    return open_store(make_database(path / "o.db", [session("talk", turns=turns, **more)]))


def test_the_outline_tells_turns_tools_boundary_and_diffs_in_order(tmp_path: Path) -> None:
    kinds = [entry.kind for entry in entries_of(talk(tmp_path))]
    assert kinds == [
        "turn", "text", "turn", "tool", "tool", "text",
        "boundary", "turn", "compaction", "turn", "text",
        "turn", "text", "diffs", "turn", "tool", "text",
    ]  # fmt: skip


def test_a_tool_tells_its_name_state_marks_and_attachments(tmp_path: Path) -> None:
    first, second, failed = (e for e in entries_of(talk(tmp_path)) if e.kind == "tool")
    assert (first.tool, first.state, first.compacted, first.reclaimed) == (
        "bash", "completed", True, False,
    )  # fmt: skip
    assert (second.attached, second.compacted) == (1, False)
    assert (failed.tool, failed.state) == ("read", "error")
    assert first.bytes > 50


def test_a_reclaimed_output_is_named_as_such(tmp_path: Path) -> None:
    store = talk(tmp_path)
    execute(
        store.path,
        "UPDATE part SET data = json_replace(data, '$.state.output', '[reclaimed]')"
        " WHERE data LIKE '%compacted\":%'",
    )
    entry = next(e for e in entries_of(store) if e.kind == "tool")
    assert entry.reclaimed
    assert "output reclaimed" in whole(store, entry)


def test_an_attachment_is_told_by_type_and_size_and_never_decoded(tmp_path: Path) -> None:
    store = talk(tmp_path)
    execute(
        store.path,
        "UPDATE part SET data = json_set(data, '$.state.attachments[0].mime', 'image/png')"
        " WHERE json_extract(data, '$.state.attachments') IS NOT NULL",
    )
    entry = next(e for e in entries_of(store) if e.attached)
    assert "attachment image/png · 400 B" in whole(store, entry)
    assert "base64" not in whole(store, entry)


def test_diffs_are_told_by_file_and_lines(tmp_path: Path) -> None:
    store = talk(tmp_path)
    entry = next(e for e in entries_of(store) if e.kind == "diffs")
    assert entry.title == "1 file changed"
    assert "bed.txt  +1 −0" in whole(store, entry)
    assert "+++" not in whole(store, entry)


@pytest.mark.parametrize(("files", "title"), [(1, "of 1 file"), (2, "of 2 files")])
def test_a_patch_counts_its_files(tmp_path: Path, files: int, title: str) -> None:
    store = talk(tmp_path, [Turn("hello")])
    data = json.dumps({"type": "patch", "files": ["a.py"] * files})
    execute(store.path, "UPDATE part SET data = ?", data)
    assert {each.title for each in entries_of(store)} >= {f"patch {title}"}


def test_time_counts_before_id_for_ids_wrapped(tmp_path: Path) -> None:
    store = talk(tmp_path, [Turn("early"), Turn("late")])
    execute(store.path, "PRAGMA foreign_keys = OFF")
    execute(store.path, "UPDATE message SET id = 'msg_zzz' WHERE id = 'msg_talk_0u'")
    execute(store.path, "UPDATE part SET message_id = 'msg_zzz' WHERE message_id = 'msg_talk_0u'")
    said = [whole(store, e) for e in entries_of(store) if e.kind == "text" and e.role == "user"]
    assert said == ["early", "late"]


def test_the_first_slice_fills_a_screen_and_all_slices_hold_everything(tmp_path: Path) -> None:
    store = talk(tmp_path, [Turn(f"q{n}") for n in range(300)])
    with patch.object(transcript, "MOST", 40), patch.object(transcript, "LISTED", 7):
        found = list(outline(store, "ses_talk"))
    assert len(found) > 10
    assert len(found[0].entries) <= 4 * transcript.FIRST
    assert found[-1].share == 1
    said = [e.title for each in found for e in each.entries if e.kind == "text"]
    assert said[::2] == [f"q{n}" for n in range(300)]


texts = st.text(alphabet='aß"\\\n\t€😀\x00', max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, texts, st.sampled_from([transcript.LARGE, 30]), st.integers(4, 12))
def test_pieces_put_together_are_the_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, output: str, large: int, piece: int
) -> None:
    store = talk(tmp_path_factory.mktemp("t"), [Turn(text, tools=[Tool(1)])])
    execute(
        store.path,
        "UPDATE part SET data = json_set(data, '$.state.output', ?) WHERE data LIKE '%\"tool\"%'",
        output,
    )
    with small_pieces(large, piece):
        entries = entries_of(store)
        said = [whole(store, e) for e in entries if e.kind == "text" and e.role == "user"]
        printed = [whole(store, e) for e in entries if e.kind == "tool"]
    assert said == [text] or (not text and said == ["no text was found in this row"])
    assert printed[0].endswith(output)


class small_pieces:
    """Rows count as huge from so many octets on; a piece has as few."""

    def __init__(self, large: int, piece: int) -> None:
        statements = ("_HEADS", "_PARTS")
        self.patches: list[Any] = [
            patch.object(transcript, name, getattr(transcript, name).replace(
                str(transcript.LARGE), str(large))) for name in statements
        ]  # fmt: skip
        self.patches += [
            patch.object(bodies, name, getattr(bodies, name).replace(str(PIECE), str(piece)))
            for name in ("_TEXT", "_TOOL")
        ]
        self.patches += [
            patch.object(transcript, "LARGE", large),
            patch.object(bodies, "LARGE", large),
            patch.object(bodies, "PIECE", max(12, piece) if large < 1000 else piece),
            patch.object(json_places, "WINDOW", 50),
        ]

    def __enter__(self) -> None:
        for each in self.patches:
            each.start()

    def __exit__(self, *_: object) -> None:
        for each in self.patches:
            each.stop()


def test_a_huge_row_is_outlined_by_its_head_and_read_in_pieces(tmp_path: Path) -> None:
    store = talk(tmp_path, [Turn("short", tools=[Tool(5_000_000)])])
    execute(
        store.path,
        "UPDATE message SET data = json_set(data, '$.summary.diffs', json(?))"
        " WHERE id = 'msg_talk_0u'",
        json.dumps([{"file": f"f{n}.py", "patch": "+" * 700_000} for n in range(3)]),
    )
    read: list[int] = []
    real = json_places.Row.read

    def watched(self: Any, offset: int, octets: int) -> bytes:
        raw = real(self, offset, octets)
        read.append(len(raw))
        return raw

    with patch.object(json_places.Row, "read", watched):
        entries = entries_of(store)
        tool = next(e for e in entries if e.kind == "tool")
        diffs = next(e for e in entries if e.kind == "diffs")
        body = read_body(store, tool)
        files = read_body(store, diffs)
    assert (tool.tool, tool.state) == ("bash", "large")
    assert body.pieces[0] == ("command: ls", "heading")
    assert body.pieces[1][0] == "o" * PIECE
    assert body.next is not None and body.left == 5_000_000 - PIECE
    assert [text for text, _ in files.pieces] == ["f0.py", "f1.py", "f2.py"]
    assert max(read) <= json_places.WINDOW


HOSTILE = [
    "", "{", "null", "[]", '"text"', '{"type":7}', '{"type":"text","text":{"a":1}}',
    '{"type":"text"}', '{"type":"tool"}', '{"type":"tool","tool":[],"state":[1]}',
    '{"type":"tool","state":{"input":"x","output":9,"attachments":[1,{"url":5}]}}',
    '{"type":"text","text":"\\ud83d lone"}', '{"type":"file","url":{}}', '{"type":"patch"}',
    '{"type":"tool","state":{"time":{"compacted":"yes"},"attachments":{"a":{"mime":1}}}}',
]  # fmt: skip


@pytest.mark.parametrize("large", [transcript.LARGE, 5])
def test_hostile_rows_are_shown_and_stop_nothing(tmp_path: Path, large: int) -> None:
    store = talk(tmp_path, [Turn("before"), Turn("after")])
    for number, body in enumerate(HOSTILE):
        execute(store.path, "INSERT INTO part VALUES (?, 'msg_talk_0u', 'ses_talk', 0, 0, ?)",
                f"prt_{number}", body)  # fmt: skip
    execute(store.path, "INSERT INTO part VALUES ('b', 'msg_talk_0u', 'ses_talk', 0, 0, x'ff00')")
    execute(store.path, "UPDATE message SET data = 'x' WHERE id = 'msg_talk_1u'")
    with small_pieces(large, 20):
        entries = entries_of(store)
        for entry in entries:
            assert isinstance(whole(store, entry), str)
    assert len([e for e in entries if e.table == "part"]) == 4 + len(HOSTILE) + 1


def test_a_row_that_is_gone_meanwhile_says_so(tmp_path: Path) -> None:
    store = talk(tmp_path)
    entry = next(e for e in entries_of(store) if e.kind == "tool")
    execute(store.path, "DELETE FROM part")
    assert read_body(store, entry) == bodies.GONE
    assert read_body(store, Entry("k", "", 0, "", 0, "", "turn", "", 0)) == Body()


def row_of(store: Store) -> SessionRow:
    (row,) = load_sessions(store, check_directories=False)
    return row


def test_markdown_holds_everything_that_was_said(tmp_path: Path) -> None:
    store = talk(tmp_path, active=days_ago(1))
    text = "".join(markdown_of(store, row_of(store)))
    assert text.startswith("# talk\n\n- session: ses_talk\n")
    for said in ("First question", "First answer", "Second answer", "*Above this the model sees"):
        assert said in text
    assert "**bash** ls (" in text and ", compacted)" in text
    assert "\n    " + "o" * 50 + "\n" in text


def test_markdown_is_harmless_and_of_one_piece_at_a_time(tmp_path: Path) -> None:
    store = talk(tmp_path, [Turn("\x1b[31m\u202e" + "long " * 20_000)])
    pieces = list(markdown_of(store, row_of(store)))
    assert not {"\x1b", "\u202e"} & set("".join(pieces))
    assert max(map(len, pieces)) <= PIECE
    assert "".join(pieces).count("long ") == 20_000


def test_reading_leaves_every_byte_as_it_was(tmp_path: Path) -> None:
    store = talk(tmp_path)
    before = store.path.read_bytes()
    for entry in entries_of(store):
        whole(store, entry)
    assert store.path.read_bytes() == before
