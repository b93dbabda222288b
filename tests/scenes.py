"""Every screen, drawn the same way on every machine: `python -m tests.scenes --write`.

Clock, disk, holders, trash and journal are set; the sessions are those of the demo. The pictures
lie in `screenshots/`, stand in the README, and `test_screenshots.py` compares them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path, PurePosixPath
from threading import Event
from typing import NamedTuple
from unittest.mock import patch

from textual._compositor import LayoutUpdate
from textual.pilot import Pilot
from textual.strip import Strip

import tui.app
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.visit import has_messages, has_threads, hurried
from tui.app import OcduApp
from tui.config import Config, Look
from tui.desk import Freed, Jobs, JournalLine, Running, TrashBatch
from tui.engine.demo import make_demo
from tui.engine.site import open_site
from tui.engine.trash import Batch
from tui.messages import Watched
from tui.places import ProjectRow, Whereabouts
from tui.policy.plan import Item, Plan, Step, Totals
from tui.policy.vacuum import VacuumFacts, plan_vacuum
from tui.records import FileRow, FileSurvey, Holder, Payload
from tui.sizes import FileSizes
from tui.store.batch import TreeLine
from tui.store.file_kinds import KINDS
from tui.store.journal import JournalEntry
from tui.talks import Format

PICTURES = Path(__file__).parent.parent / "screenshots"

WIDE, SMALL = (120, 36), (80, 24)
"""Columns and rows: a roomy terminal, and the smallest that is still usual."""

HUGE, TINY = (200, 60), (50, 20)
"""A whole screen, and a corner of one."""

WORK = PurePosixPath("/home/dev/work")
"""Where the projects of the pictures lie: a folder of no machine."""

OPENCODE = Holder(4121, "opencode")

PATIENCE = 120.0
"""Seconds a scene may take to come to rest, on a machine that is busy."""


class Scene(NamedTuple):
    """One picture: how large, which keys lead to it, how many pages of the file are free."""

    name: str
    keys: tuple[str, ...]
    size: tuple[int, int] = WIDE
    free_pages: int = 0
    busy: bool = False
    """True when a job is at work."""
    theme: str = "textual-dark"


SCENES = (
    Scene("sessions", ("down", "down")),
    Scene("dashboard", ("2",)),
    Scene("files", ("3", "down", "down")),
    Scene("largest", ("L",)),
    Scene("search", ("F", *"retry queue", "enter", "down", "down")),
    Scene("conversation", ("down", "down", "o", *["down"] * 5, "space")),
    Scene("prune", ("p",)),
    Scene("reclaim", ("r",)),
    Scene("rescue", ("x",)),
    Scene("vacuum", ("V",), free_pages=14_000),
    Scene("trash", ("4",)),
    Scene("trash-filtered", ("4", "slash", *"project:shop", "enter")),
    Scene("export", ("down", "down", "o", "E", "right")),
    Scene("jobs", ("5",), busy=True),
    Scene("help", ("question_mark",)),
    Scene("projects", ("6",)),
    Scene("databases", ("O",)),
    Scene("first-start", ("down", "down")),
    Scene("rescue-80", ("x",), size=SMALL),
    Scene("sessions-200", ("down", "down"), size=HUGE),
    Scene("sessions-80", ("down", "down"), size=SMALL),
    Scene("sessions-50", ("down", "down"), size=TINY),
    Scene("sessions-high-contrast", ("down", "down"), theme="high-contrast"),
    Scene("dashboard-ansi-dark", ("2",), theme="ansi-dark"),
)


def sizes(free_pages: int) -> FileSizes:
    """The database of the pictures."""
    return FileSizes(28_000 * 4096, 4_120_032, 4096, 28_000, free_pages)


class PictureApp(OcduApp):
    """The app with everything taken out that is different tomorrow or elsewhere."""

    CSS_PATH = str(Path(tui.app.__file__).with_name("app.tcss"))
    scene: Scene

    def tell_change(self) -> None:
        """Nobody writes to a picture."""

    def tell_look(self, sizes: FileSizes, holders: tuple[Holder, ...], free_disk: int) -> None:
        """The disk of this machine is not the picture's."""

    def tell_found(self, payloads: Sequence[Payload]) -> None:
        """The question before the first reclaim in the background has no picture."""

    def read_newcomer(self) -> bool:
        """The card of the first start has a picture of its own."""
        return self.scene.name == "first-start"

    def plan_vacuum(self, to_incremental: bool = False) -> Plan:
        """What a vacuum would do on the disk of the pictures."""
        free = 41_000_000_000
        facts = VacuumFacts(
            sizes(self.scene.free_pages), free, free, holders=(OPENCODE,), write_speed=4e8
        )
        return plan_vacuum(facts)

    def read_rescue(self, stop: Event) -> tuple[list[Payload], VacuumFacts]:
        """What a rescue would do there."""
        found, _ = super().read_rescue(stop)
        free = 41_000_000_000
        return found, VacuumFacts(
            sizes(self.scene.free_pages), free, free, holders=(OPENCODE,), write_speed=4e8
        )

    def read_trash(self) -> Sequence[TrashBatch]:
        """Three prunes of the last weeks."""
        return BATCHES

    def free_file(self, session_id: str, format: Format, folder: Path | None = None) -> Path:
        """A folder of no machine."""
        ending = "md" if format == "markdown" else "json"
        return Path("/home/dev/notes") / f"migrate-the-orders.{ending}"

    def objection(self, target: Path) -> str:
        """Nor is it looked for."""
        return ""

    def read_journal(self) -> Sequence[JournalLine]:
        """What ocdu did so far."""
        return JOURNAL

    def read_projects(self) -> Sequence[ProjectRow]:
        """The folders of no machine are not there; one of them shall be gone."""
        return [
            row._replace(missing="legacy-billing" in row.worktree)
            for row in super().read_projects()
        ]

    def read_databases(self) -> tuple[Sequence[Whereabouts], int, int]:
        """The open one, an old one, and what was never imported."""
        old = self.database.with_name("opencode-dev.db")
        return (
            [
                Whereabouts(self.database, 114_688_000, 4_120_032, NOW - MINUTE, "v1", 483, 18, 26,
                            8, NOW - 2 * MINUTE),
                Whereabouts(old, 9_400_000, 0, NOW - 40 * DAY, "v1", 31, 0, 0, 2, NOW - 40 * DAY),
            ],
            12,
            12,
        )  # fmt: skip

    def read_history(self) -> Sequence[tuple[int, int]]:
        """Two weeks of growth."""
        return [(NOW - (14 - day) * DAY, 60_000_000 + day**2 * 280_000) for day in range(15)]

    def read_files(self, stop: Event) -> Iterator[FileSurvey]:
        """Blocks differ from file system to file system."""
        yield FILES

    def read_freed(self) -> Freed:
        """What was given back."""
        return Freed(38_400_000, 2_310_000_000)


