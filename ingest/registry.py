"""One registry for every seam: a name, the thing behind it, and third parties by entry point."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from ingest.schema.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to implementations of one seam.

    Args:
        what: the noun for error messages, for example ``"null model"``.
        group: entry-point group in which other packages may offer theirs; loaded on first miss only.
    """

    def __init__(self, what: str, group: str | None = None) -> None:
        self._what = what
        self._group = group
        self._items: dict[str, T] = {}
        self._loaded = group is None

    def register(self, name: str, item: T) -> T:
        """Add one implementation; a name is taken once."""
        if name in self._items:
            raise ValueError(f"{self._what} {name!r} is registered twice")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """The implementation called ``name``; UnknownNameError says which names there are."""
        if name not in self._items:
            self._load()
        if name not in self._items:
            raise UnknownNameError(self._what, name, self._items)
        return self._items[name]

    def names(self) -> list[str]:
        """All names, in the order of registration."""
        self._load()
        return list(self._items)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        self._load()
        return iter(self._items.items())

    def _load(self) -> None:
        if self._loaded or self._group is None:
            return
        self._loaded = True
        for point in entry_points(group=self._group):
            if point.name not in self._items:
                self._items[point.name] = point.load()
