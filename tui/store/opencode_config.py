"""What opencode's own configuration says about old tool output. Read, never written.

The key is `compaction.prune`. Where somebody set it to false, old output is to stay as it is, and
then nothing of ours drops any by itself; what is asked for by a key or a command still happens.
Absent means nothing was said. What cannot be read may say no, and counts as if it did.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tui.paths import typed

NAMES = ("config.json", "opencode.json", "opencode.jsonc")
"""Files of opencode's configuration folder, in the order in which a later one wins."""

LARGEST = 1_000_000
"""Octets of a file that is still read: a configuration has some kilobytes."""

_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


class Pruning(NamedTuple):
    """Whether tool output may be dropped without being asked for."""

    allowed: bool = True
    why: str = ""
    """One sentence that names the place, where it may not."""


def pruning(environment: Mapping[str, str] | None = None) -> Pruning:
    """What opencode's global configuration, `$OPENCODE_CONFIG`, `$OPENCODE_CONFIG_CONTENT` and
    `$OPENCODE_DISABLE_PRUNE` say, the last one first; configurations of projects are not read."""
    given = os.environ if environment is None else environment
    if given.get("OPENCODE_DISABLE_PRUNE", "").lower() in ("1", "true"):
        return Pruning(False, "OPENCODE_DISABLE_PRUNE is set.")
    found = Pruning()
    for place, text in _texts(given):
        try:
            said = None if text is None else _prune_in(parse_jsonc(text))
        except (ValueError, RecursionError):
            return Pruning(False, f"{place} is not valid JSON, so it may forbid that.")
        if text is None:
            return Pruning(
                False, f"{place} cannot be read, so it may say compaction.prune = false."
            )
        if said is not None:
            found = Pruning(said, "" if said else f"{place} says compaction.prune = false.")
    return found


def configuration_files(environment: Mapping[str, str]) -> list[Path]:
    """Where opencode looks, the file that wins last; they need not exist."""
    base = environment.get("XDG_CONFIG_HOME")
    folder = (Path(base) if base else Path.home() / ".config") / "opencode"
    named = environment.get("OPENCODE_CONFIG")
    return [folder / name for name in NAMES] + ([typed(named)] if named else [])


def parse_jsonc(text: str) -> Any:
    """JSON with comments and trailing commas. Raises ValueError."""
    bare = _STRING_OR_COMMENT.sub(lambda found: found[1] or " ", text.removeprefix("\ufeff"))
    return json.loads(_STRING_OR_COMMA.sub(lambda found: found[1] or "", bare))


def _texts(environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """(place, text) of every configuration there is; None where it cannot be read."""
    for path in configuration_files(environment):
        try:
            if path.stat().st_size > LARGEST:
                yield str(path), None
            elif path.is_file():
                yield str(path), path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError):
            yield str(path), None
    if inline := environment.get("OPENCODE_CONFIG_CONTENT"):
        yield "OPENCODE_CONFIG_CONTENT", inline


def _prune_in(config: Any) -> bool | None:
    compaction = config.get("compaction") if isinstance(config, dict) else None
    said = compaction.get("prune") if isinstance(compaction, dict) else None
    return said if isinstance(said, bool) else None
