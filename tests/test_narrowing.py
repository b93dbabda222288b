"""The filter line: what may be typed, what it finds, what it says about a slip of the finger."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_forest import a_row, octets, some_rows, some_usage
from tui.forest import Forest
from tui.format import DAY
from tui.narrowing import KEYS, STATES, parse_narrowing
from tui.records import SessionRow, Usage
from tui.sieve import MOST_SIMILAR, Found, Sieve, found_in

NOW = 1_000 * DAY

ROWS = [
    a_row("ses_gate", title="Fix the payment gateway", updated=NOW - 30 * DAY, shared=True),
    a_row("ses_kid", "ses_gate", title="Read CI logs", updated=NOW - 31 * DAY, archived=5),
    a_row("ses_old", title="Deploy: v2:rc", updated=NOW - 400 * DAY, archived=7, missing=True),
    a_row("ses_new", title="Straße", project="two words", pinned=True, running=True,
          updated=NOW, directory="/srv/Maps", generation="both"),
]  # fmt: skip
USAGE = {"ses_gate": octets(6_000_000), "ses_kid": octets(4_000_000), "ses_old": octets(999)}


def find(typed: str, rows: list[SessionRow] = ROWS, usage: Any = USAGE) -> list[str]:
    """Ids of what is found, in the order of the forest."""
    forest = Forest.of(rows, usage)
    return [forest.rows[i].id for i in search(typed, forest).places]


def search(typed: str, forest: Forest) -> Found:
    return found_in(forest, parse_narrowing(typed), NOW)


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("is:archived", ["ses_kid", "ses_old"]),
        ("archived:", ["ses_kid", "ses_old"]),
        ("-is:archived", ["ses_gate", "ses_new"]),
        ("is:shared", ["ses_gate"]),
        ("is:pinned", ["ses_new"]),
        ("is:missing", ["ses_old"]),
        ("is:running", ["ses_new"]),
        ("is:child", ["ses_kid"]),
        ("is:root -is:archived", ["ses_gate", "ses_new"]),
        ("gen:both", ["ses_new"]),
        ("gen:v2", []),
        ('project:"two words"', ["ses_new"]),
        ("project:SHO", ["ses_gate", "ses_kid", "ses_old"]),
        ("dir:maps", ["ses_new"]),
        ("payment is:shared", ["ses_gate"]),
        ("payment is:archived", []),
        ('"the payment"', ["ses_gate"]),
        ("-payment -logs", ["ses_old", "ses_new"]),
        ("IS:Shared", ["ses_gate"]),
        ("strasse", ["ses_new"]),
        ("", [row.id for row in ROWS]),
        ("is:", [row.id for row in ROWS]),
        ("size:", [row.id for row in ROWS]),
        ("size:> idle:<=", [row.id for row in ROWS]),
    ],
)
def test_words_for_state_and_free_words_must_all_hold(typed: str, ids: list[str]) -> None:
    assert find(typed) == ids
    assert parse_narrowing(typed).complaint == ""


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("size:10MB", ["ses_gate"]),
        ("size:>10MB", []),
        ("size:>=10000000", ["ses_gate"]),
        ("size:>9999999", ["ses_gate"]),
        ("size:<1kB", ["ses_old"]),
        ("size:<=999", ["ses_old"]),
        ("size:<999", []),
        ("size:4MB is:child", ["ses_kid"]),
    ],
)
def test_a_size_is_of_the_subtree_and_exact_at_its_limit(typed: str, ids: list[str]) -> None:
    assert find(typed) == ids


def test_a_session_that_was_not_measured_has_no_size_yet() -> None:
    assert find("size:<1GB", usage={"ses_old": octets(5)}) == ["ses_old"]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("idle:30d", ["ses_kid", "ses_old"]),
        ("idle:>30d", ["ses_kid", "ses_old"]),
        ("idle:>=30d", ["ses_gate", "ses_kid", "ses_old"]),
        ("idle:<=30d", ["ses_gate", "ses_new"]),
        ("idle:<30d", ["ses_new"]),
        ("idle:1y", ["ses_old"]),
    ],
)
def test_idle_means_what_older_than_means_to_the_millisecond(typed: str, ids: list[str]) -> None:
    assert find(typed) == ids
    late = [row._replace(updated=row.updated - 1) for row in ROWS]
    assert "ses_gate" in find("idle:30d", late)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("is:archive", "“is:archive” is unknown"),
        ("gen:v3", "“gen:v3” is unknown"),
        ("size:>huge", "“huge” is not a size"),
        ("idle:soon", "“soon” is not an age"),
        ("color:red", "“color:” is no word of the filter"),
    ],
)
def test_a_wrong_word_is_named_and_restricts_nothing(typed: str, says: str) -> None:
    narrowing = parse_narrowing(f"{typed} payment")
    assert says in narrowing.complaint
    assert narrowing.conditions == ()
    if "color" not in typed:
        assert find(f"{typed} payment") == ["ses_gate"]


def test_a_colon_in_a_title_is_found_as_text() -> None:
    assert find("deploy: v2:rc") == ["ses_old"]


def test_similar_titles_come_only_where_no_text_holds_the_words() -> None:
    forest = Forest.of(ROWS)
    assert search("payment", forest) == Found([0], 0)
    for slip in ("paymnet", "gatway", "pyment gateway", "pamyent fix"):
        found = search(slip, forest)
        assert found == Found([0], 0, similar=True), slip
    assert search("paymnet is:archived", forest).places == []
    assert search("completely different", forest).places == []


def test_of_very_many_similar_titles_the_most_similar_remain() -> None:
    rows = [a_row(f"s{i}", title=f"Session number {i}") for i in range(MOST_SIMILAR + 50)]
    rows.append(a_row("t", title="Sesion about nothing in particular"))
    found = search("sesionx", Forest.of(rows))
    assert len(found.places) == MOST_SIMILAR
    assert found.best == len(rows) - 1


def test_the_best_hit_is_the_title_that_begins_with_it_then_the_newest() -> None:
    rows = [
        a_row("a", title="An encore", updated=9),
        a_row("b", title="core dump", updated=1),
        a_row("c", title="The core", updated=5),
        a_row("d", title="Nothing", directory="/core", updated=99),
    ]
    assert search("core", Forest.of(rows)).best == 1
    assert search("core", Forest.of([rows[0], rows[2], rows[3]])).best == 1
    assert search("core", Forest.of([rows[0], rows[3]])).best == 0
    assert search("co", Forest.of([rows[3], rows[3]._replace(id="e", updated=100)])).best == 1
    assert search("d", Forest.of(rows)).best == 3, "an id typed in full"


def test_words_for_state_alone_do_not_move_the_cursor() -> None:
    assert search("is:archived", Forest.of(ROWS)).best is None


words = st.text(alphabet='ab:"- -is:archived>30dszeßİ\x00[(*', max_size=12)
typed_lines = st.lists(
    st.one_of(words, st.sampled_from([f"{key}:" for key in KEYS]),
              st.sampled_from([f"-is:{state}" for state in STATES]),
              st.sampled_from(["size:>5", "idle:<3d", "title"])),
    max_size=4,
).map(" ".join)  # fmt: skip


@given(typed_lines, some_rows, some_usage)
def test_no_line_raises_and_every_hit_holds_what_was_typed(
    typed: str, rows: list[SessionRow], usage: dict[str, Usage]
) -> None:
    forest = Forest.of(rows, usage)
    narrowing = parse_narrowing(typed)
    found = found_in(forest, narrowing, NOW)
    assert list(found.places) == sorted(set(found.places))
    assert found.best is None or found.best in found.places
    hits = set(found.places)
    for i, hay in enumerate(forest.shape.haystacks):
        held = all(one.keeps(forest, [i], NOW) == [i] for one in narrowing.conditions)
        held = held and not any(word in hay for word in narrowing.without)
        literal = held and all(word in hay for word in narrowing.words)
        if found.similar:
            assert not literal and (held or i not in hits)
        else:
            assert literal == (i in hits)


@given(st.lists(typed_lines, min_size=1, max_size=3), some_rows, some_usage)
def test_typing_and_taking_back_letter_by_letter_finds_what_the_whole_line_finds(
    lines: list[str], rows: list[SessionRow], usage: dict[str, Usage]
) -> None:
    forest = Forest.of(rows, usage)
    sieve = Sieve(forest, NOW)
    for line in lines:
        ends = [*range(len(line) + 1), *range(len(line), -1, -1)]
        for typed in (line[:end] for end in ends):
            narrowing = parse_narrowing(typed)
            assert sieve.found(narrowing) == found_in(forest, narrowing, NOW), typed


@given(typed_lines, some_rows, some_usage)
def test_a_sieve_that_may_keep_next_to_nothing_finds_the_same(
    line: str, rows: list[SessionRow], usage: dict[str, Usage]
) -> None:
    forest = Forest.of(rows, usage)
    sieve = Sieve(forest, NOW)
    with patch("tui.sieve.MOST_KEPT", 3):
        for end in range(len(line) + 1):
            narrowing = parse_narrowing(line[:end])
            assert sieve.found(narrowing) == found_in(forest, narrowing, NOW)


def test_a_longer_word_is_looked_for_only_in_what_the_shorter_one_left() -> None:
    forest = Forest.of(ROWS, USAGE)
    sieve = Sieve(forest, NOW)
    sieve.found(parse_narrowing("is:root pay"))
    forest.shape.haystacks[1:] = ["payment"] * 3
    assert sieve.found(parse_narrowing("is:root payment")).places == [0]


@given(typed_lines, some_rows)
def test_the_best_hit_is_the_highest_in_rank_of_all(typed: str, rows: list[SessionRow]) -> None:
    forest = Forest.of(rows)
    narrowing = parse_narrowing(typed)
    found = found_in(forest, narrowing, NOW)
    if found.similar or not narrowing.words or not found.places:
        return
    text = " ".join(narrowing.words)

    def rank(i: int) -> tuple[object, ...]:
        title = forest.shape.titles[i].replace("\n", " ")
        return (
            forest.rows[i].id.casefold() == text,
            title == text,
            title.startswith(text),
            f" {text}" in title,
            text in title,
            all(word in title for word in narrowing.words),
            forest.active[i],
        )

    assert found.best is not None
    assert rank(found.best) == max(map(rank, found.places))
