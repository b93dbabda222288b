"""The plan of the house, checked: who may import whom, how long a page is, what lies where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tui.actions import ACTIONS, Action
from tui.keys import written

ROOT = Path(__file__).parent.parent

FLOOR_0 = (
    "tui", "tui.actions", "tui.ascii", "tui.config", "tui.errors", "tui.format", "tui.keymap",
    "tui.paths", "tui.places", "tui.quantity", "tui.records", "tui.sizes",
)  # fmt: skip
SHAPES = (
    "tui.figures", "tui.forest", "tui.line", "tui.narrowing", "tui.ordering", "tui.outline",
    "tui.shape", "tui.sieve",
)  # fmt: skip
FLOOR_1 = (*SHAPES, "tui.policy.*")
STORE = ("tui.store.*",)
ENGINE = ("tui.engine.*",)
FLOOR_4 = ("tui.keys", "tui.messages", "tui.desk", "tui.talks", "tui.toasts")
WIDGETS = ("tui.widgets.*",)
SCREENS = ("tui.screens.*",)
CLI = ("tui.cli.*",)
APP = ("tui.app", "tui.app.*")

MAY_IMPORT: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (FLOOR_0, (*FLOOR_0, "humanize")),
    (SHAPES, (*FLOOR_0, *SHAPES, "rapidfuzz")),
    (FLOOR_1, (*FLOOR_0, *FLOOR_1)),
    (
        STORE,
        (
            *FLOOR_0,
            *STORE,
            "peewee",
            "playhouse",
            "apsw",
            "psutil",
            "platformdirs",
            "backports",
            "compression",
        ),
    ),
    (ENGINE, (*FLOOR_0, *STORE, *ENGINE, "tui.policy.plan", "apsw", "psutil")),
    (FLOOR_4, (*FLOOR_0, *FLOOR_1, *FLOOR_4, "textual")),
    (WIDGETS, (*FLOOR_0, *FLOOR_1, *FLOOR_4, *WIDGETS, "textual", "rich")),
    (SCREENS, (*FLOOR_0, *FLOOR_1, *FLOOR_4, *WIDGETS, *SCREENS, "textual")),
    (CLI, (*FLOOR_0, *FLOOR_1, *STORE, *ENGINE, *CLI, "rich", "platformdirs")),
    (
        APP,
        (
            *FLOOR_0,
            *FLOOR_1,
            *STORE,
            *ENGINE,
            *FLOOR_4,
            *WIDGETS,
            *SCREENS,
            *APP,
            "textual",
            "rich",
        ),
    ),
    (("tui.__main__",), ("tui.cli.main",)),
)
"""Modules -> what they may import beside the standard library; the first match counts."""

OWN_POLICY = {
    "archive": "archive",
    "prune": "prune",
    "reclaim": "reclaim",
    "vacuum": "vacuum",
    "checkpoint": "vacuum",
    "copy_back": "vacuum",
    "copy_out": "vacuum",
    "compact": "vacuum",
    "incremental": "vacuum",
    "waiting": "vacuum",
    "files": "files",
    "projects": "projects",
    "project_removal": "projects",
    "recover": "recover",
    "undo_ways": "prune",
    "rescue": "rescue",
    "retention": "retention",
    "doctor": "doctor",
    "perform": "vacuum",
}
"""An engine may know the options of the policy it carries out."""

FURTHER_POLICIES = {
    "tui.engine.reclaim.copied_out": ("copy_out", "vacuum"),
    "tui.engine.retention": ("retention", "giving_back"),
    "tui.engine.perform": ("vacuum", "giving_back"),
}
"""An engine that carries out two verbs at once, or one after the other, knows both policies."""

OPENS_THE_APP = ("tui.cli.main", "tui.cli.demo")
"""Only these, and only inside a function: the command line must not load Textual."""

LONGEST_FILE, LONGEST_FUNCTION = 320, 45

TOP = {"pyproject.toml", "README.md", "tui", "tests", "screenshots"}
"""Everything at the top of the repository but files with a dot."""

OPENS_FILES = {
    "tui.config": "the configuration",
    "tui.cli.config": "the configuration, made for the editor",
    "tui.cli.log": "the log",
    "tui.cli.output": "the null device, after a broken pipe",
    "tui.engine.demo": "a new file beside the demo database",
    "tui.store.batch": "a trash database that does not exist yet, and its folder to sync it",
    "tui.store.database": "the -wal file, to sync it: SQLite's locks are not on that one",
    "tui.store.descent": "folders, so that no link can lead out of them",
    "tui.store.doctor.place": "package.json beside the program of a holder",
    "tui.store.disk": "a new, empty file to measure the disk with",
    "tui.store.holders": "the name of a process",
    "tui.store.ledger": "ocdu's own database, before anything is connected to it",
    "tui.store.lock_probe": "the -shm file: runs as a process of its own for that reason",
    "tui.store.opencode_config": "opencode's configuration, to read it",
    "tui.store.export": "the file a conversation is written to",
    "tui.store.packing": "finished batches of the trash, and one that nobody is connected to",
    "tui.store.prefetch": "the database, but in a process of its own that has no connection",
    "tui.store.server": "what the server of 2.x notes about itself",
    "tui.store.shelf": "a file that keeps room on the disk of the trash",
    "tui.store.session_files": "a session's files, which are no databases",
}
"""Modules that open files, and which: never opencode's database (sqlite.org/howtocorrupt, 2.2)."""

