"""Neuron ids: unsigned 64-bit at rest, never a float on the way."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import IdError

RootIds = npt.NDArray[np.uint64]
INT64_MAX = 2**63 - 1


def as_root_ids(values: Any, what: str = "root_id") -> RootIds:
    """Any sequence of ids as uint64, refusing whatever could have lost a digit.

    Args:
        values: integers, integer arrays, or decimal strings (as JSON carries them).
        what: the column's name, for the message.

    Raises:
        IdError: floats, negatives, ids of 2^64 and above, text that is no number.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.uint64:
        return values
    array = np.asarray(values) if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind in "iu":
        if array.dtype.kind == "i" and array.size and int(array.min()) < 0:
            raise IdError(f"{what}: found {int(array.min())}, ids are integers from 0 to 2^64-1")
        return array.astype(np.uint64)
    if array is not None and array.dtype.kind == "f":
        raise IdError(
            f"{what}: found floats ({array.dtype}); a float cannot hold a 64-bit id. "
            "Read the column as an integer (pandas: dtype='uint64' or 'Int64')"
        )
    return np.fromiter((_one(value, what) for value in values), dtype=np.uint64)


def _one(value: Any, what: str) -> int:
    if isinstance(value, bool | np.bool_ | float | np.floating):
        raise IdError(f"{what}: found {value!r}; ids are integers, floats and truth values are refused")
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            raise IdError(f"{what}: found {value!r}; ids are unsigned decimal integers")
        value = int(value)
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise IdError(f"{what}: found {value!r}; ids are integers from 0 to 2^64-1") from None
    if not 0 <= number < 2**64:
        raise IdError(f"{what}: found {number}; ids are integers from 0 to 2^64-1")
    return number


def rows_of(known: npt.NDArray[Any], asked: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where each id asked for stands in ``known``, which ascends; -1 where it is not there.

    Raises:
        IdError: integers of two kinds, of which one cannot be an id: numpy would compare both as floats.
    """
    if known.dtype != asked.dtype:
        known, asked = as_root_ids(known), as_root_ids(asked)
    if not known.size:
        return np.full(asked.shape, -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(known, asked), known.size - 1)
    return np.where(known[at] == asked, at, -1).astype(np.int64)


def check_int64(largest: int | None, what: str) -> None:
    """Refuse a column whose largest id pandas cannot hold; None is a column without ids.

    Raises:
        IdError: 2^63 or above.
    """
    if largest is not None and largest > INT64_MAX:
        raise IdError(
            f"{what}: {largest} does not fit pandas' int64; "
            "use to_arrow() or to_polars(), which keep unsigned 64-bit ids"
        )


def is_id(text: str) -> bool:
    """Whether a label is an id: decimal digits alone, and none of the digits (``²``) that are no number."""
    return text.isascii() and text.isdigit()


def tidy_name(name: str) -> str:
    """A name as it is compared: without blanks around it, its letters composed (NFC)."""
    return unicodedata.normalize("NFC", name.strip())


def root_id_of_name(name: str) -> int:
    """The id of a named neuron (``AVAL``): the first 8 bytes of BLAKE2b(name), big-endian, top bit cleared.

    The same name has the same id in every graph; the top bit is cleared so that it fits int64. Names of sources are
    made tidy before (``tidy_name``).

    >>> root_id_of_name("AVAL") == root_id_of_name("AVAL") < 2**63
    True
    """
    return int.from_bytes(hashlib.blake2b(name.encode()).digest()[:8], "big") & INT64_MAX


def root_ids_of_names(names: Iterable[str]) -> dict[str, int]:
    """Ids of many names at once.

    Raises:
        IdError: two names with the same id (chance about n^2 / 2^64).
    """
    by_id: dict[int, str] = {}
    result: dict[str, int] = {}
    for name in names:
        number = root_id_of_name(name)
        other = by_id.setdefault(number, name)
        if other != name:
            raise IdError(f"the names {other!r} and {name!r} hash to the same id {number}; rename one of them")
        result[name] = number
    return result


def ids_as_text(ids: Sequence[int] | RootIds) -> list[str]:
    """Ids as JSON carries them: decimal strings, since a JSON number loses digits past 2^53."""
    return [str(int(value)) for value in ids]
