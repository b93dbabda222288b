"""What can be got back: every line honest, the total without counting anything twice."""

from __future__ import annotations

from tests.test_forest import a_row
from tui.desk import Live
from tui.forest import Forest
from tui.format import DAY
from tui.policy.prune import PrunePolicy, plan_prune
from tui.quantity import parse_age
from tui.records import FileRow, FileSurvey, Payload, Usage
from tui.screens.gains import Known, advice, get_back, outside_bytes, total
from tui.screens.tally import composition, verdict
from tui.sizes import FileSizes, Promise


def live(wal: int = 0, free_pages: int = 0) -> Live:
    return Live(FileSizes(400_000, wal, 4096, 100, free_pages), (), 10**9)


def file_row(id: str, octets: int, safe: int = 0) -> FileRow:
    kind, _, _ = id.partition("/")
    parent = id.rpartition("/")[0]
    return FileRow(
        id, kind, parent, id, "", id, octets, octets, 1, 0, bool(safe), "", safe_bytes=safe
    )


SURVEY = FileSurvey(
    (
        file_row("log", 9_000, 7_000),
        file_row("log/old", 7_000, 7_000),
        file_row("database", 500_000),
        file_row("database/opencode.db", 400_000),
        file_row("database/opencode-dev.db", 100_000),
    ),
    files=3,
    bytes=509_000,
    done=True,
)


def test_while_nothing_is_known_every_line_is_still_being_counted() -> None:
    assert {row.bytes for row in get_back(Known())} == {None}


def test_each_line_that_gives_nothing_says_why() -> None:
    idle = plan_prune(
        Forest.of([a_row("a", updated=9 * DAY)]),
        PrunePolicy(older_than=parse_age("30d")),
        10 * DAY,
    )
    known = Known(live(), (), idle, "30 days", FileSurvey(done=True))
    rows = {row.action: row for row in get_back(known)}
    for level in ("stale", "subagents"):
        uncounted = rows.pop(f"reclaim:{level}")
        assert uncounted.bytes is None and uncounted.loses == "takes long to count: r does"
    assert {row.bytes for row in rows.values()} == {0}
    assert rows["prune"].loses == idle.message
    assert "no free pages" in rows["vacuum"].loses
    assert rows["checkpoint"].loses == "the log is empty"
    assert all("cannot be read" not in row.loses for row in rows.values())


def test_superseded_events_open_the_reclaim_dialog_at_their_level() -> None:
    payloads = [
        Payload("a", "events", 9, 7, 4096),
        Payload("b", "events", 0, 0, 0, reason="diverged"),
    ]
    rows = {row.action: row for row in get_back(Known(payloads=payloads))}
    events = rows["reclaim:events"]
    assert (events.bytes, events.key, events.loses) == (4096, "r", "nothing opencode reads")
    assert rows["reclaim:orphans"].bytes == 0


def test_what_two_keys_would_take_counts_once() -> None:
    rows = [a_row("old", updated=1 * DAY), a_row("new", updated=99 * DAY)]
    forest = Forest.of(rows, {"old": Usage(part_bytes=1_000), "new": Usage(part_bytes=1_000)})
    idle = plan_prune(forest, PrunePolicy(older_than=parse_age("30d")), 100 * DAY)
    payloads = [Payload("old", "compacted", 1, 600), Payload("new", "summarised", 1, 50)]
    known = Known(live(wal=20, free_pages=1), payloads, idle, "30 days", SURVEY)
    beside = 20 + 4096 + 7_000
    pruned = idle.predicted_bytes or 1_000
    assert total(known) == (pruned + 50 + beside, 650 + beside)


def test_the_database_on_show_is_not_outside_of_itself() -> None:
    assert outside_bytes(SURVEY, "opencode.db") == 109_000


def test_nor_is_its_log_which_is_counted_beside_it() -> None:
    log = file_row("database/opencode.db-wal", 6_000)
    survey = SURVEY._replace(rows=(*SURVEY.rows, log), bytes=SURVEY.bytes + 6_000)
    assert outside_bytes(survey, "opencode.db") == 109_000


def test_one_sentence_says_where_most_of_it_is() -> None:
    kinds = {"events": 4_000, "superseded_events": 300_000, "text": 5_000}
    portions = composition(kinds, {}, live(free_pages=2), outside=1_000)
    assert verdict(portions, 2 * 4096) == (
        "304 kB of 411 kB is event history, 300 kB of it superseded; a vacuum now frees 8.2 kB."
    )
    outside = composition(kinds, {}, live(), outside=10**9)
    assert verdict(outside, 0) == (
        "1.00 GB of 1.00 GB lies outside the database; a vacuum now frees 0 B."
    )


def test_while_the_kinds_are_counted_the_rest_is_not_called_indices() -> None:
    portions = {
        portion.label: portion.bytes
        for portion in composition({"text": 100}, {"part": 900}, live(), outside=None)
    }
    assert portions["not looked into yet"] == 800
    assert sum(portions.values()) == 400 * 1024


def said(known: Known, rescue: int | None) -> str:
    found = advice(known, None if rescue is None else Promise(rescue))
    return found.sentence.format(*found.actions)


def test_the_advice_is_the_largest_gain_that_costs_least() -> None:
    small = Known(live())
    assert said(Known(), None).startswith("Counting")
    assert said(small, 9_000_000) == "rescue gets back about 9.0 MB without deleting a session."
    free = Known(live(free_pages=5_000))
    assert said(free, 20_480_000) == "vacuum gives 20 MB back to the disk; nothing is lost."
    assert said(free, 90_000_000).startswith("rescue gets back about 90 MB")
    exact = advice(small, Promise(9_000_000, exact=True)).sentence
    assert exact == "{} gets back 9.0 MB without deleting a session."
    log = Known(live(wal=3_000_000))
    assert said(log, 0) == "checkpoint folds 3.0 MB of log in; nothing is lost."
    files = Known(live(), survey=FileSurvey((file_row("log", 9_000_000, 7_000_000),), done=True))
    assert said(files, 2_000_000).startswith("7.0 MB of files beside the database may go")


def test_the_advice_prunes_only_where_nothing_else_is_worth_it_and_says_when_nothing_is() -> None:
    old = Forest.of([a_row("a", updated=9 * DAY)], {"a": Usage(part_bytes=8_000_000)})
    policy = PrunePolicy(older_than=parse_age("30d"))
    known = Known(live(), (), plan_prune(old, policy, 90 * DAY))
    assert said(known, 400_000).startswith("prune moves 1 tree idle for 30 days (8.0 MB) to")
    assert said(known, 400_000).endswith("to the trash; then vacuum.")
    nothing = "Nothing is worth a key now: at most 400 kB could be got back."
    assert said(Known(live()), 400_000) == nothing
