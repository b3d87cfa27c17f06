"""What a fitted predictor learned, as named arrays: saved, read again, and asked for the same bytes.

A name may have a prefix ending in ``/``: a predictor made of others holds theirs under one each. Neurons are named by
root_id, never by their place in a graph, so that an answer for one neuron cannot become another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError

Array = npt.NDArray[Any]
State = Mapping[str, Array]


def with_prefix(prefix: str, state: State) -> dict[str, Array]:
    """The same arrays with ``prefix/`` before their names."""
    return {f"{prefix}/{name}": values for name, values in state.items()}


def without_prefix(state: State, prefix: str) -> dict[str, Array]:
    """The arrays whose names begin with ``prefix/``, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): values for name, values in state.items() if name.startswith(start)}


def array(state: State, name: str, kind: npt.DTypeLike, dimensions: int) -> Array:
    """One array of a dtype and a number of dimensions.

    Raises:
        SchemaError: it is missing, or of another kind: the model was saved by another predictor or another version.
    """
    value = state.get(name)
    wanted = np.dtype(kind)
    if value is None or value.dtype != wanted or value.ndim != dimensions:
        what = "is missing" if value is None else f"is {value.dtype} with {value.ndim} dimensions"
        raise SchemaError(
            f"the saved model does not fit its predictor: {name!r} {what}; wanted {wanted} with {dimensions}. It was "
            "made by another version or changed since; train it again"
        )
    return value


def integer_array(value: int) -> Array:
    """A whole number as an array of one."""
    return np.array([value], dtype=np.int64)


def number(state: State, name: str) -> int:
    """The number that ``whole`` kept."""
    values = array(state, name, np.int64, 1)
    require(len(values) == 1, f"{name!r} has {len(values)} numbers, not one")
    return int(values[0])


def require(holds: bool, what: str) -> None:
    """SchemaError unless ``holds``: arrays of a saved model that contradict each other."""
    if not holds:
        raise SchemaError(f"the saved model does not fit its predictor: {what}; train it again")
