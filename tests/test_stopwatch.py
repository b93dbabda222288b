"""The stopwatch of the benchmarks: what it says of a process must be of that process alone."""

from __future__ import annotations

import os
import sys

import pytest

from tests.benchmarks.stopwatch import run


def test_the_memory_of_whoever_measures_is_not_counted() -> None:
    burden = bytearray(b"x" * 200_000_000)
    assert run(["true"], os.environ).memory < 30_000_000 < len(burden)


def test_the_memory_of_what_is_measured_is_counted() -> None:
    command = [sys.executable, "-c", "print(len(bytearray(b'x' * 100_000_000)))"]
    ran = run(command, os.environ)
    assert ran.output.strip() == "100000000"
    assert ran.memory > 100_000_000


def test_a_failure_says_what_it_said() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such bed')"]
    with pytest.raises(RuntimeError, match="failed: no such bed"):
        run(command, os.environ)
