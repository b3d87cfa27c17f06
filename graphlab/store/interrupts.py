"""Ctrl-C and steps that are not to be cut: held back for a moment, and never mistaken for a failure."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import duckdb


@contextmanager
def later() -> Iterator[None]:
    """Ctrl-C waits until the block is left. For a commit and the renames that belong to it, nothing long."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hands signals to the main thread only
        return
    came: list[tuple[int, FrameType | None]] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, or not Python's to handle
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


def was_interrupted(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C: as such, or what DuckDB or a compiled kernel makes of it."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt | duckdb.InterruptException):
            return True
        if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
            return True
        error = error.__cause__ if isinstance(error, SystemError) else None
    return False
