"""Google's JSON, checked key by key: what is unknown, missing or of another type is named.

Tests: tests/ingest/volumes/test_descriptors.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.schema.errors import SchemaError, did_you_mean

Number = int | float


def only_keys(document: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, Any]:
    """A JSON object with all of ``needed`` and nothing beyond ``optional``.

    Raises:
        SchemaError: another document.
    """
    if not isinstance(document, Mapping):
        raise SchemaError(f"{where}: found {type(document).__name__}; wanted a JSON object")
    missing = [key for key in needed if key not in document]
    if missing:
        raise SchemaError(f"{where} has no {missing[0]!r}; it has {', '.join(map(str, document)) or 'nothing'}")
    extra = [str(key) for key in document if key not in needed + optional]
    if extra:
        raise SchemaError(f"{where}: unknown key {extra[0]!r}{did_you_mean(extra[0], needed + optional)}")
    return document


def numbers(value: Any, where: str) -> tuple[Number, ...]:
    """A list of numbers, or an object of x, y and z."""
    items = [value[axis] for axis in "xyz"] if isinstance(value, Mapping) and set(value) == set("xyz") else value
    if not isinstance(items, list | tuple) or any(isinstance(i, bool) or not isinstance(i, Number) for i in items):
        raise SchemaError(f"{where}: found {value!r}; wanted a list of numbers, XYZ")
    return tuple(items)


def whole_numbers(value: Any, where: str) -> tuple[int, ...]:
    """A list of whole numbers."""
    found = numbers(value, where)
    if any(number != int(number) for number in found):
        raise SchemaError(f"{where}: found {value!r}; wanted whole numbers, XYZ")
    return tuple(int(number) for number in found)


def flags(value: Any, where: str) -> tuple[bool, ...] | None:
    """A list of true and false, None or an empty one for none."""
    if not value:
        return None
    if not isinstance(value, list | tuple) or any(not isinstance(item, bool) for item in value):
        raise SchemaError(f"{where}: found {value!r}; wanted a list of true and false")
    return tuple(value)