VERBS = {
    "browse": ("store/sessions", "store/usage", "screens/sessions", "screens/dashboard"),
    "list": ("cli/list", "cli/stats"),
    "archive": ("policy/archive", "engine/archive", "cli/archive"),
    "prune": ("policy/prune", "engine/prune", "screens/prune", "cli/prune"),
    "reclaim": ("policy/reclaim", "engine/reclaim/__init__", "screens/reclaim", "cli/reclaim"),
    "vacuum": ("policy/vacuum", "engine/vacuum", "screens/vacuum", "cli/vacuum"),
    "rescue": ("policy/rescue", "engine/rescue", "screens/rescue", "cli/rescue"),
    "auto": ("policy/policies", "policy/retention", "engine/retention", "cli/auto"),
    "trash": ("store/ledger", "engine/trash", "screens/trash", "cli/trash"),
    "files": ("store/files", "policy/files", "engine/files", "screens/files", "cli/files"),
    "projects": (
        "store/projects",
        "policy/projects",
        "engine/projects",
        "screens/projects",
        "cli/projects",
    ),
    "recover": ("store/rebuild", "policy/recover", "engine/recover", "cli/recover"),
    "undo": ("store/journal", "engine/undo", "cli/undo"),
    "search": ("store/search", "screens/search", "cli/search"),
    "read": ("store/transcript", "screens/conversation", "cli/show"),
    "jobs": ("store/journal", "engine/journal", "screens/jobs", "cli/jobs"),
    "doctor": ("store/doctor/__init__", "policy/doctor", "engine/doctor", "cli/doctor"),
}
"""Where each verb is decided, done, shown and said."""


def module_name(path: Path) -> str:
    """tui/store/usage.py -> tui.store.usage."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted((ROOT / "tui").rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


def imports_of(node: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Absolute names of what is imported below a node, submodules by their own name."""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            for alias in each.names:
                yield alias.name, each
        elif isinstance(each, ast.ImportFrom):
            assert each.level == 0, "imports are absolute"
            for alias in each.names:
                full = f"{each.module}.{alias.name}"
                yield (full if full in SOURCES else str(each.module)), each


def matches(module: str, patterns: tuple[str, ...]) -> bool:
    return any(
        module == pattern
        or (pattern.endswith(".*") and f"{module}.".startswith(pattern[:-1]))
        or (not pattern.startswith("tui") and module.split(".")[0] == pattern)
        for pattern in patterns
    )


def allowed_to(module: str) -> tuple[str, ...]:
    allowed = next(allowed for who, allowed in MAY_IMPORT if matches(module, who))
    if matches(module, ENGINE):
        own = module.split(".")[2] if module.count(".") > 1 else ""
        policy = f"tui.policy.{OWN_POLICY.get(own)}"
        allowed += (policy, f"{policy}_words") if own in OWN_POLICY else ()
        allowed += tuple(f"tui.policy.{name}" for name in FURTHER_POLICIES.get(module, ()))
    return allowed


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_from_the_floors_it_may_see(module: str) -> None:
    allowed = allowed_to(module)
    wrong = [
        f"line {statement.lineno}: {name}"
        for name, statement in imports_of(tree_of(module))
        if name.split(".")[0] not in sys.stdlib_module_names
        and not matches(name, allowed)
        and not (name == "tui.app" and module in OPENS_THE_APP)
    ]
    assert wrong == []


@pytest.mark.parametrize("module", OPENS_THE_APP)
def test_the_command_line_imports_the_app_only_inside_a_function(module: str) -> None:
    top_level = [
        name
        for statement in tree_of(module).body
        if not isinstance(statement, ast.FunctionDef)
        for name, _ in imports_of(statement)
    ]
    assert "tui.app" not in top_level


def test_nobody_imports_in_a_circle() -> None:
    waiting = {
        module: {
            name
            for statement in tree_of(module).body
            if isinstance(statement, ast.Import | ast.ImportFrom)
            for name, _ in imports_of(statement)
            if name in SOURCES and name != module
        }
        for module in SOURCES
    }
    while free := [module for module, needs in waiting.items() if not needs & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert list(waiting) == []


def test_the_command_line_starts_without_textual_and_sqlite() -> None:
    script = (
        "import sys, tui.cli.main; print([name for name in ('textual', 'rich', 'peewee', 'apsw')"
        " if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", SOURCES)
def test_a_file_is_a_page_and_a_function_a_paragraph(module: str) -> None:
    text = SOURCES[module].read_text(encoding="utf-8")
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert len(text.splitlines()) <= LONGEST_FILE
    assert long == []


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(tree_of(module))


def test_only_these_lie_at_the_top_of_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name.split("/")[0] for name in listed.stdout.split("\0") if name}
    assert {name for name in found if not name.startswith(".")} == TOP


def test_files_are_opened_only_where_it_cannot_be_opencodes_database() -> None:
    found = {module for module in SOURCES if any(opens(tree_of(module)))}
    assert found == set(OPENS_FILES)


def opens(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of open(), os.open() and of what a path offers to the same end."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            method = name.rpartition(".")[2]
            reads = method in {"read_bytes", "read_text", "write_bytes", "write_text"}
            if name in {"open", "os.open"} or reads or (method == "open" and node.args):
                yield node


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_file_in_each_place(verb: str) -> None:
    missing = [place for place in VERBS[verb] if not (ROOT / "tui" / f"{place}.py").exists()]
    assert missing == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_the_readme_names_every_key_with_its_title(action: Action) -> None:
    """A line of a table: | `a` | Archive … |"""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for key in action.keys.split(","):
        shown = re.escape(f"`{written(key)}`")
        line = rf"^\|[^|]*{shown}[^|]*\|.*\b{re.escape(action.title)}\b"
        assert re.search(line, readme, re.MULTILINE), f"no line for {key}: {action.title}"


def test_the_readme_names_every_command() -> None:
    from tui.cli.main import VERBS as COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [
        command.name for command in COMMANDS if not re.search(rf"ocdu {command.name}\b", readme)
    ]
    assert missing == []
