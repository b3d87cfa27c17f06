"""When Python looks for garbage: not while the command line starts, nor when it ends."""

from __future__ import annotations

import atexit
import gc
from typing import Any

START = 150_000
"""Objects that a question leaves when it starts: imports for the greater part, which live until the end."""


def collect_late() -> None:
    """Put the first look off until START objects are made, and leave it out at the end, where all goes anyway.

    After the first look it is as often as before.
    """
    usual = gc.get_threshold()
    if not 0 < usual[0] < START:
        return

    def first(phase: str, about: dict[str, Any]) -> None:
        gc.callbacks.remove(first)
        gc.set_threshold(*usual)

    gc.callbacks.append(first)
    gc.set_threshold(START, *usual[1:])
    atexit.register(gc.freeze)
