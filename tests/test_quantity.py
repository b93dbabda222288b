"""Ages, rests and sizes as users write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tui.errors import WrongCall
from tui.quantity import parse_age, parse_rest


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1h", timedelta(hours=1)),
        ("30m", timedelta(minutes=30)),
        ("90min", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("2W", timedelta(weeks=2)),
        ("7", timedelta(days=7)),
    ],
)
def test_a_rest_is_read_with_minutes(text: str, span: timedelta) -> None:
    assert parse_rest(text) == span


def test_an_age_is_read_with_months() -> None:
    assert parse_age("3m") == timedelta(days=90)


@pytest.mark.parametrize("text", ["", "m", "3 months", "-1h", "9999999h", "90min"])
def test_what_is_no_age_is_a_sentence(text: str) -> None:
    with pytest.raises(WrongCall, match="is not an age: write"):
        parse_age(text)


def test_longer_than_opencode_exists_is_a_slip_of_the_finger() -> None:
    with pytest.raises(WrongCall, match="longer than opencode exists"):
        parse_rest("900y")
