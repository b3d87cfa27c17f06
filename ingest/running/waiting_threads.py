"""Work in a thread that its caller watches; the thread waits for more, since starting another takes longer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

MOST_WAITING = 4
"""Threads that stay when they have nothing to do."""

_waiting: list[SimpleQueue[Callable[[], None]]] = []
"""What the threads that have nothing to do listen to; the last to finish is the first to go on."""


def in_a_thread(work: Callable[[], None]) -> None:
    """Begin ``work``, which raises nothing and says itself when it is done; at the latest it ends with the process."""
    try:
        listened = _waiting.pop()
    except IndexError:
        listened = SimpleQueue()
        threading.Thread(target=_serve, args=(listened,), name="graphlab-work", daemon=True).start()
    listened.put(work)


def _serve(listened: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        work = listened.get()
        work()
        del work  # with all that it holds on to
        if len(_waiting) >= MOST_WAITING:
            return
        _waiting.append(listened)


os.register_at_fork(after_in_child=_waiting.clear)  # a fork has none of these threads
