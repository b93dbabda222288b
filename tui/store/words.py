"""Which strings of a row are words of the conversation, and of which kind.

Keys, ids, metadata and attachments are none of them: a search for "output" must not find every
tool. One question for rows that SQLite may parse (`WORDS`), one for places in a huge row
(`named`). Shapes: facts on opencode's storage, appendix C, and on 2.x, §5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tui.store.json_places import Path

KINDS = ("text", "tool", "reasoning", "file", "error")
"""What can be searched for."""


class Word(NamedTuple):
    """A text of a row: kind, where it stands, and what it says."""

    kind: str
    where: str
    text: str


WORDS: Mapping[str, tuple[str, ...]] = {
    "part": ("type", "tool", "text", "filename", "prompt", "description", "state"),
    "message": ("error", "role"),
    "session_message": (
        "text", "content", "command", "output", "summary", "error", "files", "description",
    ),
}  # fmt: skip
"""Keys at the top of a row that hold words, or tell of which kind they are."""

PLAIN = {"text": "text", "reasoning": "reasoning", "subtask": "text"}
"""Types of V1 parts whose texts are words, and their kind."""

DEEPEST = 8
"""Levels of a tool's input that are looked at."""


def extracted(table: str) -> str:
    """SQL: those keys of `data` as one JSON array; ask it of valid JSON only.

    The heavy things that are no words stay away: metadata and attachments.
    """
    bare = "json_remove(data, '$.state.metadata', '$.state.attachments')"
    data = bare if table == "part" else "data"
    return f"json_extract({data}, {', '.join(repr('$.' + key) for key in WORDS[table])})"


def words_of(table: str, extract: str, type: str = "", role: str = "") -> Iterator[Word]:
    """Words of a row from what `extracted` gave; `type` is the column of a 2.x row."""
    try:
        found = json.loads(extract)
    except ValueError:
        return
    if not isinstance(found, list):
        return
    about = dict(zip(WORDS[table], found, strict=False))
    if table == "part":
        words = _part(about, role)
    elif table == "message":
        words = _strings("error", "", _message_of(about["error"]))
    else:
        words = _second_generation(about, type)
    yield from words


def _part(about: Mapping[str, Any], role: str) -> Iterator[Word]:
    type, state = about["type"], about["state"]
    if type in PLAIN:
        for key in ("text", "prompt", "description"):
            yield from _strings(PLAIN[type], role, about[key])
    elif type == "file":
        yield from _strings("file", role, about["filename"])
    elif type == "tool" and isinstance(state, dict):
        tool = str(about["tool"] or "tool")
        yield from _strings("tool", f"{tool} input", state.get("input"))
        yield from _strings("tool", f"{tool} output", state.get("output"))
        yield from _strings("error", tool, state.get("error"))


def _second_generation(about: Mapping[str, Any], type: str) -> Iterator[Word]:
    role = "user" if type == "user" else "assistant" if type == "assistant" else type
    for key in ("text", "description", "summary"):
        yield from _strings("text", role, about[key])
    yield from _strings("tool", "shell input", about["command"])
    output = about["output"]
    yield from _strings(
        "tool", "shell output", output.get("output") if isinstance(output, dict) else output
    )
    yield from _strings("error", role, _message_of(about["error"]))
    for file in _items(about["files"]):
        yield from _strings("file", role, file.get("name"))
    for item in _items(about["content"]):
        kind = item.get("type")
        if kind in ("text", "reasoning"):
            yield from _strings(kind, role, item.get("text"))
        state = item.get("state")
        if kind != "tool" or not isinstance(state, dict):
            continue
        tool = str(item.get("name") or "tool")
        yield from _strings("tool", f"{tool} input", state.get("input"))
        for piece in _items(state.get("content")):
            yield from _strings("tool", f"{tool} output", piece.get("text"))
        yield from _strings("error", tool, _message_of(state.get("error")))


def _items(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _message_of(error: Any) -> Any:
    """What an error says: its message, wherever that version keeps it."""
    if not isinstance(error, dict):
        return error
    data = error.get("data")
    inner = data.get("message") if isinstance(data, dict) else None
    return inner or error.get("message") or error.get("name")


def _strings(kind: str, where: str, value: Any, depth: int = 0) -> Iterator[Word]:
    """The string, or all strings in it that are no keys."""
    if isinstance(value, str):
        yield Word(kind, where, value)
    elif isinstance(value, dict | list) and depth < DEEPEST:
        inner = value.values() if isinstance(value, dict) else value
        for each in inner:
            yield from _strings(kind, where, each, depth + 1)


def named(path: Path, type: str, tool: str, role: str) -> tuple[str, str] | None:
    """(kind, where) of a string in a huge row by its path; None when it is no word.

    `type` and `tool` as the head of the row tells them; of a 2.x answer, those of the item.
    """
    match path:
        case ("text",) | ("prompt",) | ("description",) if type in PLAIN:
            return PLAIN[type], role
        case ("filename",) if type == "file":
            return "file", role
        case ("state", "output") if type == "tool":
            return "tool", f"{tool} output"
        case ("state", "input", *_) if type == "tool":
            return "tool", f"{tool} input"
        case ("state", "error") if type == "tool":
            return "error", tool
        case ("content", _, "text") if type in PLAIN:
            return PLAIN[type], role
        case ("content", _, "state", "input", *_) if type == "tool":
            return "tool", f"{tool} input"
        case ("content", _, "state", "content", _, "text") if type == "tool":
            return "tool", f"{tool} output"
        case ("text",) | ("summary",) if not type:
            return "text", role
        case ("output", "output") if not type:
            return "tool", "shell output"
    return None
