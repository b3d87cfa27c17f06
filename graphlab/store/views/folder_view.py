"""A graph folder seen through views: only read, over the connection of the folder that is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import duckdb

from graphlab.store.folder import Folder
from ingest.schema.errors import StoreError


class FolderView(Folder):
    """An open folder of which something is seen; what is seen, ``cursor`` and ``str`` of a subclass say."""

    def __init__(self, whole: Folder, read_only: bool) -> None:
        self._whole = whole
        self.path, self.read_only, self.shared = whole.path, read_only, whole.shared
        self.lock, self.opened = None, whole.opened
        self._own_known: dict[Any, Any] = {}
        self._known_of: dict[Any, Any] | None = None

    @property
    def closed(self) -> bool:  # type: ignore[override]
        return self._whole.closed

    @property  # type: ignore[misc]
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A cursor that sees what this shows."""
        return self.cursor()

    @property
    def known(self) -> dict[Any, Any]:  # type: ignore[override]
        """What is kept between questions, emptied when the tables of the whole change."""
        if self._known_of is not self._whole.known:
            self._known_of, self._own_known = self._whole.known, {}
        return self._own_known

    def cursor(self) -> duckdb.DuckDBPyConnection:
        return self._whole.cursor()

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        with self._whole.only_writer():
            yield

    def transaction(self, sets: bool = False) -> NoReturn:
        """Nothing is changed through this.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"{self}, which is only read; change the graph itself")

    def meta(self, key: str, cursor: duckdb.DuckDBPyConnection | None = None) -> Any:
        return self._whole.meta(key, cursor)

    def close(self) -> None:
        """Nothing of its own is open; the folder that is seen stays open."""
