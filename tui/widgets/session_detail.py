"""What the panel beside the tree says: all about the session or group under the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from textual.content import Content

from tui import format
from tui.records import LargeRow, SessionDetail

KINDS = {
    "text": "conversation",
    "reasoning": "reasoning",
    "tool_output": "tool output",
    "tool_input": "tool input",
    "metadata": "tool metadata",
    "attachments": "attachments",
    "diffs": "diffs",
    "messages": "messages",
    "events": "event history",
    "superseded_events": "superseded events",
    "other": "other",
}
"""What the kinds of bytes are called on every screen, in the order of showing them."""

LABEL_CELLS = 18
"""Cells for the name of a kind: the longest, and a blank."""


LEAST_ROWS = 3
"""Fewer largest rows than this are no list."""

LOW = 14
"""Lines below which not all is seen at once: what can be done about it comes first then."""


class Gain(NamedTuple):
    """What one key would give back here."""

    key: str
    label: str
    bytes: int


class ShownGroup(NamedTuple):
    """A group header under the cursor: what its trees add up to."""

    label: str
    hint: str
    trees: int
    sessions: int
    messages: int | None
    bytes: int | None
    active: int
    now: int
    gains: tuple[Gain, ...] = ()
    mark: str = "space"
    """The key that marks."""


class Shown(NamedTuple):
    """What the panel shows: the detail, the gains as far as they are counted, and the time."""

    detail: SessionDetail
    gains: tuple[Gain, ...] = ()
    now: int = 0
    active: int = 0
    """Newest activity of the session with all below it; 0 asks the session alone."""
    largest: tuple[LargeRow, ...] = ()
    """Its largest single rows, as far as they are known."""
    is_part: bool = False
    """True where the gains are those of a tree that the session is only a part of."""


def subject_of(shown: Shown | ShownGroup | None) -> str | None:
    """What is told about: a session, a group, or nothing."""
    if isinstance(shown, Shown):
        return shown.detail.row.id
    return shown and f"{shown.label}\n{shown.hint}"


def panel_text(shown: Shown | ShownGroup | None, width: int, height: int = 0) -> Content:
    """Whatever is under the cursor."""
    match shown:
        case Shown():
            return detail_text(shown, width, height)
        case ShownGroup():
            return group_text(shown, width, height)
        case _:
            return Content("")


def group_text(group: ShownGroup, width: int, height: int = 0) -> Content:
    """A project or a band of age."""
    trees = f"{format.plural(group.trees, 'tree')} · {format.plural(group.sessions, 'session')}"
    label = Content.styled(_cut(group.label, width), "bold")
    total = Content.assemble(
        (format.size(group.bytes), "bold"), (f" in {trees}", "$foreground-muted")
    )
    who = [group.hint] if group.hint else []
    who.append(f"active {_ago(group.active, group.now)}")
    about = [Content.styled(_cut(each, width), "$foreground-muted") for each in who]
    messages = Content.styled(f"{format.count(group.messages)} messages", "$foreground-muted")
    gains = [*_gains(group.gains, width)]
    if 0 < height < LOW:
        lines = [label, _together(total, gains), *gains[2:], *about, messages]
    else:
        lines = [label, *about, Content(""), total, messages, *gains]
    marks = Content.styled(f"{group.mark} marks its trees", "$foreground-muted")
    return Content("\n").join([*lines, Content(""), marks])


def detail_text(shown: Shown, width: int, height: int = 0) -> Content:
    """The whole panel as lines of at most `width` cells; largest rows as far as `height` goes."""
    title, *who = _who(shown, width)
    total, *kinds = _kinds(shown.detail, width)
    heading = "you get back, of the whole tree" if shown.is_part else "you get back"
    gains = [*_gains(shown.gains, width, heading)]
    if 0 < height < LOW:
        parts = [title, _together(total, gains), *gains[2:], Content(""), *who, Content(""), *kinds]
    else:
        parts = [title, *who, Content(""), total, *kinds, *gains]
    parts += _largest(shown.largest, width, height - len(parts) - 2)
    parts += _beginning(shown.detail, width)
    return Content("\n").join(parts)


def _who(shown: Shown, width: int) -> Iterator[Content]:
    detail, row = shown.detail, shown.detail.row
    yield Content.styled(_cut(format.titled(row.title), width), "bold")
    yield Content.styled(_cut(row.id, width), "$foreground-muted")
    gone = "  ⚠ gone" if row.missing else ""
    yield Content.assemble(
        _cut(row.directory or row.project, width - len(gone)), (gone, "$text-warning")
    )
    facts = [detail.model, detail.agent, f"opencode {row.version}" if row.version else ""]
    if line := " · ".join(fact for fact in facts if fact):
        yield Content.styled(_cut(line, width), "$foreground-muted")
    spent = [format.money(row.cost) if row.cost else ""]
    if detail.tokens:
        spent.append(f"{format.count(detail.tokens)} tokens")
    if line := " · ".join(each for each in spent if each):
        yield Content.styled(_cut(line, width), "$foreground-muted")
    yield Content.styled(
        _cut(
            f"created {format.day(row.created)}, "
            f"active {_ago(shown.active or row.active, shown.now)}",
            width,
        ),
        "$foreground-muted",
    )
    if row.archived:
        yield Content.styled(f"▣ archived {_ago(row.archived, shown.now)}", "$foreground-muted")
    for note in detail.notes:
        yield Content.styled(format.clean(note), "$text-warning")
    if detail.share_url:
        yield Content.styled(_cut(f"◆ shared {detail.share_url}", width), "$text-accent")


def _ago(then: int, now: int) -> str:
    age = format.age(then, now)
    return age if age in ("now", format.UNKNOWN) else f"{age} ago"


def _kinds(detail: SessionDetail, width: int) -> Iterator[Content]:
    several = detail.tree_sessions > 1
    of = f" of {format.plural(detail.tree_sessions, 'session')}" if several else ""
    total = detail.tree_usage.bytes or detail.usage.bytes
    yield Content.assemble((format.size(total), "bold"), (of, "$foreground-muted"))
    most = max(detail.kinds.values(), default=0)
    for kind, label in kinds_present(detail.kinds):
        amount = detail.kinds[kind]
        room = width - LABEL_CELLS - format.SIZE_CELLS - 2
        yield Content.assemble(
            (format.fit(label, LABEL_CELLS), "$foreground-muted"),
            format.fit(format.size(amount), format.SIZE_CELLS, right=True),
            "  ",
            (format.share_bar(amount / most, max(0, room)).rstrip(), "$primary"),
        )
    yield Content.styled(
        f"{format.count(detail.tree_usage.messages)} msgs · "
        f"{format.count(detail.tree_usage.parts)} parts · "
        f"{format.count(detail.tree_usage.events)} events",
        "$foreground-muted",
    )


def kinds_present(kinds: Mapping[str, int]) -> list[tuple[str, str]]:
    """(kind, label) of what is above zero, the known ones in their order."""
    return [
        (kind, KINDS.get(kind, kind))
        for kind in [*KINDS, *(kind for kind in kinds if kind not in KINDS)]
        if kinds.get(kind, 0) > 0
    ]


def _gains(gains: tuple[Gain, ...], width: int, heading: str = "you get back") -> Iterator[Content]:
    if not gains:
        return
    yield Content("")
    yield Content.styled(heading, "$foreground-muted")
    for gain in gains:
        look = "$text-success" if gain.bytes else "$foreground-muted"
        label = format.fit(gain.label, max(8, width - format.SIZE_CELLS - 4))
        yield Content.assemble(
            (f" {gain.key}", "bold $text-accent"),
            f"  {label}",
            (format.fit(format.size(gain.bytes), format.SIZE_CELLS, right=True), look),
        )


def _largest(rows: tuple[LargeRow, ...], width: int, room: int) -> Iterator[Content]:
    """Single rows, when there is room for a few of them."""
    if not rows or room < LEAST_ROWS:
        return
    yield Content("")
    yield Content.styled("largest rows", "$foreground-muted")
    for row in rows[:room]:
        amount = format.fit(format.size(row.bytes), format.SIZE_CELLS, right=True)
        yield Content.assemble(
            amount, "  ", (_cut(what_is(row), width - format.SIZE_CELLS - 2), "")
        )


def _together(total: Content, gains: Sequence[Content]) -> Content:
    """The sum and the heading of the gains in one line, where lines are few."""
    return Content.assemble(total, " · ", gains[1]) if gains else total


def what_is(row: LargeRow) -> str:
    """What a single row holds; of an event its type, without the version at its end."""
    return f"event {row.kind.rpartition('.')[0] or row.kind}" if row.table == "event" else row.kind


def _beginning(detail: SessionDetail, width: int) -> Iterator[Content]:
    for text in detail.beginning[:3]:
        yield Content("")
        short = format.clean(text)[: width * 4]
        yield Content.assemble(("› ", "$text-accent"), (short, "italic"))


def _cut(text: str, width: int) -> str:
    return format.clip(format.clean(text), width)
