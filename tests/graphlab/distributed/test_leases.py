"""A lease has one holder; one whose holder is gone has one successor."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphlab.distributed.leases import Leases
from ingest.schema.errors import AnalysisError

LONG_S = 3600.0


def make_old(folder: Path, key: str, generation: int) -> None:
    """As if its holder had been killed long ago."""
    path = folder / f"lease-{key}-{generation}"
    then = path.stat().st_mtime - 2 * LONG_S
    os.utime(path, (then, then))


def test_of_many_processes_one_has_the_lease(tmp_path: Path) -> None:
    others = [Leases(tmp_path, LONG_S) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for generation in range(3):
            taken = list(pool.map(lambda one: one.take("ab"), others * 2))
            assert sorted(taken, key=str) == [generation] + [None] * 15
            make_old(tmp_path, "ab", generation)
    for one in others:
        one.__exit__()


def test_what_is_given_back_may_be_taken_at_once(tmp_path: Path) -> None:
    with Leases(tmp_path, LONG_S) as one, Leases(tmp_path, LONG_S) as other:
        assert (one.take("ab"), one.take("cd"), other.take("ab")) == (0, 0, None)
        one.release(["ab", "ef"])
        assert (other.take("ab"), one.take("ab")) == (1, None)
        one.leave(["cd"])
        assert other.take("cd") is None
    with Leases(tmp_path, LONG_S) as third:
        assert third.take("ab") == 2  # the second ended and gave it back
        assert third.take("cd") is None  # done, and not yet stale
    assert not list(tmp_path.glob("clock-*"))


def test_a_holder_that_lives_keeps_its_lease(tmp_path: Path) -> None:
    """It is touched: however old it is made to look, it is young again soon."""
    with Leases(tmp_path, 0.2) as one:
        assert one.take("ab") == 0
        path = tmp_path / "lease-ab-0"
        os.utime(path, (1, 1))
        while path.stat().st_mtime < 2:
            time.sleep(0.01)


def test_times_are_positive(tmp_path: Path) -> None:
    for stale_s in (0.0, -1.0, float("nan")):
        with pytest.raises(AnalysisError, match="wanted a positive time"):
            Leases(tmp_path, stale_s)
