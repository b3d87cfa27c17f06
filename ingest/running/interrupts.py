"""Ctrl-C and steps that are not to be cut: held back for a moment, and never mistaken for a failure."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

PATIENCE_S = 1.0
_GUARD = threading.Lock()
_held = 0
"""How many blocks hold Ctrl-C back now."""


@contextmanager
def delay_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the block is left. For a commit and the renames that belong to it, nothing long."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hands signals to the main thread only
        return
    global _held
    came: list[tuple[int, FrameType | None]] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, or not Python's to handle
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    with _GUARD:
        _held += 1
    try:
        yield
    finally:
        with _GUARD:
            _held -= 1
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])


@contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls ``stop`` from another thread: a statement of DuckDB may go on for a minute after it heard a signal.

    The error of the statement that was stopped ends the block, and no second one comes on top of that. Work that is no
    statement hears of Ctrl-C when it is back in Python, ``PATIENCE_S`` later.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    heard, ended, state = threading.Event(), threading.Event(), {"stopped": False, "owed": False}

    def handler(number: int, frame: FrameType | None) -> None:
        heard.set()
        if state["stopped"]:
            state["stopped"], state["owed"] = False, True
        else:
            before(number, frame)

    def watch() -> None:
        while numbers := os.read(read, 64):
            if earlier != -1:  # an event loop wants to know, too
                with suppress(OSError):
                    os.write(earlier, numbers)
            if signal.SIGINT not in numbers:
                continue
            with _GUARD:
                if _held:
                    continue
                state["stopped"] = not heard.is_set()
                stop()
            heard.wait()
            if not ended.wait(PATIENCE_S) and state["owed"]:
                state["owed"] = False
                os.kill(os.getpid(), signal.SIGINT)

    read, write = os.pipe()
    os.set_blocking(write, False)
    earlier = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, handler)
    watcher = threading.Thread(target=watch, name="ctrl-c", daemon=True)
    watcher.start()
    try:
        yield
        if state["owed"]:
            state["owed"] = False
            raise KeyboardInterrupt
    finally:
        signal.set_wakeup_fd(earlier)
        signal.signal(signal.SIGINT, before)
        ended.set()
        heard.set()
        os.close(write)
        watcher.join()
        os.close(read)
