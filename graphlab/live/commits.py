"""Commits of batches; one that the disk has no room for waits, and is tried again until there is room.

What a batch did is in memory by then, so nothing else is read meanwhile. DuckDB gives up altogether where the disk is
full while it writes its log into its file; the database is opened anew then, and says whether the batch is in it.

Tests: tests/graphlab/live/test_commits.py.
"""

from __future__ import annotations

import time

from graphlab.store.database import disk_errors
from graphlab.store.folder import Folder
from graphlab.store.live import going, log
from graphlab.store.live.log import Batch
from ingest.schema.errors import DiskError

AGAIN_S = 1.0
"""How long after a failure it is tried again."""


class Commits:
    """Batches on their way into the tables of one graph."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._waiting: Batch | None = None
        self._last_try = 0.0
        self.error: DiskError | None = None
        """Why a batch waits."""

    def commit(self, batch: Batch) -> bool:
        """Whether it is in the tables; where not, ``again`` has to say so before the next one."""
        assert self._waiting is None, "a batch waits"
        self._waiting = batch
        return self._try()

    def again(self, wait_s: float) -> bool:
        """Try once more, at most every ``AGAIN_S``; where it is too early, wait for up to ``wait_s``."""
        early = self._last_try + AGAIN_S - time.monotonic()
        if early > 0:
            time.sleep(min(early, wait_s))
        return early <= wait_s and self._try()

    def _try(self) -> bool:
        batch, self._last_try = self._waiting, time.monotonic()
        assert batch is not None
        try:
            if self.error is None or self.revive() < batch.position:
                log.append(self._folder, batch)
        except DiskError as error:
            self.error, self._last_try = error, time.monotonic()
            return False
        self._waiting = self.error = None
        return True

    def revive(self) -> int:
        """What is committed; a database that gave up is opened anew.

        Raises:
            DiskError: there is no room for that yet. StoreError: another thread has it still.
        """
        with disk_errors(self._folder.path):
            self._folder.revive()
            return going.position(self._folder)
