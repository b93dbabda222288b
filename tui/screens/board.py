"""What stands on the dashboard, as text of facts and width: totals, growth, sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content

from tui import format
from tui.desk import Freed, Live
from tui.records import FileSurvey, Holder
from tui.screens.gains import Advice, Total
from tui.screens.tally import Share, growth, sparkline
from tui.sizes import Promise


class Past(NamedTuple):
    """What the ledger knows."""

    history: Sequence[tuple[int, int]] = ()
    freed: Freed = Freed(0, 0)


def total_text(
    live: Live | None, freed: Freed, survey: FileSurvey, outside: int | None, width: int
) -> Content:
    """What is on the disk now and what it consists of; what was given back."""
    if live is None:
        return Content.styled("Looking …", "$foreground-muted")
    counting = "" if survey.done else " …"
    parts = (
        f"database {format.size(live.sizes.bytes)}",
        f"log {format.size(live.sizes.wal_bytes)}",
        f"files {format.size(outside)}{counting}",
    )
    return Content.assemble(
        ("On disk now  ", "$foreground-muted"),
        (format.size(live.on_disk + (outside or 0)) + (counting if width < 60 else ""), "bold"),
        ("   " + " · ".join(parts) if width >= 60 else "", "$foreground-muted"),
        "   " if width >= 110 else "\n",
        ("given back today ", "$foreground-muted"),
        (format.size(freed.today), "$text-success"),
        (" · ever ", "$foreground-muted"),
        (format.size(freed.ever), "$text-success"),
    )


def curve_text(live: Live | None, history: Sequence[tuple[int, int]], width: int) -> Content:
    """Growth, and what it grows into."""
    facts = [growth(history, live.free_disk if live else None)]
    if live is not None and width >= 60:
        facts += [f"free disk {format.size(live.free_disk)}"] if width >= 100 else []
        facts.append(held(live.holders))
    curve = sparkline(history, max(10, min(40, width // 5)))
    return Content.assemble(
        (curve + "  " if curve else "", "$primary"), (" · ".join(facts), "$foreground-muted")
    )


def held(holders: Sequence[Holder]) -> str:
    """Who has the file open."""
    if not holders:
        return "held by nobody"
    names = ", ".join(f"{format.clean(holder.name)} {holder.pid}" for holder in holders[:2])
    more = len(holders) - 2
    return f"held by {names}" + (f" and {more} more" if more > 0 else "")


def altogether_text(total: Total, promise: Promise | None) -> Content:
    """The line below the table: what all keys give."""
    # A vacuum after the rescue packs more than the lines of the table can know by themselves.
    octets = total.all + max(0, (promise.bytes if promise else 0) - total.keeping)
    return Content.assemble(
        (" → ", "$foreground-muted"),
        (format.size(octets), "$text-success"),
        (" with all keys together", "$foreground-muted"),
    )


def advice_text(found: Advice, keys: Sequence[str]) -> Content:
    """One sentence; `keys` are those of its actions as the user has them."""
    pieces = found.sentence.split("{}")
    line: list[str | tuple[str, str]] = [(" → ", "$text-accent"), pieces[0]]
    for key, piece in zip(keys, pieces[1:], strict=True):
        line += [(key, "bold $text-accent"), (piece, "" if found.actions else "$foreground-muted")]
    return Content.assemble(*line)


def sums_text(heading: str, shares: Sequence[Share], width: int, bars: bool) -> Content:
    """A heading and one line for each share: bytes, bar, name."""
    most = max((share.bytes for share in shares), default=0)
    lines = [Content.styled(heading, "bold $text-accent")]
    bar = 8 if bars and width >= 30 else 0
    for share in shares:
        name = format.clip(
            format.titled(share.name),
            max(4, width - format.SIZE_CELLS - 2 - (bar + 1 if bar else 0)),
        )
        part = share.bytes / most if most else 0.0
        lines.append(
            Content.assemble(
                (
                    format.fit(format.size(share.bytes), format.SIZE_CELLS, right=True),
                    "bold" if share.bytes else "$foreground-muted",
                ),
                (" " + format.share_bar(part, bar) if bar else "", "$primary"),
                "  ",
                (name, "" if share.bytes else "$foreground-muted"),
            )
        )
    return Content("\n").join(lines)
