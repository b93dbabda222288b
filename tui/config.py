"""The configuration: one TOML file read into frozen dataclasses. Every key is documented here.

Lies in the user's configuration folder (`ocdu --help` names it); all keys are optional. A wrong key
or value is a WrongCall that names the line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from tui.errors import WrongCall
from tui.quantity import parse_age


@dataclass(frozen=True, slots=True)
class Compaction:
    """[compaction]"""

    reclaim: bool = True
    """Reclaim output that opencode marked compacted, in the background while the app is open.
    Asks once per database before the first write."""


@dataclass(frozen=True, slots=True)
class Prune:
    """[prune] — what the prune form and `ocdu prune` start from."""

    older_than: str = "30d"
    """Idle time of a tree before it may go: 30 (days), 30d, 2w, 3m."""
    keep: int = 0
    """Newest trees of every project that always stay."""


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
    """Any theme Textual knows; the palette (`ctrl+p`) lists them."""
    bars: str = "bar"
    """What stands beside a size: bar, percent, both or none."""
    grouping: str = "project"
    """How sessions are grouped at the start: project, flat or age."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a user may set."""

    compaction: Compaction = field(default_factory=Compaction)
    prune: Prune = field(default_factory=Prune)
    trash: Trash = field(default_factory=Trash)
    look: Look = field(default_factory=Look)
    keys: Mapping[str, str] = field(default_factory=dict)
    """[keys] — action id = "key" or "key,key"; the ids stand in the help screen."""


CHOICES = {
    ("look", "bars"): ("bar", "percent", "both", "none"),
    ("look", "grouping"): ("project", "flat", "age"),
}

AGES = (("prune", "older_than"), ("trash", "expire"))
"""Keys whose value is an age."""


def load_config(path: Path | None) -> Config:
    """Read the file; a missing default file is an empty one. Raises WrongCall on what is wrong."""
    if path is None or not path.exists():
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
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
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
            raise self._wrong("keys", '[keys] takes action = "key" lines')
        return Config(**sections, keys=dict(keys))

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
            if (name, key) in AGES:
                self._check_age(key, value)
        return kind(**table)

    def _check_age(self, key: str, value: str) -> None:
        try:
            parse_age(value)
        except WrongCall as error:
            raise self._wrong(key, str(error).rstrip(".")) from error

    def _wrong(self, key: str, what: str) -> WrongCall:
        start = re.compile(rf"\s*\[?\s*\"?{re.escape(key)}\b")
        lines = self.text.splitlines()
        line = next((n for n, each in enumerate(lines, 1) if start.match(each)), 1)
        return WrongCall(f"The configuration {self.path}, line {line}: {what}.")
