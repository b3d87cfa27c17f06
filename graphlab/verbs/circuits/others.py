"""Other graphs beside the open one: opened for reading, named, and held to their version.

Tests: tests/graphlab/verbs/circuits/test_compare.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from graphlab.store.folder import Folder
from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import VersionError

Other = OpenGraph | str | Path


class _Graph(OpenGraph):
    def __init__(self, folder: Folder) -> None:
        self._folder = folder


@contextmanager
def opened(other: Other) -> Iterator[OpenGraph]:
    """The graph itself, or the folder's, closed afterwards."""
    if isinstance(other, OpenGraph):
        yield other
        return
    folder = Folder.open(other, read_only=True)
    try:
        yield _Graph(folder)
    finally:
        folder.close()


def place(other: Other) -> str:
    """Where a graph is, as a run keeps it."""
    return str(other.path if isinstance(other, OpenGraph) else Path(other).absolute())


def data_version(one: OpenGraph) -> str:
    """Of the graph's data, which moves with every ingest."""
    return str(one.folder.meta("data_version"))


def require_versions(opened: Sequence[OpenGraph], versions: Sequence[str]) -> None:
    """VersionError where a graph is not at its version."""
    for one, version in zip(opened, versions, strict=True):
        if data_version(one) != version:
            raise VersionError(
                f"{one.path} is at data version {data_version(one)}, and was compared at {version}: sources were "
                "added since. Compare it anew"
            )


def title_and_version(one: OpenGraph, other: OpenGraph, across_versions: bool) -> str:
    """A sentence on which data are compared; VersionError for two materializations of one data set, unless allowed."""
    from graphlab.circuits.statistics.between import Version, require_comparable

    def said(graph: OpenGraph) -> Version:
        meta = [graph.folder.meta(name) for name in ("dataset", "materialization")]
        return Version(graph.path.name, *(None if value is None else str(value) for value in meta))

    return require_comparable([said(one), said(other)], across_versions)
