"""`ocdu config`: where the configuration lies, what holds, whether it is right, and an editor."""

from __future__ import annotations

import ast
import inspect
import json
import os
import shlex
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tui.cli.call import Answer, Call, default_config
from tui.errors import Refused, WrongCall
from tui.paths import typed

ACTIONS = ("show", "check", "path", "edit")

WIDEST = 96
"""Columns of a comment in the file."""


def add_arguments(parser: ArgumentParser) -> None:
    """What to do with it."""
    parser.add_argument(
        "action", metavar="show|check|path|edit", nargs="?", choices=ACTIONS, default="show"
    )


def run(call: Call) -> Answer:
    """Show every key with its value, check the file, name it, or open it in the editor."""
    named = call.options.config
    path = typed(named) if named else default_config()
    data: dict[str, Any] = {"path": str(path), "exists": os.path.isfile(path)}
    action = call.options.action
    if action == "path":
        return Answer("done", str(path), data)
    if action == "edit":
        return _edit(call, path, data)
    config = call.config  # says what is wrong, with the line
    if action == "check":
        what = "is right" if os.path.isfile(path) else "does not exist: every key has its default"
        return Answer("done", f"{path} {what}.", data)
    data["config"] = _values(config)
    return Answer("done", f"{path}{'' if os.path.isfile(path) else ' does not exist yet'}.", data,
                  commented(config))  # fmt: skip


def _values(config: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(config):
        value = getattr(config, each.name)
        found[each.name] = _values(value) if is_dataclass(value) else value
    return {
        name: dict(value) if hasattr(value, "items") else value for name, value in found.items()
    }


def commented(config: Any) -> str:
    """A whole configuration file that says what each key means."""
    lines: list[str] = []
    for name, table in _values(config).items():
        lines.append(f"[{name}]")
        if name == "keys":
            lines += [*_comment(documentation()["keys"][""]), *_keys(table), ""]
            continue
        docs = documentation().get(name, {})
        for key, value in table.items():
            lines += [*_comment(docs.get(key, "")), f"{key} = {json.dumps(value)}", ""]
    return "\n".join(lines)


def _keys(own: Mapping[str, str]) -> Iterator[str]:
    """Every action with its key; one that is not the user's own waits behind a #."""
    from tui.actions import ACTIONS

    for action in ACTIONS:
        key = own.get(action.id)
        line = f"{action.id} = {json.dumps(key or action.keys)}"
        yield f"{line if key else f'# {line}':<44}  # {action.group}: {action.title}"


def _comment(text: str) -> Iterator[str]:
    line = "#"
    for word in text.split():
        if len(line) + len(word) >= WIDEST:
            yield line
            line = "#"
        line += f" {word}"
    if line != "#":
        yield line


@cache
def documentation() -> dict[str, dict[str, str]]:
    """Section -> key -> what stands below it in `tui.config`, the one place where keys are told."""
    from tui import config

    module = ast.parse(inspect.getsource(config))
    classes = {node.name: _told(node) for node in module.body if isinstance(node, ast.ClassDef)}
    whole = classes["Config"]
    return {
        each.name: classes.get(_class_of(each.type), {"": whole.get(each.name, "")})
        for each in fields(config.Config)
    }


def _class_of(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")


def _told(node: ast.ClassDef) -> dict[str, str]:
    """Key -> the string that stands below its line."""
    found: dict[str, str] = {}
    for line, below in zip(node.body, node.body[1:], strict=False):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and is_text:
            assert isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            found[line.target.id] = str(below.value.value)
    return found


def _edit(call: Call, path: Path, data: dict[str, Any]) -> Answer:
    """Open it in $VISUAL or $EDITOR; a missing file is first written with every default."""
    from tui.config import Config, load_config

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise WrongCall(f"No editor is known: set EDITOR, or edit {path} yourself.")
    if call.options.dry_run or call.options.read_only:
        raise Refused(f"Nothing was opened: {path} would have been edited with {editor}.")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(commented(Config()))
    try:
        ended = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except OSError as error:
        raise WrongCall(f"The editor {editor} cannot be started: {error}.") from error
    load_config(path)
    if ended:
        return Answer("failed", f"{editor} ended with {ended}; {path} is right as it is.", data)
    return Answer("done", f"{path} is right.", {**data, "exists": True})
