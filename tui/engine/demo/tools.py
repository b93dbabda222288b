"""What an invented session does with its tools, in the shapes opencode 1.18 stores.

`metadata` repeats the output for the terminal's eyes: that copy is half of what reclaim takes.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

from tui.engine.demo.rows import Cast, Json
from tui.engine.demo.text import COMMANDS, TASKS, THINGS, Texts, filled

MOST_METADATA = 30_000
"""Characters of a command's output that opencode repeats in its metadata."""


class Tool(NamedTuple):
    """One use of a tool: what it was given, what it gave, and what was seen while it ran."""

    name: str
    input: Json
    output: str
    metadata: Json
    title: str
    seconds: float = 0.4
    progress: tuple[Json, ...] = ()
    """Metadata of the snapshots written while it ran."""
    file: str = ""
    """The file it changed, if any."""
    picture: str = ""
    """Data URL of an attachment, if any."""
    ends: int = 0
    """When it ended (ms), where that is known already."""
    error: str = ""


def pending(tool: Tool, call: str) -> Json:
    """The part when the model has named the tool."""
    return _part(tool, call, {"status": "pending", "input": {}, "raw": ""})


def running(tool: Tool, call: str, start: int, metadata: Json | None = None) -> Json:
    """The part while the tool is at work."""
    seen = {} if metadata is None else {"metadata": metadata}
    return _part(
        tool, call, {"status": "running", "input": tool.input, **seen, "time": {"start": start}}
    )


def finished(tool: Tool, call: str, start: int, end: int, attachments: list[Json]) -> Json:
    """The part at the end: completed, or failed."""
    time = {"start": start, "end": end}
    if tool.error:
        state: Json = {"status": "error", "input": tool.input, "error": tool.error, "time": time}
        return _part(tool, call, state)
    state = {
        "status": "completed",
        "input": tool.input,
        "output": tool.output,
        "metadata": tool.metadata,
        "title": tool.title,
        "time": time,
    }
    return _part(tool, call, state | ({"attachments": attachments} if attachments else {}))


def _part(tool: Tool, call: str, state: Json) -> Json:
    return {"type": "tool", "tool": tool.name, "callID": call, "state": state}


def output_size(rng: Random) -> int:
    """Characters of an output: 1 to 50 thousand, most of them small."""
    return int(1_000 * 50 ** (rng.random() ** 5))


def bash(rng: Random, texts: Texts, size: int) -> Tool:
    """A command; its output grows in snapshots."""
    command = rng.choice(COMMANDS)
    output = texts.log(rng, size)
    snapshots = tuple({"output": _seen(output[: size * part // 4])} for part in range(5))
    return Tool(
        "bash",
        {"command": command, "description": f"Runs {command.split()[0]}"},
        output,
        {"output": _seen(output), "exit": 0, "truncated": False},
        command,
        seconds=rng.uniform(0.3, 3.0),
        progress=snapshots,
    )


def _seen(output: str) -> str:
    return output if len(output) <= MOST_METADATA else "...\n\n" + output[-MOST_METADATA:]


def read(rng: Random, texts: Texts, path: str, size: int) -> Tool:
    """A file with line numbers; now and then one that does not exist."""
    name = path.rpartition("/")[2]
    if rng.random() < 0.03:
        missing = f"File not found: {path}"
        return Tool("read", {"filePath": path}, "", {}, name, error=missing)
    text = texts.code(rng, size)
    lines = text.split("\n")
    numbered = "\n".join(f"{number}: {line}" for number, line in enumerate(lines, 1))
    display = {
        "type": "file",
        "path": path,
        "text": text,
        "lineStart": 1,
        "lineEnd": len(lines),
        "totalLines": len(lines),
        "truncated": False,
    }
    return Tool(
        "read",
        {"filePath": path},
        f"<path>{path}</path>\n<type>file</type>\n<content>\n{numbered}\n</content>",
        {
            "preview": "\n".join(lines[:20]),
            "truncated": False,
            "loaded": [],
            "display": display,
        },
        name,
    )


def look(path: str, url: str) -> Tool:
    """A picture that is read: the output is a sentence, the attachment is the picture."""
    said = "Image read successfully"
    seen: Json = {"preview": said, "truncated": False, "loaded": []}
    return Tool("read", {"filePath": path}, said, seen, path.rpartition("/")[2], picture=url)


def edit(rng: Random, texts: Texts, path: str, size: int) -> Tool:
    """A replaced passage; the patch stands twice in the metadata."""
    patch = texts.patch(rng, path, size)
    change = {
        "file": path,
        "patch": patch,
        "additions": patch.count("\n+") - 1,
        "deletions": 0,
    }
    return Tool(
        "edit",
        {"filePath": path, "oldString": texts.code(rng, 120), "newString": texts.code(rng, size)},
        "Edit applied successfully.",
        {"diagnostics": {}, "diff": patch, "filediff": change, "truncated": False},
        path.rpartition("/")[2],
        file=path,
    )


def write(rng: Random, texts: Texts, path: str, size: int) -> Tool:
    """A new file: the bulk is in the input, which stays."""
    return Tool(
        "write",
        {"filePath": path, "content": texts.code(rng, size)},
        "Wrote file successfully.",
        {"diagnostics": {}, "filepath": path, "exists": False, "truncated": False},
        path.rpartition("/")[2],
        file=path,
    )


def grep(rng: Random, texts: Texts, size: int) -> Tool:
    """A search through the project."""
    output = texts.log(rng, size)
    found = output.count("\n") + 1
    pattern = rng.choice(THINGS).rpartition(" ")[2]
    return Tool(
        "grep",
        {"pattern": pattern, "include": "*"},
        f"Found {found} matches\n{output}",
        {"matches": found, "truncated": False},
        pattern,
    )


def skill(rng: Random, texts: Texts) -> Tool:
    """Instructions that are loaded; opencode never marks these as compacted."""
    return Tool(
        "skill",
        {"name": "release-notes"},
        "## Skill: release-notes\n\n" + texts.prose(rng, 20),
        {"name": "release-notes", "dir": "/skills/release-notes", "truncated": False},
        "Loaded skill: release-notes",
    )


def todowrite(rng: Random) -> Tool:
    """The list of what is left to do."""
    states = ("completed", "completed", "in_progress", "pending", "pending")
    todos: list[Any] = [
        {
            "content": filled(rng, tuple(text for _, text in TASKS)),
            "status": state,
            "priority": rng.choice(("high", "medium", "low")),
        }
        for state in states[rng.randrange(3) :]
    ]
    left = sum(todo["status"] != "completed" for todo in todos)
    lines = ", ".join(str(todo["content"]) for todo in todos)
    return Tool(
        "todowrite",
        {"todos": todos},
        lines,
        {"todos": todos, "truncated": False},
        f"{left} todos",
    )


def task(texts: Texts, rng: Random, child: Cast) -> Tool:
    """A subagent: the result is a text, the work is the child's own session."""
    asked = child.title.rpartition(" (@")[0]
    result = texts.prose(rng, 6)
    provider, model = child.model
    return Tool(
        "task",
        {"description": asked, "prompt": f"{asked}. {result}", "subagent_type": child.agent},
        f'<task id="{child.id}" state="completed">\n<task_result>\n{result}\n</task_result>\n'
        "</task>",
        {
            "parentSessionId": child.parent,
            "sessionId": child.id,
            "model": {"modelID": model, "providerID": provider},
            "truncated": False,
        },
        asked,
        ends=child.ended,
    )
