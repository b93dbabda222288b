"""The configuration: one TOML file read into frozen dataclasses. Every key is documented here.

Lies in the user's configuration folder (`ocdu --help` names it); all keys are optional. A wrong key
or value is a WrongCall that names the line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from tui.actions import unknown_keys
from tui.errors import WrongCall
from tui.keymap import keymap, problem_of
from tui.quantity import parse_age, parse_size


@dataclass(frozen=True, slots=True)
class Compaction:
    """[compaction]"""

    reclaim: bool = True
    """Reclaim output that opencode marked compacted, in the background while the app is open.
    Asks once per database before the first write."""


@dataclass(frozen=True, slots=True)
class Reclaim:
    """[reclaim]"""

    keep: bool = False
    """Copy what a reclaim takes into the trash first, so that undo brings it back. Nothing is
    gained on the disk until the trash is emptied."""


@dataclass(frozen=True, slots=True)
class Prune:
    """[prune] — what the prune form and `ocdu prune` start from."""

    older_than: str = "30d"
    """Idle time of a tree before it may go: 30 (days), 30d, 2w, 3m."""
    keep: int = 0
    """Newest trees of every project that always stay."""


@dataclass(frozen=True, slots=True)
class Retention:
    """[retention] — what `ocdu auto` does, and the open app where told to. Off until set; "0" or
    "" is off. No tree active within the last day is touched."""

    archive_after: str = "0"
    """Archive trees idle that long: 30 (days), 30d, 2w, 3m."""
    levels: str = ""
    """Reclaim levels to carry out, e.g. "compacted,events"."""
    subagents: str = "0"
    """Reclaim the output of subagents idle that long: 24h, 7d."""
    subagents_prune: str = "0"
    """Move subagents idle that long to the trash; their roots stay."""
    prune_after: str = "0"
    """Move trees idle that long to the trash."""
    budget: str = "0"
    """Keep the sessions under this size (2GB): the oldest idle trees go to the trash."""
    protect: str = "1d"
    """Trees active within this time are never touched; a day at least."""
    vacuum: bool = False
    """Give free pages back afterwards, where at least 50 MB or a tenth of the file is free."""
    in_app: bool = False
    """Carry the same policies out while the app is open, once an hour."""


@dataclass(frozen=True, slots=True)
class Trash:
    """[trash]"""

    events: bool = False
    """Keep event rows of pruned sessions as well: most of a modern database, and read by opencode
    only in shared workspaces (there they are always kept)."""
    expire: str = "0"
    """Age at which `ocdu auto` deletes batches for good: 30d, 2w; 0 never does."""


@dataclass(frozen=True, slots=True)
class Look:
    """[look]"""

    theme: str = "textual-dark"
    """Any theme Textual knows, or high-contrast; ansi-dark and ansi-light use the 16 colours of
    the terminal. The palette (`ctrl+p`) lists them all."""
    ascii: bool = False
    """Draw with ASCII alone, as `--ascii` does: for terminals and fonts without more."""
    bars: str = "bar"
    """What stands beside a size: bar, percent, both or none."""
    grouping: str = "project"
    """How sessions are grouped at the start: project, flat or age."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a user may set."""

    compaction: Compaction = field(default_factory=Compaction)
    reclaim: Reclaim = field(default_factory=Reclaim)
    prune: Prune = field(default_factory=Prune)
    retention: Retention = field(default_factory=Retention)
    trash: Trash = field(default_factory=Trash)
    look: Look = field(default_factory=Look)
    keys: Mapping[str, str] = field(default_factory=dict)
    """[keys] — action id = "key" or "key,key"; `ocdu config` lists every action."""


CHOICES = {
    ("look", "bars"): ("bar", "percent", "both", "none"),
    ("look", "grouping"): ("project", "flat", "age"),
}

QUANTITIES: Mapping[tuple[str, str], Callable[[str], object]] = {
    **dict.fromkeys(
        (
            ("retention", key)
            for key in ("archive_after", "subagents", "subagents_prune", "prune_after", "protect")
        ),
        parse_age,
    ),
    ("retention", "budget"): parse_size,
    ("prune", "older_than"): parse_age,
    ("trash", "expire"): parse_age,
}
"""Ages and sizes that are looked at when the file is read; nothing at all means off."""


def load_config(path: Path | None) -> Config:
    """Read the file; a missing default file is an empty one. Raises WrongCall on what is wrong."""
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongCall(f"The configuration {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise WrongCall(f"The configuration {path} is not valid TOML: {error}.") from error
    return _Reader(path, text).read(found)


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    text: str

    def read(self, found: Mapping[str, Any]) -> Config:
        known = {each.name for each in fields(Config)}
        for name in found:
            if name not in known:
                raise self._wrong(name, f"unknown section or key “{name}”")
        sections = {
            name: self._section(name, table) for name, table in found.items() if name != "keys"
        }
        keys = found.get("keys", {})
        others = (
            [id for id, key in keys.items() if not isinstance(key, str)]
            if isinstance(keys, dict)
            else ["keys"]
        )
        if others:
            raise self._wrong(others[0], '[keys] takes action = "key" lines')
        if unknown := unknown_keys(keys):
            raise self._wrong(unknown[0], f"there is no action “{unknown[0]}” for a key")
        own = keymap(keys)
        if problem := problem_of(own):
            raise self._wrong(problem.action, problem.says)
        return Config(**sections, keys=own)

    def _section(self, name: str, table: Any) -> Any:
        kind = get_type_hints(Config)[name]
        assert isinstance(kind, type) and is_dataclass(kind)
        if not isinstance(table, dict):
            raise self._wrong(name, f"[{name}] is a section, not a value")
        types = get_type_hints(kind)
        for key, value in table.items():
            if key not in types:
                raise self._wrong(key, f"unknown key “{key}” in [{name}]")
            if type(value) is not types[key]:
                raise self._wrong(key, f"“{key}” takes a {types[key].__name__}")
            choices = CHOICES.get((name, key))
            if choices and value not in choices:
                raise self._wrong(key, f"“{key}” is one of {', '.join(choices)}")
            self._measured(name, key, value)
        return kind(**table)

    def _measured(self, name: str, key: str, value: Any) -> None:
        parse = QUANTITIES.get((name, key))
        try:
            if parse is not None and value.strip():
                parse(value)
        except WrongCall as error:
            raise self._wrong(key, str(error).rstrip(".")) from error

    def _wrong(self, key: str, what: str) -> WrongCall:
        start = re.compile(rf"\s*\[?\s*\"?{re.escape(key)}\b")
        lines = self.text.splitlines()
        line = next((n for n, each in enumerate(lines, 1) if start.match(each)), 1)
        return WrongCall(f"The configuration {self.path}, line {line}: {what}.")
