"""When a file is rebuilt from what stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.policy.copy_out import (
    COPY_OUT,
    DELETE,
    VACUUM,
    WORTH,
    Rescue,
    copy_out_seconds,
    delete_seconds,
    prefers_copy_out,
)
from tui.policy.vacuum import DISK_FACTOR

GB = 1_000_000_000
GARBAGE = Rescue(stays=GB, goes=8 * GB, held=False, write_speed=5e8, free_disk=10 * GB)
"""The 8.9 GB file of which 7.8 GB are event history."""


@pytest.mark.parametrize(
    ("changed", "preferred"),
    [
        ({}, True),
        ({"goes": 0}, False),
        ({"goes": GB // 10}, False),
        ({"held": True}, False),  # 4 s of lock
        ({"held": True, "stays": GB // 10}, True),
        ({"free_disk": int(GB * DISK_FACTOR)}, True),
        ({"free_disk": int(GB * DISK_FACTOR) - 1}, False),
        ({"free_disk": int(GB * DISK_FACTOR / 2), "same_device": False}, True),
        ({"write_speed": 0.0}, True),  # nobody waits for the lock
    ],
)
def test_the_garbage_decides(changed: dict[str, Any], preferred: bool) -> None:
    assert prefers_copy_out(GARBAGE._replace(**changed)) is preferred


def test_the_limit_is_where_both_take_as_long() -> None:
    limit = int(GB * (COPY_OUT - VACUUM) / DELETE)
    assert not prefers_copy_out(GARBAGE._replace(goes=limit - 1_000))
    assert prefers_copy_out(GARBAGE._replace(goes=limit + 1_000))


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_time_follows_what_stays_alone(stays: int, goes: int) -> None:
    here = Rescue(stays, goes, held=False, free_disk=10**15)
    assert copy_out_seconds(here) == copy_out_seconds(here._replace(goes=0))
    is_faster = copy_out_seconds(here) < delete_seconds(here)
    assert prefers_copy_out(here) == (is_faster and goes >= WORTH)
