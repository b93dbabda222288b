"""Style sheets are read once a process, not once an app: a third of what opening an app costs.

Textual keeps what it has parsed for as long as one style sheet object lives, and every app has its
own. The same text, with the same colours, from the same place, gives the same rules: here all apps
of a test run share them.
"""

from __future__ import annotations

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_READ: dict[tuple[Any, ...], list[RuleSet]] = {}
_parse = Stylesheet._parse_rules


def _parse_once(
    self: Stylesheet,
    css: str,
    read_from: tuple[str, str],
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    told = (css, read_from, is_default_rules, tie_breaker, scope)
    wish = (*told, frozenset(self._variables.items()))
    if wish not in _READ:
        _READ[wish] = _parse(self, *told)
    return _READ[wish]


def share() -> None:
    """From now on, for every app of this process."""
    Stylesheet._parse_rules = _parse_once  # type: ignore[method-assign]