def file_row(
    id: str, title: str, octets: int, files: int, days: int, why: str, safe: int = 0
) -> FileRow:
    """A line of the data directory: a kind, or below one; `safe` octets of it may go."""
    kind, _, below = id.partition("/")
    return FileRow(
        id, kind, id.rpartition("/")[0], title, KINDS[kind], below, octets, octets, files,
        NOW - days * DAY, bool(safe), why, "" if safe else "kept", safe, files if safe else 0,
    )  # fmt: skip


FILES = FileSurvey(
    (
        file_row("snapshot", "snapshot", 26_200_000, 8_214, 0, "", 8_040_000),
        file_row("snapshot/a", "shop", 18_160_000, 6_120, 0,
                 "Its project is in the database: undo and revert need it."),
        file_row("snapshot/b", "1f0c9e2a (no project)", 8_040_000, 2_094, 61,
                 "No database knows its project any more.", 8_040_000),
        file_row("tmp_pack", "tmp_pack", 22_800_000, 3, 9, "", 22_800_000),
        file_row("tmp_pack/a", "shop", 22_800_000, 3, 9,
                 "Older than a day, and no process has it open.", 22_800_000),
        file_row("tool-output", "tool-output", 3_820_000, 412, 0, "", 3_190_000),
        file_row("tool-output/old", "older", 3_190_000, 350, 8, "Older than 7 days.", 3_190_000),
        file_row("tool-output/young", "younger", 630_000, 62, 0,
                 "opencode shows it for seven days."),
        file_row("log", "log", 1_270_000, 2, 0, "", 1_210_000),
        file_row("log/old", "older", 1_210_000, 1, 40, "Nobody reads it any more.", 1_210_000),
        file_row("log/newest", "opencode.log", 60_000, 1, 0, "opencode writes to it."),
        file_row("database", "database", 118_808_032, 3, 0, "", 0),
        file_row("database/opencode.db", "opencode.db", 118_808_032, 3, 0,
                 "Your sessions. Prune, reclaim and vacuum make it smaller."),
    ),
    8_634, 172_898_032, 0, True,
)  # fmt: skip
"""The data directory of the pictures."""


