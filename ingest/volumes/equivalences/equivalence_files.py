"""Text files of equivalent ids, renamings and lists of ids; the calls of ``connectomics.common.io_utils``.

Lines of whole numbers with commas between them; what follows ``#`` is a comment. Ids are exact whatever stands beside
them.

Tests: tests/ingest/volumes/equivalences/test_equivalences.py.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from ingest.schema.errors import ReadError, SchemaError
from ingest.volumes.equivalences.union_find import UnionFind

if TYPE_CHECKING:
    import networkx as nx

Ids = npt.NDArray[np.uint64]
_COMMENT = re.compile(rb"[ \t]*#[^\n]*")
PAIRS = (2, 5)
"""Columns of a file of equivalences: two ids, or two ids and x, y, z."""


def load_equivalences(paths: Sequence[str | Path]) -> tuple[UnionFind, nx.Graph[Any]]:
    """The sets and the graph of equivalences, files in order. The graph costs most: ``read_pairs`` goes without.

    Raises:
        ReadError, SchemaError: see ``read_pairs``.
    """
    import networkx as nx

    sets, graph = UnionFind(), nx.Graph()
    for path in paths:
        pairs = read_pairs(path)
        sets.union_pairs(pairs)
        graph.add_edges_from(pairs.tolist())
    return sets, graph


def read_pairs(path: str | Path) -> Ids:
    """Pairs of ids [n, 2]: lines ``id0,id1`` or ``id0,id1,x,y,z``.

    Raises:
        ReadError: no such file. SchemaError: another number of columns, an id that is no unsigned 64-bit number.
    """
    return _columns(Path(path), PAIRS)[:, :2]


def load_relabel_map(path: str | Path) -> dict[int, int]:
    """Old id -> new id, from lines ``old,new``; of two lines for one id the later counts."""
    return dict(_columns(Path(path), (2,)).tolist())


def load_object_list(path: str | Path) -> set[int]:
    """The ids of a file, however many stand on a line."""
    return set(_columns(Path(path), ()).reshape(-1).tolist())


def _columns(path: Path, wanted: tuple[int, ...]) -> Ids:
    try:
        content = _COMMENT.sub(b"", path.read_bytes())
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from None
    lines = content.lstrip()
    if not lines:
        return np.empty((0, wanted[0] if wanted else 1), np.uint64)
    width = lines.split(b"\n", 1)[0].count(b",") + 1
    if wanted and width not in wanted:
        raise SchemaError(f"{path} has {width} columns; wanted {' or '.join(map(str, wanted))}")
    names = [f"column {k + 1}" for k in range(width)]
    ids = names[:2] if wanted == PAIRS else names
    try:
        table = csv.read_csv(
            io.BytesIO(lines),
            csv.ReadOptions(column_names=names),
            csv.ParseOptions(ignore_empty_lines=True),
            # An empty field is no id: nothing counts as null.
            csv.ConvertOptions(column_types=dict.fromkeys(ids, pa.uint64()), include_columns=ids, null_values=[]),
        )
    except pa.ArrowInvalid as error:
        raise SchemaError(f"{path}: {error}; wanted lines of unsigned 64-bit ids") from None
    return np.stack([table[name].to_numpy() for name in ids], axis=1)
