"""Arrow columns of any origin into our types, naming the row of whatever does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import RootIds, is_id

DIGITS = r"^\d{1,20}$"


@dataclass(frozen=True)
class Place:
    """Where a column of values lies, for messages."""

    source: str
    column: str
    rows: npt.NDArray[np.int64]
    """1-based row of the source for each value."""

    def at(self, index: int) -> str:
        return f"{self.source}, row {self.rows[index]}, column {self.column!r}"


def convert(array: pa.Array, kind: pa.DataType, place: Place, required: bool, advice: str = "") -> pa.Array:
    """Values as our type ``kind``: uint64 ids, finite float64, text, or bool. Empty cells are null.

    Args:
        required: an empty cell is an error.
        advice: what to do about an empty cell, for the message.

    Raises:
        IdError, SchemaError: file, row, column, what was found and what was wanted.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    if pa.types.is_uint64(kind):
        result = _ids(array, place)
    elif pa.types.is_float64(kind):
        result = _numbers(array, place)
    elif pa.types.is_boolean(kind):
        result = _truths(array, place)
    else:
        result = _text(array)
    if required and result.null_count:
        index = _first(result.is_null())
        raise SchemaError(f"{place.at(index)}: the cell is empty; {advice or f'every row needs a {_noun(kind)}'}")
    return result


