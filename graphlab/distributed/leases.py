"""Leases: who works on a task just now, among processes that share a folder.

A lease is a file that one process alone creates, and that it touches while it works. One that was not touched for some
time is stale, since its process was killed or lost the folder; who takes it over creates the next generation, which
again one process alone can. Times are those of the file system, so that clocks of machines may differ.

A lease saves work and guards nothing: results are right, and the same, where two processes compute one task.

Tests: tests/graphlab/distributed/test_leases.py.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ingest.running import whole_files
from ingest.schema.errors import AnalysisError

BEATS = 4
"""Times that a lease is touched before it would be stale."""


class Leases:
    """Leases of one process, kept alive by a thread of their own.

    Args:
        folder: where they lie; made if it is not there.
        stale_s: seconds after which an untouched one may be taken over: longer than a machine is ever held up.

    Raises:
        AnalysisError: a time that is not positive. OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, stale_s: float) -> None:
        if not stale_s > 0:
            raise AnalysisError(f"leases that are stale after {stale_s} s; wanted a positive time")
        self.folder, self.stale_s = folder, stale_s
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = folder / f"clock-{uuid.uuid4().hex[:12]}"
        self._clock.touch()
        self._held: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._keep_alive, name="graphlab-leases", daemon=True)
        self._beat.start()

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *error: object) -> None:
        """Give back what is held."""
        self._ended.set()
        self._beat.join()
        self.release(list(self._held))
        whole_files.remove(self._clock)

    def take(self, key: str) -> int | None:
        """The generation of the lease that this process now holds; None where somebody has it.

        0 where nobody ever had it; otherwise the task may have been done before.

        Raises:
            OSError: the folder cannot be written.
        """
        generation, age_s = self._latest(key)
        if generation >= 0 and age_s <= self.stale_s:
            return None
        path = self._path(key, generation + 1)
        if not whole_files.create(path, b"", durable=False):
            return None
        with self._lock:
            self._held[key] = path
        return generation + 1

    def release(self, keys: Iterable[str]) -> None:
        """Others may take them at once."""
        for path in self._forget(keys):
            with suppress(OSError):
                os.utime(path, (0, 0))

    def leave(self, keys: Iterable[str]) -> None:
        """The tasks are done: their leases are touched no more, and whoever finds them stale looks for the results."""
        self._forget(keys)

    def _forget(self, keys: Iterable[str]) -> list[Path]:
        with self._lock:
            return [self._held.pop(key) for key in keys if key in self._held]

    def _path(self, key: str, generation: int) -> Path:
        return self.folder / f"lease-{key}-{generation}"

    def _latest(self, key: str) -> tuple[int, float]:
        """The generation of a lease, -1 where there is none, and the seconds since it was touched.

        Lease files are never removed, so that generations have no gaps.
        """
        generation, touched = -1, 0.0
        with suppress(FileNotFoundError):
            while True:
                touched = self._path(key, generation + 1).stat().st_mtime
                generation += 1
        os.utime(self._clock)
        return generation, self._clock.stat().st_mtime - touched

    def _keep_alive(self) -> None:
        while not self._ended.wait(self.stale_s / BEATS):
            with self._lock:
                held = list(self._held.values())
            for path in held:
                # One that went missing is not made again: its task may be another's, and is computed twice at worst.
                with suppress(OSError):
                    os.utime(path)
