"""The first look for garbage comes late, then as often as before."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ingest.running.garbage import collect_late

FRESH = """
import gc

from ingest.running.garbage import START, collect_late

usual, callbacks = gc.get_threshold(), list(gc.callbacks)
collect_late()
assert gc.get_threshold() == (START, *usual[1:])
kept = [[] for _ in range(START + 10_000)]
assert (gc.get_threshold(), gc.callbacks) == (usual, callbacks)
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    usual, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.set_threshold(*usual)
    gc.callbacks[:] = callbacks


def test_the_first_collection_sets_the_threshold_back() -> None:
    """In a process of its own: libraries that other tests import switch collections off for a while."""
    subprocess.run([sys.executable, "-c", FRESH], check=True)


def test_a_process_without_collections_stays_without() -> None:
    gc.set_threshold(0)
    collect_late()
    assert gc.get_threshold()[0] == 0
