"""A past for opencode: six conversations in two projects, made by opencode itself.

| name       | project | what opencode did in it                                       |
|------------|---------|---------------------------------------------------------------|
| family     | alpha   | wrote a todo list, sent a child (task tool), ran bash twice    |
| pruned     | alpha   | so much tool output that opencode marked the oldest compacted  |
| quiet      | alpha   | wrote, read and edited a file                                  |
| summarised | beta    | compacted by hand after three turns of bash, then went on      |
| overflowed | beta    | compacted by opencode because the context was full             |
| spoken     | beta    | a few words; the one to be continued by default                |
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.opencode.drive import Home, OpencodeError
from tests.opencode.provider import CONTEXT, Call, Reply, bash, directive
from tests.opencode.server import MODEL, Server

TITLES = ("family", "pruned", "quiet", "summarised", "overflowed", "spoken")

PRUNE_SECONDS = 20.0
"""opencode marks compacted parts shortly after a turn, in the background."""

TODOS = [
    {"id": "1", "content": "sow", "status": "completed", "priority": "high"},
    {"id": "2", "content": "reap", "status": "pending", "priority": "low"},
]


@dataclass(frozen=True, slots=True)
class Past:
    """A home with a past, and the ids of its root sessions by title."""

    home: Home
    alpha: Path
    beta: Path
    ids: dict[str, str]

    def copied_to(self, root: Path) -> Past:
        """A copy to be worked on; the projects stay where they are."""
        return replace(self, home=self.home.copied_to(root))

    def project_of(self, title: str) -> Path:
        """The directory of a root session."""
        return self.alpha if title in TITLES[:3] else self.beta

    @property
    def projects(self) -> tuple[Path, Path]:
        """Both project directories."""
        return self.alpha, self.beta


def make_past(home: Home, projects: Path) -> Past:
    """Let opencode live through all six conversations, then stop it."""
    alpha, beta = _repository(projects / "alpha"), _repository(projects / "beta")
    past = Past(home, alpha, beta, {})
    with Server(home, alpha) as server:
        for title in TITLES:
            made = server.post("/session", {"title": title}, past.project_of(title))
            past.ids[title] = made["id"]
        _family(server, past.ids["family"], alpha)
        _pruned(server, past.ids["pruned"], alpha)
        _quiet(server, past.ids["quiet"], alpha)
        _summarised(server, past.ids["summarised"], beta)
        _overflowed(server, past.ids["overflowed"], beta)
        server.converse(past.ids["spoken"], beta, "Good morning.", Reply("Good morning."))
    return past


def _family(server: Server, session: str, project: Path) -> None:
    todo = Call("todowrite", {"todos": TODOS})
    server.converse(
        session,
        project,
        "Plan the year.",
        Reply(calls=(todo, bash(20, "acorn"))),
        Reply(calls=(_task(Reply(calls=(bash(20, "seedling"),)), Reply("The seedling grows.")),)),
        Reply("The year is planned."),
    )


def _task(*plan: Reply) -> Call:
    arguments = {
        "description": "raise a seedling",
        "prompt": f"Raise a seedling. {directive(*plan)}",
        "subagent_type": "general",
    }
    return Call("task", arguments)


def _pruned(server: Server, session: str, project: Path) -> None:
    """opencode keeps 40,000 tokens of tool output before the last two turns and marks the
    rest once it exceeds 20,000; eight outputs of 45 KB are 90,000."""
    for turn, outputs in enumerate((4, 4, 1, 1)):
        calls = tuple(bash(45, f"walnut-{turn}-{each}") for each in range(outputs))
        server.converse(session, project, f"Turn {turn}.", Reply(calls=calls), Reply("Cracked."))
    deadline = time.monotonic() + PRUNE_SECONDS
    while not _marked_parts(server, session, project):
        if time.monotonic() > deadline:
            raise OpencodeError("opencode marked no tool output as compacted")
        time.sleep(0.1)


def _marked_parts(server: Server, session: str, project: Path) -> int:
    messages = server.get(f"/session/{session}/message", project)
    parts = [part for message in messages for part in message["parts"] if part["type"] == "tool"]
    return sum("compacted" in part["state"].get("time", {}) for part in parts)


def _quiet(server: Server, session: str, project: Path) -> None:
    file = str(project / "poem.txt")
    edit = {"filePath": file, "oldString": "red", "newString": "blue", "replaceAll": True}
    server.converse(
        session,
        project,
        "Write a poem.",
        Reply(calls=(Call("write", {"filePath": file, "content": "roses are red\n" * 200}),)),
        Reply(calls=(Call("read", {"filePath": file}),)),
        Reply(calls=(Call("edit", edit),)),
        Reply("It is written."),
    )


def _summarised(server: Server, session: str, project: Path) -> None:
    for turn in range(3):
        call = bash(20, f"chestnut-{turn}")
        server.converse(session, project, f"Turn {turn}.", Reply(calls=(call,)), Reply("Roasted."))
    server.post(f"/session/{session}/summarize", {**MODEL, "auto": False}, project)
    server.converse(session, project, "Go on.", Reply("Going on."))


def _overflowed(server: Server, session: str, project: Path) -> None:
    first, second = bash(20, "hazel-0"), bash(20, "hazel-1")
    server.converse(session, project, "Turn 0.", Reply(calls=(first,)), Reply("Gathered."))
    full = Reply(calls=(second,), prompt_tokens=CONTEXT - 500)
    server.converse(session, project, "Turn 1.", full, Reply("Gathered again."))


def _repository(folder: Path) -> Path:
    """A git repository with one commit of its own: opencode names a project by it."""
    folder.mkdir(parents=True)
    (folder / "README").write_text(f"{folder.name}\n")
    git = ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", f"begin {folder.name}"]):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True, timeout=30)
    return folder
