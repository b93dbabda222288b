"""Texts in huge rows: their places are those a parser finds, and pieces put together are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.store import json_places
from tui.store.json_places import Path, Place, Reader, piece_of, readable, strings_of

texts = st.text(alphabet='ab"\\\n\t/ü€😀\ud83d\x00{}[]:, ', max_size=12)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def as_json(value: Any, ascii: bool = False) -> bytes:
    text = json.dumps(value, ensure_ascii=ascii, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def reader(raw: bytes) -> Reader:
    return lambda offset, octets: raw[offset : offset + octets]


def walked(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string value, as a parser sees it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for i, each in enumerate(value):
            yield from walked(each, (*path, i))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from walked(each, (*path, key))


def lenient(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@given(values, st.integers(2, 9), st.booleans())
def test_the_places_are_those_that_a_parser_finds(value: Any, window: int, ascii: bool) -> None:
    raw = as_json(value, ascii)
    with patch.object(json_places, "WINDOW", window):
        found = [(place.path, piece_of(reader(raw), place, 0, 999).text)
                 for place in strings_of(reader(raw))]  # fmt: skip
    if ascii:
        assert found == list(walked(value))
    else:
        assert [text for _, text in found] == [lenient(text) for _, text in walked(value)]


@given(texts, st.integers(12, 20), st.booleans())
def test_pieces_tear_neither_escapes_nor_characters(text: str, octets: int, ascii: bool) -> None:
    raw = as_json(text * 5, ascii)
    place = Place((), 1, len(raw) - 2)
    at, found = 0, ""
    while at < place.end:
        piece = piece_of(reader(raw), place, at, octets)
        assert piece.next > at
        at, found = piece.next, found + piece.text
    whole = json.loads(raw) if ascii else lenient(text * 5)
    assert found == whole


@given(st.binary(max_size=40))
def test_whatever_a_row_is_made_of_nothing_breaks(raw: bytes) -> None:
    with patch.object(json_places, "WINDOW", 4):
        for place in strings_of(reader(raw)):
            assert 0 <= place.start <= len(raw)
            assert isinstance(piece_of(reader(raw), place, 0, 10).text, str)


@pytest.mark.parametrize("raw", [b"[" * 5000, b'{"a":' * 5000, b'"' + b"\\" * 99, b"]]", b""])
def test_hostile_nesting_ends_soon(raw: bytes) -> None:
    assert len(list(strings_of(reader(raw)))) <= 1


def test_a_row_of_very_many_tokens_is_given_up_in_time() -> None:
    raw = b"[" + b'"a",' * 50 + b"]"
    with patch.object(json_places, "MOST_TOKENS", 20):
        assert len(list(strings_of(reader(raw)))) < 20


def test_escapes_that_are_none_stay_as_they_are() -> None:
    assert readable(b"a\\xb") == "a\\xb"
