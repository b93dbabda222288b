"""Looks for terminals that are not like ours: ASCII alone, the strongest contrast."""

from __future__ import annotations

from dataclasses import replace

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from tui.ascii import in_ascii

HIGH_CONTRAST = Theme(
    "high-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#ffff00",
    warning="#ffb000",
    error="#ff6060",
    success="#00ff66",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#202020",
    dark=True,
    variables={
        "foreground-muted": "#d0d0d0",
        "block-cursor-background": "#ffff00",
        "block-cursor-foreground": "#000000",
        "border": "#ffffff",
        "border-blurred": "#d0d0d0",
    },
)
"""White on black, the cursor black on yellow: every text over 7:1 (WCAG 2.1, 1.4.6)."""


DARKER = {
    "foreground-muted": "#505050",
    "text-accent": "#7a4a06",
    "text-success": "#1f5f35",
    "text-warning": "#7a4a06",
    "text-error": "#8a1f3d",
}
"""Colours of words for a light ground: keys, bytes to get back and second thoughts are text as
well, and Textual's own stand out from the header's grey by less than 3:1."""


def readable(theme: Theme) -> Theme:
    """A light theme whose every word is over 4.5:1 (WCAG 2.1, 1.4.3)."""
    return replace(theme, variables={**theme.variables, **DARKER})


class Ascii(LineFilter):
    """Everything that is drawn, frames and scrollbars included, in ASCII of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Translate what is not ASCII."""
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(in_ascii(segment.text), segment.style)
            for segment in segments
        ]