def kept(array: pa.Array) -> pa.Array:
    """Values of a further column in the type they came in: text tidied, NaN and empty text null, all else as it is."""
    kind = kept_type(array.type)
    if pa.types.is_string(kind):
        return tidy_text(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = array if array.type == kind else array.cast(kind)
    return _without_nan(array) if pa.types.is_floating(kind) else array


def kept_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a further column of type ``kind`` is kept; null where it holds nothing."""
    if pa.types.is_dictionary(kind):
        return kept_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return pa.float32() if pa.types.is_float16(kind) else kind


def tidy_text(array: pa.Array, composed: bool = False) -> pa.Array:
    """Text without blanks around it, as header cells are; nothing left is null. Other columns stay as they are.

    Args:
        composed: letters are composed (NFC), too, as in names that are compared.
    """
    if not pa.types.is_string(kept_type(array.type)):
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = array.cast(pa.string())
    text = pc.utf8_trim_whitespace(array)
    if composed and not pc.all(pc.string_is_ascii(text)).as_py():
        text = pc.utf8_normalize(text, form="NFC")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _without_nan(array: pa.Array) -> pa.Array:
    nan = pc.is_nan(array)
    return pc.if_else(nan, pa.scalar(None, array.type), array) if pc.any(nan).as_py() else array


def _ids(array: pa.Array, place: Place) -> pa.Array:
    if pa.types.is_uint64(array.type):
        return array
    if pa.types.is_integer(array.type):
        low = pc.less(array, 0)
        if pc.any(low).as_py():
            index = _first(low)
            raise IdError(f"{place.at(index)}: found {array[index]}; ids are integers from 0 to 2^64-1")
        return array.cast(pa.uint64())
    if pa.types.is_floating(array.type):
        index = _first(array.is_valid())
        raise IdError(
            f"{place.at(index)}: found the float {array[index]}; a float cannot hold a 64-bit id. "
            "Read the column as an integer (pandas: dtype='uint64' or 'Int64'), or save it as text"
        )
    if pa.types.is_null(array.type):
        return array.cast(pa.uint64())
    if not pa.types.is_string(array.type):
        raise IdError(f"{place.at(0)}: found {array.type}; ids are integers from 0 to 2^64-1")
    text = _stripped(array)
    wrong = pc.invert(pc.match_substring_regex(text, DIGITS))
    index = _first(wrong) if pc.any(wrong).as_py() else len(text)
    try:
        ids = text.slice(0, index).cast(pa.uint64())
    except pa.ArrowInvalid:
        index = next(i for i, value in enumerate(text.to_pylist()) if value is not None and int(value) >= 2**64)
        raise IdError(f"{place.at(index)}: found {text[index]}; ids are integers from 0 to 2^64-1") from None
    if index < len(text):
        raise IdError(f"{place.at(index)}: found {array[index].as_py()!r}; {_id_hint(str(array[index]), place.column)}")
    return ids


def _id_hint(value: str, column: str) -> str:
    if is_id(value.lstrip("-")):
        return "ids are integers from 0 to 2^64-1"
    try:
        float(value)
    except ValueError:
        side = "pre_name" if "pre" in column else "post_name" if "post" in column else "name"
        return f"ids are integers. For neurons with names say --columns {side}={column},..."
    return "a float cannot hold a 64-bit id; save the column as integers or text"


def _numbers(array: pa.Array, place: Place) -> pa.Array:
    if pa.types.is_string(array.type):
        array = _stripped(array)
        try:
            array = array.cast(pa.float64())
        except pa.ArrowInvalid:
            index = next(i for i, value in enumerate(array.to_pylist()) if value is not None and not _is_float(value))
            raise SchemaError(f"{place.at(index)}: found {array[index].as_py()!r}; wanted a number") from None
    try:
        result = array.cast(pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise SchemaError(f"{place.at(0)}: found {array.type}; wanted numbers") from None
    wrong = pc.invert(pc.is_finite(result))
    if pc.any(wrong).as_py():
        index = _first(wrong)
        raise SchemaError(f"{place.at(index)}: found {result[index]}; wanted a finite number, or an empty cell")
    return result


def _truths(array: pa.Array, place: Place) -> pa.Array:
    if pa.types.is_boolean(array.type) or pa.types.is_null(array.type):
        return array.cast(pa.bool_())
    text = pc.utf8_lower(_stripped(array.cast(pa.string())))
    true = pc.is_in(text, pa.array(["true", "t", "1", "yes"]))
    false = pc.is_in(text, pa.array(["false", "f", "0", "no"]))
    wrong = pc.and_(text.is_valid(), pc.invert(pc.or_(true, false)))
    if pc.any(wrong).as_py():
        index = _first(wrong)
        raise SchemaError(f"{place.at(index)}: found {array[index].as_py()!r}; wanted true or false")
    return pc.if_else(text.is_valid(), true, pa.scalar(None, pa.bool_()))


def _text(array: pa.Array) -> pa.Array:
    """Text as it stands; empty cells and the ``nan`` that pandas writes become nulls."""
    if pa.types.is_floating(array.type):
        array = _without_nan(array)
        whole = pc.and_(pc.less(pc.abs(array), 2.0**53), pc.equal(array, pc.floor(array)))
        if pc.all(whole.fill_null(True)).as_py():
            array = array.cast(pa.int64())
    text = array.cast(pa.string())
    return pc.if_else(pc.is_in(text, pa.array(["", "nan", "NaN", "None"])), pa.scalar(None, pa.string()), text)


def points(columns: list[pa.Array], place: Place, scale: tuple[float, float, float]) -> list[pa.Array]:
    """Points in voxels to three columns of nanometres.

    Args:
        columns: three columns of numbers, or one of [x, y, z] lists or of text such as ``[103860 44385 891]``.
        scale: nm per voxel, XYZ.

    Raises:
        SchemaError: a point without exactly three numbers.
    """
    if len(columns) == 1:
        columns = _split(columns[0], place)
    return [pc.multiply(_numbers(column, place), factor) for column, factor in zip(columns, scale, strict=True)]


def _split(array: pa.Array, place: Place) -> list[pa.Array]:
    if pa.types.is_null(array.type):
        return [array.cast(pa.float64())] * 3
    if pa.types.is_large_string(array.type) or pa.types.is_dictionary(array.type):
        array = array.cast(pa.string())
    if pa.types.is_string(array.type):
        bare = pc.utf8_trim(pc.replace_substring_regex(array, r"[\[\]\(\),\s]+", " "), " ")
        array = pc.split_pattern(pc.if_else(pc.equal(bare, ""), pa.scalar(None, pa.string()), bare), " ")
    if not (
        pa.types.is_list(array.type) or pa.types.is_large_list(array.type) or pa.types.is_fixed_size_list(array.type)
    ):
        raise SchemaError(f"{place.at(0)}: found {array.type}; wanted points as [x, y, z]")
    wrong = pc.not_equal(pc.list_value_length(array), 3)
    if pc.any(wrong).as_py():
        index = _first(wrong)
        raise SchemaError(f"{place.at(index)}: found {array[index].as_py()!r}; wanted three numbers [x, y, z]")
    return [pc.list_element(array, axis) for axis in range(3)]


class NameIds:
    """Ids of named neurons, the same for a name in every batch; a collision is refused."""

    def __init__(self, id_of: Callable[[list[str]], dict[str, int]]) -> None:
        self._id_of = id_of
        self._known: dict[str, int] = {}

    def __call__(self, names: pa.Array) -> pa.Array:
        """uint64 ids of text ``names``, null where the name is."""
        encoded = names.dictionary_encode()
        new = [name for name in encoded.dictionary.to_pylist() if name not in self._known]
        if new:
            self._known = self._id_of([*self._known, *new])
        ids: RootIds = np.array([self._known[name] for name in encoded.dictionary.to_pylist()], dtype=np.uint64)
        return pa.array(ids, pa.uint64()).take(encoded.indices)


def _stripped(array: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(array)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first(mask: pa.Array) -> int:
    return int(pc.index(mask.fill_null(False), pa.scalar(True)).as_py())


def _noun(kind: pa.DataType) -> str:
    return "root id or synapse id" if pa.types.is_uint64(kind) else "number" if pa.types.is_floating(kind) else "value"
