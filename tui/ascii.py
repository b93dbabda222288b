"""The same text in ASCII, cell for cell: for terminals and fonts that know nothing else."""

from __future__ import annotations

import unicodedata
from functools import cache

from tui.format import cells

_GLYPHS = (
    # bars and curves, from little to much
    ("▏▎▍▁", "."), ("▌▋▂", ":"), ("▊▉▃", "="), ("▄", "+"), ("▅", "*"), ("▆", "%"), ("▇█", "#"),
    ("▓", "%"), ("▒", "+"), ("░", "."), ("▀▔", "^"), ("▐▕", "|"),
    # frames
    ("─━═╌┄", "-"), ("│┃║╎┆", "|"), ("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+"), ("‖", "|"),
    # arrows and folds
    ("→▶▸›", ">"), ("←◀‹↶", "<"), ("↑▲", "^"), ("↓▼▾", "v"), ("↳", "`"), ("↵⌫", "<"),
    # badges and states
    ("✓", "+"), ("✗", "x"), ("⚠", "!"), ("◆", "*"), ("▣", "#"), ("⚑", "^"), ("●", "o"),
    ("◐", "/"), ("◷", "~"), ("⑂", "Y"), ("␣", "_"), ("␛␡�", "?"),
    # typography
    ("…", "~"), ("·•", "."), ("“”„", '"'), ("‘’", "'"), ("—–−", "-"), ("×", "x"), ("÷", "/"),
    ("§", "S"), ("²", "2"),
)  # fmt: skip
"""Glyphs of ours, of Textual's frames, and what stands for them."""

_PLAIN = {glyph: plain for glyphs, plain in _GLYPHS for glyph in glyphs}


class _Table(dict[int, str]):
    """For str.translate: looks a character up once."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _plain_letter(chr(code))
        return found


_TABLE = _Table({code: chr(code) for code in range(128)})


@cache
def _plain_letter(letter: str) -> str:
    """One character: a stand-in, the letter below its accents, or as many "?" as it has cells."""
    if letter in _PLAIN:
        return _PLAIN[letter]
    base = unicodedata.normalize("NFKD", letter)[0]
    wide = cells(letter)
    return base if base.isascii() and base.isprintable() and wide == 1 else "?" * wide


def in_ascii(text: str) -> str:
    """Text of the same width in which every character is ASCII."""
    return text if text.isascii() else text.translate(_TABLE)
