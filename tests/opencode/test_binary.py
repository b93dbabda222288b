"""The witness is never silently absent: without it a run says so, and under CI it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.opencode import binary


def test_the_cache_is_named_by_the_most_particular_variable_that_is_set() -> None:
    named = {"OCDU_OPENCODE_CACHE": "/named", "XDG_CACHE_HOME": "/shared", "HOME": "/me"}
    assert binary.cache_folder(named) == Path("/named")
    del named["OCDU_OPENCODE_CACHE"]
    assert binary.cache_folder(named) == Path("/shared/ocdu-tests")
    del named["XDG_CACHE_HOME"]
    assert binary.cache_folder(named) == Path("/me/.cache/ocdu-tests")


def test_a_program_that_is_there_is_used_without_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "1.2.3" / "opencode"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(binary, "ENVIRONMENT", {"PATH": ""})
    assert binary.installed("1.2.3", tmp_path) == program


@pytest.mark.parametrize("platform", [{}, binary.PACKAGES], ids=["no platform", "no npm"])
def test_without_the_witness_a_test_is_skipped_but_fails_under_ci(
    platform: dict[tuple[str, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binary, "PACKAGES", platform)
    environment = {"PATH": "", "OCDU_OPENCODE_CACHE": str(tmp_path)}
    monkeypatch.setattr(binary, "ENVIRONMENT", environment)
    with pytest.raises(pytest.skip.Exception, match=r"^\S.*\.$"):
        binary.opencode("1.2.3")
    environment["CI"] = "true"
    with pytest.raises(pytest.fail.Exception, match=r"^\S.*\.$"):
        binary.opencode("1.2.3")
    assert not (tmp_path / "1.2.3" / "opencode").exists()
