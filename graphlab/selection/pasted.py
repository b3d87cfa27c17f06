"""Ids that somebody pasted: which are neurons of this graph, which were once, what became of them.

Tests: tests/graphlab/verbs/everyday/test_sets.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphlab.store.folder import Folder
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.ids import as_root_ids, is_id

_SEPARATORS = re.compile(r"[\s,;|\"'\[\](){}]+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|[+-]?\d*\.\d+([eE][+-]?\d+)?", re.ASCII)
CURRENT, OUTSIDE, STALE, UNKNOWN = "current", "kept out of the graph", "stale", "unknown"
ROUNDED, NO_ID = "a number that lost digits", "no id"


def tokens(pasted: Any) -> list[str]:
    """The words of a pasted text, or the members of a list as text, in order."""
    if isinstance(pasted, str):
        return [token for token in _SEPARATORS.split(pasted) if token]
    several = hasattr(pasted, "__iter__")
    return [str(value).strip() for value in (pasted if several else [pasted])]


def checked(folder: Folder, pasted: Any, earlier: Any = None) -> pa.Table:
    """What became of each id.

    Args:
        pasted: a text with ids in it, or several ids.
        earlier: ids of an earlier materialization: a list, or a table or frame with root_id and, where it is known what
            they became, successor_id (one row a successor).

    Returns:
        said text, root_id uint64 (null where it is no id), status, successors list of uint64 (neurons of this graph
        that it became), name, cell_type; in the order pasted, each once.
    """
    words = list(dict.fromkeys(tokens(pasted)))
    ids = [int(word) if is_id(word) and int(word) < 2**64 else None for word in words]
    became = _successors(earlier)
    later_ids = {one for later in became.values() for one in later}
    known = _known(folder, {i for i in ids if i is not None} | later_ids | set(became))
    rows: list[tuple[Any, ...]] = []
    for word, own in zip(words, ids, strict=True):
        if own is None:
            rows.append((word, None, ROUNDED if _NUMBER.fullmatch(word) else NO_ID, [], None, None))
        elif own in known:
            in_graph, name, cell_type = known[own]
            rows.append((word, own, CURRENT if in_graph else OUTSIDE, [], name, cell_type))
        else:
            later = sorted(_current(own, became, known))
            name, cell_type = known[later[0]][1:] if len(later) == 1 else (None, None)
            rows.append((word, own, STALE if own in became else UNKNOWN, later, name, cell_type))
    kinds = (pa.string(), pa.uint64(), pa.string(), pa.list_(pa.uint64()), pa.string(), pa.string())
    names = ("said", "root_id", "status", "successors", "name", "cell_type")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pa.table({n: pa.array(list(c), k) for n, c, k in zip(names, columns, kinds, strict=True)})


def read_earlier(path: Path) -> pa.Table:
    """Earlier ids from a file: root_id and, where it is there, successor_id.

    Raises:
        ReadError: no such file, another kind of file, damaged, ids that are no unsigned integers.
    """
    if not path.is_file():
        raise ReadError(f"{path} does not exist; wanted a table with root_id and successor_id")
    try:
        if path.suffix == ".csv":
            from pyarrow import csv

            types = dict.fromkeys(("root_id", "successor_id"), pa.uint64())
            return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))
        if path.suffix in (".parquet", ".feather", ".arrow"):
            from ingest.columnar.files import read_columns

            return read_columns(path)
    except (pa.ArrowException, OSError) as error:
        raise ReadError(f"{path}: earlier ids cannot be read: {str(error).splitlines()[0]}") from None
    raise ReadError(f"{path}: wanted a .csv, .parquet, .feather or .arrow file")


def _successors(earlier: Any) -> dict[int, set[int]]:
    """Earlier id -> ids that it became, none where that is not known."""
    if earlier is None:
        return {}
    if hasattr(earlier, "to_arrow"):
        earlier = earlier.to_arrow()
    names = list(
        getattr(earlier, "column_names", None)
        or (earlier.columns if hasattr(earlier, "iloc") and hasattr(earlier, "columns") else [])
    )
    if not names:
        return {int(i): set() for i in as_root_ids(earlier)}
    if "root_id" not in names:
        raise SchemaError(f"earlier ids are a list, or a table with root_id and successor_id; found {', '.join(names)}")
    old = _ids(earlier["root_id"])
    new = _ids(earlier["successor_id"]) if "successor_id" in names else [None] * len(old)
    became: dict[int, set[int]] = {}
    for one, later in zip(old, new, strict=True):
        if one is not None:
            became.setdefault(one, set()).update(() if later is None else (later,))
    return became


def _ids(column: Any) -> list[int | None]:
    values = column.to_pylist() if hasattr(column, "to_pylist") else column.tolist()
    # Missing values of pandas equal nothing, or are no truth values at all.
    empty = [value is None or type(value).__name__ == "NAType" or value != value for value in values]
    ids = iter(as_root_ids([value for value, none in zip(values, empty, strict=True) if not none]).tolist())
    return [None if none else next(ids) for none in empty]


def _current(own: int, became: Mapping[int, set[int]], known: Mapping[int, Any]) -> set[int]:
    """Neurons of this graph that an id became, over as many steps as it takes."""
    found, seen, open_ = set(), {own}, [own]
    while open_:
        for later in became.get(open_.pop(), ()):
            if later in seen:
                continue
            seen.add(later)
            if later in known:
                found.add(later)
            else:
                open_.append(later)
    return found


def _known(folder: Folder, ids: set[int]) -> dict[int, tuple[bool, str | None, str | None]]:
    """in_graph, name and type of those ids that neurons have."""
    cursor = folder.cursor()
    cursor.register("asked", pa.table({"root_id": pa.array(np.array(sorted(ids), dtype=np.uint64), pa.uint64())}))
    rows = cursor.execute(
        "SELECT root_id, in_graph, name, cell_type FROM neurons SEMI JOIN asked USING (root_id)"
    ).fetchall()
    return {int(row[0]): (bool(row[1]), row[2], row[3]) for row in rows}
