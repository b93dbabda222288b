"""The single lines around the tree: header, job bar, keys; and the bars of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.desk import Jobs, Live, Running
from tui.keys import Keys
from tui.policy.plan import Item, Plan, Step, Totals
from tui.screens.page import is_not_small
from tui.sizes import FileSizes
from tui.widgets.composition_bar import Portion, bar, legend, shares
from tui.widgets.job_bar import job_line
from tui.widgets.key_bar import Key, fitting
from tui.widgets.status_header import Status, status_line

STATUS = Status(
    path="~/.local/share/opencode/opencode.db",
    generation="v1",
    bytes=8_900_000_000,
    wal_bytes=924_000_000,
    free_disk=41_000_000_000,
    holders=(("opencode", 4121), ("opencode", 4377)),
    get_back="about 8.40 GB",
)


def test_the_wide_header_tells_everything() -> None:
    line = status_line(STATUS, 146).plain
    for part in ("ocdu", STATUS.path, "V1", "8.90 GB", "+ 924 MB wal", "free disk 41.0 GB",
                 "opencode 4121 and 1 more ●", "about 8.40 GB to get back"):  # fmt: skip
        assert part in line


@pytest.mark.parametrize("width", range(24, 140))
def test_the_header_never_outgrows_its_line_and_keeps_the_size(width: int) -> None:
    line = status_line(STATUS, width)
    assert line.cell_length <= width
    assert "8.90 GB" in line.plain


def test_a_trash_that_is_not_small_is_named_with_its_key() -> None:
    full = STATUS._replace(trash_bytes=1_200_000_000, trash_key="4")
    assert "trash 1.20 GB (key 4)" in status_line(full, 160).plain
    assert "trash" not in status_line(STATUS, 160).plain


@pytest.mark.parametrize(
    ("trash", "database", "named"),
    [(0, 0, False), (0, 10**9, False), (99_999_999, 10**10, False), (100_000_000, 10**10, True),
     (9_999_999, 10**8, False), (10_000_000, 10**8, True)],
)  # fmt: skip
def test_the_trash_is_named_from_a_tenth_of_the_database_on(
    trash: int, database: int, named: bool
) -> None:
    sizes = FileSizes(database, 0, 4096, database // 4096, 0)
    assert is_not_small(Live(sizes, (), 10**9, trash)) == named


def test_little_free_disk_is_a_word_and_a_sign() -> None:
    assert "⚠" in status_line(STATUS._replace(free_disk=100_000_000), 140).plain


def test_a_process_cannot_write_to_the_terminal_by_its_name() -> None:
    line = status_line(STATUS._replace(holders=(("[red]\x1b[2J", 1),)), 140).plain
    assert "\x1b" not in line and "[red]" in line


KEYS = (
    *(Key(letter, "word" * 2, f"app.{letter}") for letter in "abcdef"),
    Key("?", "Help", "app.help"),
    Key("q", "Quit", "app.quit"),
)


@given(st.integers(16, 200))
def test_keys_fit_and_the_last_two_stay(width: int) -> None:
    shown = fitting(KEYS, width)
    assert shown[-2:] == list(KEYS[-2:])
    assert sum(len(key.key) + 1 + len(key.title) + 2 for key in shown) - 2 <= width


@given(st.lists(st.integers(0, 10**13), max_size=9), st.integers(0, 200))
def test_shares_fill_the_bar_and_whatever_exists_is_seen(amounts: list[int], cells: int) -> None:
    found = shares(amounts, cells)
    if sum(amounts) and cells >= len(amounts):
        assert sum(found) == cells
        assert all(cell >= 1 for cell, amount in zip(found, amounts, strict=True) if amount)
    assert all(not cell for cell, amount in zip(found, amounts, strict=True) if not amount)


def test_legend_names_what_there_is_and_breaks_to_the_width() -> None:
    portions = [Portion(f"kind {n}", n * 10**6, "$primary") for n in range(6)]
    lines = legend(portions, 40)
    assert all(line.cell_length <= 40 for line in lines)
    assert "kind 0" not in " ".join(line.plain for line in lines)
    assert "kind 5" in " ".join(line.plain for line in lines)
    assert bar(portions, 40).cell_length == 40
    assert bar([], 40).cell_length == 40


def job(step: Step | None, items: int = 1) -> Jobs:
    item = Item("ses_1", "A [red]title[/red] of some length", "", Totals(trees=1, sessions=3))
    return Jobs(Running(1, Plan("prune", (item,) * items), step, 0), ((2, Plan("vacuum", ())),))


@pytest.mark.parametrize("width", [40, 50, 80, 120])
@pytest.mark.parametrize("items", [1, 4])
def test_the_job_bar_tells_verb_progress_and_time_left(width: int, items: int) -> None:
    line = job_line(job(Step(30, 60, 5_000_000, "to trash"), items), 10_000, width, Keys())
    assert line.cell_length <= width
    assert "pruning" in line.plain
    assert "50%" in line.plain and "Z stops" in line.plain, "whatever gives way"
    if width == 120:
        assert "to trash" in line.plain and "10 s left" in line.plain


def test_a_vacuum_that_waits_for_opencode_says_so() -> None:
    from tui.policy.vacuum import VacuumDecision

    plan = Plan("vacuum", (), options=VacuumDecision("wait", "waits"))
    assert "nobody" in job_line(Jobs(None, ((1, plan),)), 0, 80, Keys()).plain


def test_paused_is_said_in_words() -> None:
    line = job_line(job(Step(1, 2))._replace(paused=True), 0, 100, Keys()).plain
    assert "‖" in line and "goes on" in line and "Z stops" in line
