"""The first look for garbage comes late, then as often as before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from ingest.running.garbage import START, collect_late


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    usual, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.set_threshold(*usual)
    gc.callbacks[:] = callbacks


def test_the_first_collection_sets_the_threshold_back() -> None:
    usual, callbacks = gc.get_threshold(), list(gc.callbacks)
    collect_late()
    assert gc.get_threshold() == (START, *usual[1:])
    kept = [[] for _ in range(START + 10_000)]
    assert len(kept) > START
    assert (gc.get_threshold(), gc.callbacks) == (usual, callbacks)


def test_a_process_without_collections_stays_without() -> None:
    gc.set_threshold(0)
    collect_late()
    assert gc.get_threshold()[0] == 0
