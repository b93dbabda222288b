"""Numbers and foreign text as short text for one line."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui import format

NOW = 1_795_342_298_123


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (None, "·"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (38_200, "38 kB"),
        (99_600, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (402_400_000, "402 MB"),
        (999_999_999, "1.00 GB"),
        (1_940_000_000, "1.94 GB"),
        (12_440_000_000, "12.4 GB"),
        (104_000_000_000, "104 GB"),
        (-1_940_000_000, "-1.94 GB"),
    ],
)
def test_a_size_keeps_the_digits_that_matter(octets: int | None, text: str) -> None:
    assert format.size(octets) == text


@given(st.integers(-(10**18), 10**18))
def test_no_size_is_wider_than_its_column(octets: int) -> None:
    assert len(format.size(octets)) <= format.SIZE_CELLS


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (-5, "now"),
        (59_999, "now"),
        (60_000, "1 min"),
        (59 * 60_000, "59 min"),
        (2 * format.HOUR, "2 h"),
        (format.DAY - 1, "23 h"),
        (12 * format.DAY, "12 d"),
        (61 * format.DAY, "61 d"),
        (430 * format.DAY, "14 mo"),
        (1100 * format.DAY, "3 y"),
    ],
)
def test_an_age_is_one_number_and_one_unit(past: int, text: str) -> None:
    assert format.age(NOW - past, NOW) == text


def test_an_unknown_time_has_no_age_and_no_day() -> None:
    assert format.age(None, NOW) == format.age(0, NOW) == format.day(None) == "·"


@given(st.integers(-(2**63), 2**63), st.integers(0, 2**53))
def test_no_age_is_wider_than_its_column(then: int, now: int) -> None:
    assert len(format.age(then, now)) <= format.AGE_CELLS


def test_counts_have_separators_and_their_noun() -> None:
    assert format.count(1_812) == "1,812"
    assert format.count(None) == "·"
    assert format.plural(1, "session") == "1 session"
    assert format.plural(0, "session") == "0 sessions"
    assert format.plural(1_812, "directory") == "1,812 directories"
    assert format.plural(2, "batch") == "2 batches"
    assert format.plural(3, "day") == "3 days"
    assert format.plural(2, "child", "children") == "2 children"


def test_a_percentage_claims_neither_nothing_nor_everything_too_early() -> None:
    shown = [format.percent(part) for part in (None, 0, 0.004, 0.71, 0.999, 1.0)]
    assert shown == ["·", "0 %", "<1 %", "71 %", "99 %", "100 %"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.26, "0.3 s"),
        (4, "4 s"),
        (9.97, "10 s"),
        (75, "1 min 15 s"),
        (120, "2 min"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert format.duration(seconds) == text


def test_money_is_short() -> None:
    shown = [format.money(dollars) for dollars in (0, 0.07, 14.2, 1204.4)]
    assert shown == ["·", "$0.07", "$14.20", "$1,204"]


def test_a_bar_counts_in_eighths_and_shows_the_smallest_share() -> None:
    assert format.share_bar(0.5, 4) == "██  "
    assert format.share_bar(1 / 32, 4) == "▏   "
    assert format.share_bar(1e-9, 4) == "▏   "
    assert format.share_bar(0, 4) == format.share_bar(None, 4) == "    "
    assert format.share_bar(0.5, 4, ascii=True) == "##  "
    assert format.share_bar(1e-9, 4, ascii=True) == "#   "


@given(st.floats(-1, 2), st.integers(0, 40), st.booleans())
def test_a_bar_is_exactly_as_wide_as_asked(part: float, width: int, ascii: bool) -> None:
    assert len(format.share_bar(part, width, ascii)) == width


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_a_day_is_local_and_a_timestamp_is_utc() -> None:
    late = 1_790_985_600_000 - 1  # 2026-10-02T23:59:59.999Z, already the third further east
    assert format.day(late) == "3 Oct 2026"
    assert format.iso(late) == "2026-10-02T23:59:59.999Z"


@given(st.integers(-(2**63), 2**63 - 1))
def test_no_number_in_a_time_column_breaks_the_calendar(ms: int) -> None:
    assert format.iso(ms).endswith("Z")
    assert format.day(ms)


def test_a_missing_time_stays_missing_in_json() -> None:
    assert format.iso(None) is None
    assert format.iso(NOW) == "2026-11-22T10:11:38.123Z"


def test_hostile_titles_become_one_harmless_line() -> None:
    assert format.clean("a\tb\r\nc") == "a b  c"
    assert format.clean("\x1b[31mred") == "␛[31mred"
    assert format.clean("nul\x00del\x7f") == "nul␀del␡"
    assert format.clean("\x9b31m \ud800") == "�31m �"
    assert format.clean("\u202egpj.exe\u2066\u200f") == "gpj.exe"
    assert format.clean("zero\u200bwidth\ufeff") == "zerowidth"
    assert format.clean("[red]漢字 e\u0301[/]") == "[red]漢字 e\u0301[/]"


anything = st.text(st.characters(exclude_categories=())) | st.text(
    "a漢é\u0301\u200b\x1b👍🏽\ud800한"
)


@given(anything)
def test_cleaned_text_holds_no_control_and_can_be_written(text: str) -> None:
    shown = format.clean(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert not any(unicodedata.bidirectional(char) in _TURNING for char in shown)
    shown.encode()
    assert format.clean(shown) == shown


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_every_character_takes_the_cells_that_rich_gives_it() -> None:
    """Characters newer than this Python's Unicode tables are left out: it cannot know them."""
    wrong = [
        hex(point)
        for point in range(0x110000)
        if unicodedata.category(char := chr(point)) not in ("Cn", "Cs")
        and format.clean(char) == char
        and format.cells(char) != cell_len(char)
    ]
    assert wrong == []


@given(anything, st.integers(-1, 30))
def test_clipped_text_fits_and_says_that_it_was_cut(text: str, width: int) -> None:
    shown = format.clip(format.clean(text), width)
    assert format.cells(shown) <= max(0, width)
    if width > 0 and shown != format.clean(text):
        assert shown.endswith("…")


@given(anything, st.integers(0, 30), st.booleans())
def test_fitted_text_takes_exactly_its_column(text: str, width: int, right: bool) -> None:
    assert format.cells(format.fit(format.clean(text), width, right)) == width


@pytest.mark.parametrize(("width", "shown"), [(9, "/home/a/b"), (6, "…e/a/b"), (1, "…"), (0, "")])
def test_the_end_of_a_path_stays(width: int, shown: str) -> None:
    assert format.tail("/home/a/b", width) == shown


def test_a_wide_character_that_would_stick_out_is_left_out() -> None:
    assert format.clip("漢字漢字", 6) == "漢字…"
    assert format.fit("漢字漢字", 6) == "漢字… "
    assert format.clip("漢字", 4) == "漢字"


def test_a_title_has_no_blanks_around_it_and_may_be_missing() -> None:
    assert format.titled("  a\tb ") == "a b" and format.titled(" \n") == "(no title)"
