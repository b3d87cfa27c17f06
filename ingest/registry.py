"""One registry for every seam: a name, the object behind it, and the objects that other packages offer.

Another package offers an implementation by one line of its ``pyproject.toml``::

    [project.entry-points."graphlab.readers"]
    acme = "acme_reader:READER"

On the left is the name that people say, on the right the object itself, not its class. It is imported when somebody
asks for it by name, or for all there are; until then only its name is known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ingest.schema.errors import PluginError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

T = TypeVar("T")
_OURS = b"[graphlab."
"""How the groups of our seams begin in a file of entry points."""


class Registry(Generic[T]):
    """Names to implementations of one seam.

    Args:
        what: the noun for error messages, for example ``"null model"``.
        group: entry-point group in which other packages offer theirs; None where they cannot.
        seam: the Protocol; what another package offers must have all of its members.
    """

    def __init__(self, what: str, group: str | None = None, seam: type[object] | None = None) -> None:
        self._what = what
        self._group = group
        self._seam = seam
        self._ours: dict[str, Callable[[], T]] = {}
        self._others: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        """Add one implementation of this package; a name is taken once."""
        self.defer(name, lambda: item)
        return item

    def defer(self, name: str, make: Callable[[], T]) -> None:
        """The same for one that is made when it is first asked for, where its imports take long."""
        if name in self._ours:
            raise ValueError(f"{self._what} {name!r} is registered twice")
        self._ours[name] = cache(make)

    def get(self, name: str) -> T:
        """The implementation called ``name``; ours comes before one of the same name from elsewhere.

        Raises:
            UnknownNameError: nobody has that name; the message has the nearest names.
            PluginError: the package that offers it cannot be imported, or what it offers is none of this seam.
        """
        if name in self._ours:
            return self._ours[name]()
        if name not in self._others:
            self._others[name] = self._loaded(name)
        return self._others[name]

    def names(self) -> list[str]:
        """All names: ours in the order of registration, then the others in alphabetical order. Imports nothing."""
        return [*self._ours, *(name for name in self._offered() if name not in self._ours)]

    def origin(self, name: str) -> str:
        """The package that offers ``name``, like ``acme 1.2``; "" where it is ours, or nobody's."""
        points = [] if name in self._ours else self._offered().get(name, [])
        return " and ".join(f"{point.dist.name} {point.dist.version}" for point in points if point.dist)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        """Every implementation that can be imported, in the order of ``names``; the others are passed over."""
        for name, make in list(self._ours.items()):
            yield name, make()
        for name in self.names()[len(self._ours) :]:
            try:
                item = self.get(name)
            except PluginError:
                continue
            yield name, item

    def _offered(self) -> dict[str, list[EntryPoint]]:
        """Name -> what other packages offer under it, sorted by name."""
        found: dict[str, list[EntryPoint]] = {}
        for point in _entry_points(tuple((at, _changed(at)) for at in sys.path)) if self._group else ():
            if point.group == self._group:
                found.setdefault(point.name, []).append(point)
        return dict(sorted(found.items()))

    def _loaded(self, name: str) -> T:
        points = self._offered().get(name)
        if points is None:
            raise UnknownNameError(self._what, name, self.names())
        called = f"{self._what} {name!r} of {self.origin(name)}"
        if len(points) > 1:
            raise PluginError(f"{called}: one name, {len(points)} packages; uninstall all but one of them")
        try:
            item: T = points[0].load()
        except (Exception, SystemExit) as error:  # the import of somebody else's package raises whatever it likes
            why = str(error).strip().partition("\n")[0]
            raise PluginError(
                f"{called} cannot be loaded: {type(error).__name__}: {why}. Install what it needs, or uninstall it"
            ) from error
        wrong = _unlike(self._seam, name, item) if self._seam else ""
        if wrong:
            raise PluginError(f"{called}: {points[0].value} {wrong}; see docs/extending.md")
        return item


def _unlike(seam: type[object], name: str, item: object) -> str:
    """Why an object is no implementation of a Protocol called ``name``; "" when it is one."""
    inherited = (member for base in seam.__mro__ for member in (*vars(base), *getattr(base, "__annotations__", ())))
    wanted = {member for member in inherited if not member.startswith("_") or member == "__call__"}
    if isinstance(item, type) and "__call__" not in wanted:
        return f"is a class; wanted an object, such as {item.__name__}()"
    missing = sorted(member for member in wanted if not hasattr(item, member))
    if missing:
        return f"is no {seam.__name__}: it has no {', '.join(missing)}"
    found = getattr(item, "name", name) if "name" in wanted else name
    return f"says that its name is {found!r}; wanted {name!r}, as its entry point says" if found != name else ""


@lru_cache(maxsize=4)
def _entry_points(path: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """What the packages on ``path`` offer to any seam of ours; of one installed twice, the first on the path.

    Args:
        path: folders, and when each was changed: a package may be installed while a notebook runs.
    """
    packages: dict[str, Distribution] = {}
    for folder, _ in path:
        for package in _offering(folder):
            packages.setdefault(package.name, package)
    return tuple(point for package in packages.values() for point in package.entry_points)


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


def _offering(folder: str) -> Iterator[Distribution]:
    """Packages in a folder of ``sys.path`` with entry points of ours.

    ``importlib.metadata.entry_points`` parses the files of all packages, which takes ten times as long. It is imported
    only where a package offers something, for it brings the library for e-mail along.
    """
    try:
        entries = [entry for entry in os.scandir(folder or ".") if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # a ZIP file, or nothing
        if Path(folder).exists():
            from importlib.metadata import Distribution

            yield from Distribution.discover(path=[folder])
        return
    for entry in entries:
        try:
            found = Path(entry.path, "entry_points.txt").read_bytes()
        except OSError:
            continue
        if _OURS in found:
            from importlib.metadata import PathDistribution

            yield PathDistribution(Path(entry.path))
