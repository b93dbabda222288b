"""opencode's own configuration: honoured in all its places and shapes, never written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.store.opencode_config import Pruning, configuration_files, parse_jsonc, pruning


@pytest.fixture
def folder(home: Path) -> Path:
    made = home / "config" / "opencode"
    made.mkdir()
    return made


def test_without_a_file_nothing_is_forbidden() -> None:
    assert pruning() == Pruning(True, "")


@pytest.mark.parametrize("name", ["config.json", "opencode.json", "opencode.jsonc"])
def test_prune_false_in_any_of_its_files_forbids(folder: Path, name: str) -> None:
    (folder / name).write_text('{"compaction": {"prune": false}}')
    found = pruning()
    assert not found.allowed and name in found.why


@pytest.mark.parametrize(
    "text",
    ["{}", '{"compaction": {}}', '{"compaction": {"prune": true}}', '{"compaction": null}', "[]",
     '{"compaction": {"prune": "false"}}', '{"compaction": {"auto": false}}'],
)  # fmt: skip
def test_only_an_explicit_false_forbids(folder: Path, text: str) -> None:
    (folder / "opencode.json").write_text(text)
    assert pruning().allowed


def test_comments_trailing_commas_and_a_mark_at_the_start_are_read(folder: Path) -> None:
    (folder / "opencode.jsonc").write_text(
        '\ufeff{ // "prune": true\n "note": "see https://x.invalid/*no*/", /* on\n two */\n'
        ' "compaction": { "prune": false, }, }',
        encoding="utf-8",
    )
    assert not pruning().allowed


def test_the_later_file_wins(folder: Path) -> None:
    (folder / "config.json").write_text('{"compaction": {"prune": false}}')
    (folder / "opencode.jsonc").write_text('{"compaction": {"prune": true}}')
    assert pruning().allowed


def test_opencode_config_wins_over_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "opencode.json").write_text('{"compaction": {"prune": true}}')
    named = tmp_path / "mine.json"
    named.write_text('{"compaction": {"prune": false}}')
    monkeypatch.setenv("OPENCODE_CONFIG", str(named))
    assert str(named) in pruning().why


def test_the_environment_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", '{"compaction": {"prune": false}}')
    assert not pruning().allowed
    monkeypatch.delenv("OPENCODE_CONFIG_CONTENT")
    monkeypatch.setenv("OPENCODE_DISABLE_PRUNE", "true")
    assert not pruning().allowed


@pytest.mark.parametrize("content", [b"{ not json", b'{"a": "\xff\xfe"}', b"[" * 100_000,
                                     b"x" * 1_000_001])  # fmt: skip
def test_what_cannot_be_read_may_forbid_it_and_counts_so(folder: Path, content: bytes) -> None:
    (folder / "opencode.json").write_bytes(content)
    found = pruning()
    assert not found.allowed and "opencode.json" in found.why


def test_a_folder_in_place_of_a_file_is_no_configuration(folder: Path) -> None:
    (folder / "opencode.json").mkdir()
    assert pruning().allowed


def test_without_xdg_the_home_folder_counts(home: Path) -> None:
    files = configuration_files({})
    assert files[0].parts[-3:] == (".config", "opencode", "config.json")


some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(some_json)
def test_law_plain_json_is_read_as_it_is(value: Any) -> None:
    import json

    assert parse_jsonc(json.dumps(value, ensure_ascii=False)) == value
