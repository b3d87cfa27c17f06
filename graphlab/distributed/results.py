"""Results of tasks as bytes that cannot run code: plain values and arrays, the same bytes for the same result.

Files in a shared folder may have been written by anybody, so pickle does not read them.

Tests: tests/graphlab/distributed/test_results.py.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from ingest.running.task_runners import TaskError
from ingest.schema.errors import ReadError

_MAGIC = b"graphlab result 1\n"
_LENGTH = 8


def encode(value: Any) -> bytes:
    """None, truth values, numbers, text, bytes, NumPy arrays and scalars, in tuples, lists and dictionaries.

    Raises:
        TaskError: anything else.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    head = json.dumps(_tree(value, arrays), separators=(",", ":")).encode()
    sink = io.BytesIO()
    sink.write(_MAGIC + len(head).to_bytes(_LENGTH, "little") + head)
    for array in arrays:
        np.lib.format.write_array(sink, array, version=(2, 0), allow_pickle=False)
    return sink.getvalue()


def decode(content: bytes) -> Any:
    """What ``encode`` was given, types included.

    Raises:
        ReadError: other bytes.
    """
    source = io.BytesIO(content)
    try:
        if source.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("another beginning")
        tree = json.loads(source.read(int.from_bytes(source.read(_LENGTH), "little")))
        arrays: list[Any] = []
        while source.tell() < len(content):
            arrays.append(np.lib.format.read_array(source, allow_pickle=False))
        return _value(tree, arrays)
    except (ValueError, KeyError, IndexError, TypeError, EOFError) as error:
        raise ReadError(f"this is no result of a task ({error}); remove its file and run the part again") from None


def _tree(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (tuple, list):
        return {kind.__name__: [_tree(one, arrays) for one in value]}
    if kind is dict:
        return {"dict": [[_tree(key, arrays), _tree(one, arrays)] for key, one in value.items()]}
    if kind is bytes:
        arrays.append(np.frombuffer(value, dtype=np.uint8))
        return {"bytes": len(arrays) - 1}
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        arrays.append(np.asarray(value))
        return {"scalar" if isinstance(value, np.generic) else "array": len(arrays) - 1}
    raise TaskError(
        f"a result cannot be sent between processes that share a folder (found {kind.__module__}.{kind.__qualname__}; "
        "wanted plain values and NumPy arrays); run these tasks in threads"
    )


def _value(tree: Any, arrays: list[Any]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, inner),) = tree.items()
    if kind == "tuple":
        return tuple(_value(one, arrays) for one in inner)
    if kind == "list":
        return [_value(one, arrays) for one in inner]
    if kind == "dict":
        return {_value(key, arrays): _value(one, arrays) for key, one in inner}
    found = arrays[inner]
    return {"bytes": lambda: found.tobytes(), "scalar": lambda: found[()], "array": lambda: found}[kind]()
