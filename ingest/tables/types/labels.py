"""What rows of a matrix, or nodes of a graph, are called: ids or names, each once, as many as are meant.

Labels that are all whole numbers are ids, any others names. Numbers with a point, which had been ids once, are refused.

Tests: tests/ingest/tables/matrices/test_stored.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.reader import ReadRequest
from ingest.schema.errors import IdError, SchemaError, UnknownNameError
from ingest.schema.ids import is_id, tidy_name
from ingest.tables.types.cells import column_of

ROWS = "rows"
"""Option of matrices: ``pre`` or ``post``."""
NUMBERS = "numbers"
"""Said instead of labels: neurons are numbered 1, 2, 3, ..."""


def checked_labels(values: Any, source: str, n: int, of: str = "rows") -> pa.Array:
    """Labels as ids (uint64) or names (string).

    Args:
        values: an Arrow array, a NumPy array, or any sequence.
        source: how they are called in messages. n: how many are wanted. of: what they are wanted for.

    Raises:
        SchemaError: another number of them, an empty one, one twice. IdError: floats, negative ids, 0.
    """
    array = _arrow(values)
    if len(array) != n:
        raise SchemaError(f"{source}: found {len(array):,} labels for {n:,} {of}; wanted one for each")
    if pa.types.is_floating(array.type):
        raise IdError(
            f"{source}: found floats ({array.type}); a float cannot hold a 64-bit id. Save labels as integers"
        )
    if pa.types.is_integer(array.type):
        ids = _ids(array, source)
    elif pa.types.is_string(array.type):
        texts = [tidy_name(text) if text is not None else "" for text in array.to_pylist()]
        if "" in texts:
            raise SchemaError(
                f"{source}, label {texts.index('') + 1}: it is empty; every one of the {of} needs a label"
            )
        ids = _ids_or_names(texts, source)
    else:
        raise SchemaError(f"{source}: found {array.type}; wanted labels, integers or text")
    if len(pc.unique(ids)) != len(ids):
        counts = Counter(ids.to_pylist())
        twice = next(label for label, count in counts.items() if count > 1)
        raise SchemaError(f"{source}: the label {twice!r} stands there {counts[twice]} times; wanted each once")
    return ids


def numbered(n: int) -> pa.Array:
    """Ids 1, 2, 3, ... for neurons without labels: 0 means no neuron."""
    return pa.array(np.arange(1, n + 1, dtype=np.uint64))


def orientation(name: str, request: ReadRequest) -> bool | None:
    """Whether rows are presynaptic, by ``--option rows=pre`` or ``post``; None where nobody says.

    Raises:
        UnknownNameError: neither.
    """
    said = request.options.get(ROWS)
    if said not in (None, "pre", "post"):
        raise UnknownNameError(f"value of the option {ROWS} ({name})", str(said), ("pre", "post"))
    return None if said is None else said == "pre"


def refuse_float_ids(source: str, texts: list[str]) -> None:
    """Refuse labels that are all numbers, some of them no ids: what is left of ids that were floats."""
    if not all(map(is_id, texts)) and all(map(_number, texts)):
        wrong = next(text for text in texts if not is_id(text))
        raise IdError(
            f"{source}: found the label {wrong!r} among labels that are numbers; a float cannot hold a 64-bit id. Save "
            "labels as integers or text"
        )


def _arrow(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        array = values
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array
    if getattr(getattr(values, "dtype", None), "kind", None) in ("i", "u", "f") and getattr(values, "ndim", 1) == 1:
        return pa.array(np.asarray(values, values.dtype.newbyteorder("=")))
    return column_of([value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values])


def _ids(array: pa.Array, source: str) -> pa.Array:
    if array.null_count:
        at = array.is_null().to_pylist().index(True)
        raise SchemaError(f"{source}, label {at + 1}: it is empty; wanted an id")
    low = pc.min(array).as_py()
    if low is not None and low < 1:
        why = "0 means no neuron" if low == 0 else "ids are integers from 1 to 2^64-1"
        raise IdError(f"{source}: found the id {low}; {why}")
    return array.cast(pa.uint64())


def _ids_or_names(texts: list[str], source: str) -> pa.Array:
    if texts and all(map(is_id, texts)):
        large = next((text for text in texts if int(text) >= 2**64), None)
        if large is not None:
            raise IdError(f"{source}: found the id {large}; ids are integers from 1 to 2^64-1")
        return _ids(pa.array(map(int, texts), pa.uint64()), source)
    refuse_float_ids(source, texts)
    return pa.array(texts, pa.string())


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