def tree(title: str, project: str, sessions: int, octets: int) -> TreeLine:
    """A tree in the trash."""
    return TreeLine(
        f"ses_{title}", title, project, "idle", "whole", sessions, sessions * 8, sessions * 27,
        sessions * 70, 0, octets,
    )  # fmt: skip


def batch(days: int, *lines: TreeLine) -> Batch:
    """A batch that was pruned some days ago."""
    octets = sum(line.bytes for line in lines)
    made = NOW - days * DAY
    return Batch(f"batch-{days}", Path("/"), made, "opencode.db", lines, octets // 5)


BATCHES = (
    batch(0, tree("Sort the invoices of 2025", "legacy-billing", 7, 22_100_000)),
    batch(
        3,
        tree("Try three icon fonts", "pocket", 4, 9_800_000),
        tree("Why does the build need 9 GB?", "shop", 19, 61_300_000),
        tree("Read the Kafka book with me", "infra", 1, 1_250_000),
    ),
    batch(
        16,
        *(tree(f"Experiment {n}", "tinylang", n, n * 3_400_000) for n in range(3, 14)),
    ),
)


def entry(id: int, ago: int, verb: str, title: str, message: str, octets: int = 0) -> JournalEntry:
    """A job of the past; `ago` in milliseconds."""
    return JournalEntry(
        id, NOW - ago, verb, title, "done", message, octets, octets, octets - octets // 90, None, {}
    )


JOURNAL = (
    entry(9, 12 * MINUTE, "reclaim", "marked output", "41 parts of 6 sessions.", 3_410_000),
    entry(8, 2 * HOUR, "archive", "Fuzz the parser", "Archived 1 tree with 9 sessions."),
    entry(7, 5 * HOUR, "prune", "Sort the invoices of 2025", "1 tree, 7 sessions.", 22_100_000),
    entry(6, 3 * DAY, "vacuum", "", "The file shrank from 190 to 112 MB.", 78_000_000),
    entry(5, 3 * DAY + HOUR, "prune", "3 trees", "3 trees with 24 sessions.", 72_350_000),
)


@contextmanager
def frozen_world() -> Iterator[None]:
    """What the app asks the machine: who holds the file, which folders exist, the time zone."""

    def missing(folders: Iterable[str]) -> set[str]:
        return {folder for folder in folders if "legacy-billing" in folder}

    with (
        patch("tui.store.holders.holders", lambda *_, **__: (OPENCODE,)),
        patch("tui.store.sessions._missing", missing),
        patch.dict(os.environ, {"TZ": "UTC", "COLORTERM": "truecolor"}),
    ):
        _time_zone_changed()
        yield
    _time_zone_changed()


def _time_zone_changed() -> None:
    if sys.platform != "win32":
        time.tzset()


def make_stage(folder: Path) -> Path:
    """The database that all scenes show."""
    return make_demo(folder, now_ms=NOW, work=WORK)


@asynccontextmanager
async def opened(scene: Scene, database: Path) -> AsyncIterator[tuple[Pilot[None], PictureApp]]:
    """The app at rest, before the first key of the scene."""
    config = Config(look=Look(theme=scene.theme))
    app = PictureApp(open_site(database), config, clock=lambda: NOW)
    app.scene = scene
    app.database = Path.home() / ".local" / "share" / "opencode" / "opencode.db"
    app.animation_level = "none"
    with frozen_world():
        async with hurried(app), app.run_test(size=scene.size) as pilot:
            await at_rest(pilot, app)
            app.post_message(Watched(sizes(scene.free_pages), (OPENCODE,), 41_000_000_000))
            yield pilot, app


async def draw(scene: Scene, database: Path) -> str:
    """The picture of a scene as SVG."""
    async with opened(scene, database) as (pilot, app):
        if scene.busy:
            app.jobs = busy()
        for key in scene.keys:
            await pilot.press(key)
        return await taken(pilot, app)


async def taken(pilot: Pilot[None], app: OcduApp) -> str:
    """What is on show once it is at rest, as SVG."""
    await at_rest(pilot, app)
    return portable(app.export_screenshot(title="ocdu", simplify=True))


def busy() -> Jobs:
    """A reclaim at work and a prune that waits."""

    def plan(verb: str, titles: Collection[str], octets: int) -> Plan:
        one = Totals(trees=1, sessions=1, bytes=octets // len(titles))
        items = tuple(Item(title, title, "idle", one) for title in titles)
        return Plan(verb, items, predicted_bytes=octets)

    reclaim = plan("reclaim", [f"session {n}" for n in range(54)], 54_000_000)
    waiting = plan("prune", ["Draft: what I learned about SQLite"], 1_900_000)
    step = Step(38, 54, 38_000_000, "reclaiming")
    return Jobs(Running(10, reclaim, step, NOW - 4_000), ((11, waiting),))


async def at_rest(pilot: Pilot[None], app: OcduApp) -> None:
    """Wait until everything is measured and two looks in a row show the same."""
    until = time.monotonic() + PATIENCE
    before: list[Strip] | None = None
    while time.monotonic() < until:
        await pilot.pause(0.12)
        busy = has_messages(app) or has_threads(app)
        if busy or app.payloads is None or not app.measure.done:
            before = None
            continue
        now = drawn(app)
        if now == before:
            return
        before = now
    raise TimeoutError("The scene never came to rest.")


def drawn(app: OcduApp) -> list[Strip]:
    """Every line of the terminal."""
    behind = app._background_screens
    update = app.screen._compositor.render_update(full=True, screen_stack=behind)
    assert isinstance(update, LayoutUpdate)
    return [strip for line in update.strips for strip in line]


def portable(svg: str) -> str:
    """Without addresses of fonts on other people's servers; one line for each element; slim."""
    bare = re.sub(r"@font-face\s*\{[^}]*\}\s*|<!--.*?-->\s*", "", svg)
    unnamed = re.sub(r"terminal-\d+", "terminal", bare)
    # No letter is wider than its cell: a path for every line to cut it off is half of the file.
    uncut = re.sub(r'<clipPath id="terminal-line-\d+">.*?</clipPath>\s*', "", unnamed, flags=re.S)
    uncut = re.sub(r' clip-path="url\(#terminal-line-\d+\)"', "", uncut)
    crisp = '<g shape-rendering="crispEdges" transform="translate(9, 41)"'
    merged = RECTS.sub(_merged, uncut).replace('<g transform="translate(9, 41)"', crisp)
    # Columns are made of spaces: a viewer that folds them together would tear the picture apart.
    spaced = merged.replace("<svg ", '<svg xml:space="preserve" ', 1)
    return "\n".join(line.rstrip() for line in spaced.splitlines()) + "\n"


RECT = re.compile(
    r'<rect fill="([^"]*)" x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)"'
    r' shape-rendering="crispEdges"/>'
)
RECTS = re.compile(r'(?:<rect [^>]*shape-rendering="crispEdges"/>)+')


def _merged(found: re.Match[str]) -> str:
    """Rectangles of one colour beside each other as one, however the line was put together."""
    drawn: list[str] = []
    fill, left, end, rest = "", 0.0, -1.0, ("", "")
    for colour, x, y, width, height in [*RECT.findall(found[0]), ("", "-1", "", "0", "")]:
        if (colour, (y, height)) == (fill, rest) and abs(float(x) - end) < 0.05:
            end += float(width)
            continue
        if fill:
            size = f'width="{end - left:.5g}" height="{rest[1]}"'
            drawn.append(f'<rect fill="{fill}" x="{left:g}" y="{rest[0]}" {size}/>')
        fill, left, end, rest = colour, float(x), float(x) + float(width), (y, height)
    return "".join(drawn)


def words_of(svg: str) -> list[str]:
    """The text of a picture, line by line, for a failure one can read."""
    lines: dict[float, str] = {}
    for y, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines[float(y)] = lines.get(float(y), "") + text.replace("&#160;", " ")
    return [lines[y].rstrip() for y in sorted(lines)]


def written(folder: Path, draw_all: Callable[[Path], Mapping[str, str]], about: str) -> int:
    """Compare what is drawn from the stage with the pictures in a folder; with `--write` write it.

    Returns the exit code: 1 when a picture differs and was not written.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--write", action="store_true", help="write the pictures")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as home:
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            os.environ[name] = home
        drawn = draw_all(make_stage(Path(home) / "stage"))
    differing = [_show(folder / f"{name}.svg", svg, write) for name, svg in drawn.items()]
    return int(any(differing) and not write)


def _show(path: Path, svg: str, write: bool) -> bool:
    same = path.exists() and path.read_text(encoding="utf-8") == svg
    if write and not same:
        path.parent.mkdir(exist_ok=True)
        path.write_text(svg, encoding="utf-8")
    print(f"{path.stem}: {'as it was' if same else 'written' if write else 'differs'}")
    return not same


def _all(stage: Path) -> dict[str, str]:
    return {scene.name: asyncio.run(draw(scene, stage)) for scene in SCENES}


if __name__ == "__main__":
    sys.exit(written(PICTURES, _all, __doc__ or ""))
