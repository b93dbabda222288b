"""What the filter line offers while one types: how a word may go on, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.forest import Forest
from tui.narrowing import GENERATIONS, KEYS, STATES, parse_narrowing


def candidates(typed: str, forest: Forest) -> list[str]:
    """What the word at the end of the line may become, each the whole word; [] for free text."""
    last = _last_word(typed)
    word = last.lower().removeprefix("-")
    minus = "-" if last.startswith("-") else ""
    key, colon, value = word.partition(":")
    if not colon:
        return [f"{minus}{each}:" for each in KEYS if word and each.startswith(word)]
    value = value.removeprefix('"')
    if key == "is":
        known: Iterable[str] = STATES
    elif key == "gen":
        known = GENERATIONS
    elif key == "project":
        names = dict.fromkeys(row.project for row in forest.rows)
        known = (f'"{name}"' if " " in name else name for name in names)
    else:
        return []
    fitting = (each for each in known if each.lower().removeprefix('"').startswith(value))
    return [f"{minus}{key}:{each}" for each in fitting]


def completed(typed: str, forest: Forest) -> str:
    """The line with its last word completed as far as that is certain; itself where it is not."""
    last = _last_word(typed)
    found = candidates(typed, forest)
    if not last or not found:
        return typed
    if len(found) == 1:
        whole = found[0] if found[0].endswith(":") else f"{found[0]} "
    else:
        whole = _common(found)
    longer = len(whole) > len(last)
    return typed[: len(typed) - len(last)] + whole if longer else typed


def _common(words: Sequence[str]) -> str:
    """What all begin with."""
    least, most = min(words), max(words)
    same = next((i for i, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), None)
    return least[:same]


def _last_word(typed: str) -> str:
    return typed[max(typed.rfind(" "), typed.rfind("\t")) + 1 :]


def hint_of(typed: str, forest: Forest) -> str:
    """What to say below the line: how the word goes on, or what is wrong; "" for nothing."""
    key, colon, value = _last_word(typed).lower().removeprefix("-").partition(":")
    found = candidates(typed, forest)
    if colon and key in KEYS and not value.strip("<>="):
        return KEYS[key]
    options = [each.partition(":")[2] for each in found]
    if colon and options and value not in options:
        return f"{key}: {' '.join(options)}"
    if complaint := parse_narrowing(typed).complaint:
        return complaint
    return "" if colon else "  ".join(KEYS[each.strip("-:")] for each in found)
