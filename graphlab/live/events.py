"""Events: one versioned Arrow schema, from JSON or Arrow, and the reason why what is malformed is none.

An event is a flat record. Which columns an action needs stands in ``NEEDS``; columns that an action does not use are
empty. Ids in JSON are strings or whole numbers, never floats.

Tests: tests/graphlab/live/test_events.py.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.schema.errors import GraphlabError, did_you_mean
from ingest.schema.words import KINDS, NEURONS, SYNAPSES

VERSION = 1
"""Of the schema; an event of another version is a dead letter."""
NOBODY = 0
"""In ``supervoxel_root_ids``: it is not known which side has it; a split is refused where a synapse lies there."""
MOST_BYTES = 4 << 20
"""Of one event; a merge of a hundred thousand supervoxels fits."""
SHOWN = 2_000
"""Characters of a malformed event that are kept."""

SYNAPSE_ADDED, SYNAPSE_REMOVED = "synapse_added", "synapse_removed"
MERGED, SPLIT, RENAMED = "neurons_merged", "neuron_split", "neuron_renamed"
CHUNK_READY, ANNOTATION = "chunk_ready", "annotation_changed"
ACTIONS = (SYNAPSE_ADDED, SYNAPSE_REMOVED, MERGED, SPLIT, RENAMED, CHUNK_READY, ANNOTATION)

_ID, _TEXT, _NUMBER = pa.uint64(), pa.string(), pa.float64()
_IDS = pa.list_(pa.uint64())
OF_SYNAPSE = tuple((c.name, c.type) for c in SYNAPSES.columns if c.name != "kind")
"""Columns of ``synapses`` that an event brings under the same name; its kind is ``kind``."""
SCHEMA = pa.schema(
    [
        pa.field("version", pa.uint16()),
        pa.field("producer", _TEXT),
        pa.field("sequence", _ID),
        pa.field("event_id", _TEXT),
        pa.field("action", _TEXT),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        *(pa.field(name, type_) for name, type_ in OF_SYNAPSE),
        pa.field("kind", _TEXT),
        pa.field("old_root_ids", _IDS),
        pa.field("new_root_ids", _IDS),
        pa.field("supervoxel_ids", _IDS),
        pa.field("supervoxel_root_ids", _IDS),
        pa.field("synapse_ids", _IDS),
        pa.field("synapse_sides", pa.list_(_TEXT)),
        pa.field("synapse_root_ids", _IDS),
        pa.field("root_id", _ID),
        pa.field("column", _TEXT),
        pa.field("value", _TEXT),
        pa.field("chunk", _TEXT),
    ]
)
ALWAYS = ("version", "producer", "sequence", "event_id", "action")
NEEDS = {
    SYNAPSE_ADDED: ("synapse_id", "pre_root_id", "post_root_id"),
    SYNAPSE_REMOVED: ("synapse_id",),
    MERGED: ("old_root_ids", "new_root_ids"),
    SPLIT: ("old_root_ids", "new_root_ids"),
    RENAMED: ("old_root_ids", "new_root_ids"),
    CHUNK_READY: ("chunk",),
    ANNOTATION: ("root_id", "column"),
}
"""Action -> columns that may not be empty, beside those of ALWAYS."""
FIXED = frozenset({"root_id", "in_graph", "total_in", "total_out"})
"""Columns of neurons that no annotation sets: they follow from ids and synapses."""
ANNOTATED = tuple(column.name for column in NEURONS.columns if column.name not in FIXED)
_NAMES = frozenset(SCHEMA.names)
_LISTS = tuple(field.name for field in SCHEMA if pa.types.is_list(field.type))
_NUMBERS = tuple(field.name for field in SCHEMA if field.type == _NUMBER)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that has no effect, and why."""

    reason: str
    event: str
    """The event as it came, cut where it is long."""
    producer: str | None = None
    sequence: int | None = None
    event_id: str | None = None


class _Malformed(Exception):
    """Why a record is no event."""


def empty() -> pa.Table:
    """No events."""
    return SCHEMA.empty_table()


def from_json(lines: Iterable[bytes | str]) -> tuple[pa.Table, list[DeadLetter]]:
    """Events of JSON texts, one each; blank lines are passed over. What is no event is a dead letter."""
    records: list[dict[str, Any]] = []
    letters: list[DeadLetter] = []
    for line in lines:
        text = line if isinstance(line, bytes) else line.encode()
        if not text.strip():
            continue
        try:
            if len(text) > MOST_BYTES:
                raise _Malformed(f"an event of {len(text):,} bytes; wanted at most {MOST_BYTES:,}")
            record = json.loads(text, parse_constant=_no_constant)
            if not isinstance(record, dict):
                raise _Malformed(f"a JSON {type(record).__name__}; wanted an object")
        except (ValueError, RecursionError, _Malformed) as error:
            why = str(error) if isinstance(error, _Malformed) else f"no JSON: {str(error).splitlines()[0]}"
            letters.append(DeadLetter(why, _shown(text)))
            continue
        records.append(record)
    table, more = from_records(records)
    return table, [*letters, *more]


def _no_constant(name: str) -> Any:
    raise _Malformed(f"{name} is no number of JSON")


def from_records(records: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, list[DeadLetter]]:
    """Events of dictionaries, and dead letters."""
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    letters: list[DeadLetter] = []
    for record in records:
        try:
            values = _plain(record)
        except _Malformed as error:
            letters.append(letter_of(str(error), record))
            continue
        for name, column in columns.items():
            column.append(values.get(name))
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    table, more = checked(pa.Table.from_arrays(arrays, schema=SCHEMA))
    return table, [*letters, *more]


def from_arrow(table: pa.Table) -> tuple[pa.Table, list[DeadLetter]]:
    """Events of an Arrow table that has some columns of ``SCHEMA``, in their types or in narrower ones.

    Raises:
        _Malformed is kept inside: a table of other columns or types is one dead letter.
    """
    unknown = [name for name in table.column_names if name not in _NAMES]
    try:
        if unknown:
            raise _Malformed(f"unknown column {unknown[0]!r}{did_you_mean(unknown[0], _NAMES)}")
        if len(set(table.column_names)) < table.num_columns:
            raise _Malformed("a column is there twice")
        table.validate(full=True)  # nobody checked what a file or a server holds: offsets, lengths, letters
        arrays = []
        for field in SCHEMA:
            if field.name not in table.column_names:
                arrays.append(pa.nulls(table.num_rows, field.type))
                continue
            found = table.column(field.name)
            if pa.types.is_floating(found.type) and not pa.types.is_floating(field.type):
                raise _Malformed(f"{field.name} holds floats; wanted {field.type}")
            arrays.append(found.cast(field.type).combine_chunks())
    except (_Malformed, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        return empty(), [DeadLetter(f"a table of {table.num_rows:,} rows: {error}", _shown(str(table.schema).encode()))]
    return checked(pa.Table.from_arrays(arrays, schema=SCHEMA))


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Values in the types of the schema.

    Raises:
        _Malformed: an unknown name, a value of another kind.
    """
    values: dict[str, Any] = {}
    for name, value in record.items():
        if name not in _NAMES:
            raise _Malformed(f"unknown field {name!r}{did_you_mean(str(name), _NAMES)}")
        if value is None:
            continue
        kind = SCHEMA.field(name).type
        if name == "version" and (isinstance(value, bool) or value != VERSION):
            raise _Malformed(f"version is {value!r}; this graphlab reads version {VERSION}")
        if name == "time":
            values[name] = _time(value)
        elif pa.types.is_list(kind):
            if not isinstance(value, list | tuple | np.ndarray):
                raise _Malformed(f"{name} is {value!r}; wanted a list")
            one = _text if name == "synapse_sides" else _whole
            values[name] = [one(name, item) for item in value]
        elif pa.types.is_integer(kind):
            values[name] = _whole(name, value)
        elif kind == _NUMBER:
            values[name] = _number(name, value)
        else:
            values[name] = _text(name, value)
    return values


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**64:
        raise _Malformed(f"{name} is {str(value)[:40]!r}; wanted a whole number from 0 to 2^64-1")
    return int(value)


def _number(name: str, value: Any) -> float:
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, int | float | np.number) else float(value)
    except OverflowError:  # a whole number of hundreds of digits
        found = math.inf
    if not math.isfinite(found):
        raise _Malformed(f"{name} is {str(value)[:40]!r}; wanted a finite number")
    return found


def _text(name: str, value: Any) -> str:
    if not _is_text(value):
        raise _Malformed(f"{name} is {str(value)[:40]!r}; wanted a text")
    return str(value)


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a letter, as JSON can say it
        return False
    return True


def _time(value: Any) -> datetime.datetime:
    try:
        found = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Malformed(f"time is {str(value)[:40]!r}; wanted ISO 8601, such as 2026-05-01T12:00:00Z") from None
    if found.tzinfo is None:
        raise _Malformed(f"time is {value!r}; wanted one with its zone, such as 2026-05-01T12:00:00Z")
    try:
        return found.astimezone(datetime.UTC)
    except OverflowError:
        raise _Malformed(f"time is {value!r}; wanted one of the years 1 to 9999 in UTC") from None


def checked(table: pa.Table) -> tuple[pa.Table, list[DeadLetter]]:
    """The rows of a table in ``SCHEMA`` that are events, and dead letters of the others."""
    reasons: list[tuple[np.ndarray[Any, Any], str]] = []
    have = {name: table.column(name).is_valid().to_numpy(zero_copy_only=False) for name in SCHEMA.names}
    version = table.column("version").fill_null(0).to_numpy()
    reasons.append((version != VERSION, f"its version is not {VERSION}, which this graphlab reads"))
    for name in ALWAYS:
        reasons.append((~have[name], f"it has no {name}"))
    sequence = table.column("sequence").fill_null(1).to_numpy()
    reasons.append((sequence == 0, "its sequence is 0; a producer counts its events from 1 on"))
    action = _codes(table.column("action"), ACTIONS)
    reasons.append((have["action"] & (action < 0), "an unknown action"))
    for number, name in enumerate(ACTIONS):
        mine = action == number
        if mine.any():
            for needed in NEEDS[name]:
                reasons.append((mine & ~have[needed], f"{name} without {needed}"))
            reasons += _special(table, name, mine, have)
    kind = _codes(table.column("kind"), KINDS)
    reasons.append((have["kind"] & (kind < 0), f"an unknown kind; wanted {', '.join(KINDS)}"))
    for name in _NUMBERS:
        if have[name].any():
            values = table.column(name).fill_null(0.0).to_numpy()
            reasons.append((have[name] & ~np.isfinite(values), f"{name} is no finite number"))
    if have["weight"].any():
        weight = table.column("weight").fill_null(1.0).to_numpy()
        odd = have["weight"] & ~((weight == np.floor(weight)) & (weight >= 0) & (weight < 2**31))
        reasons.append((odd, "weight is no whole number; sums of fractions would depend on their order"))
    bad = np.zeros(table.num_rows, bool)
    letters: list[DeadLetter] = []
    for mask, why in reasons:
        for row in np.flatnonzero(mask & ~bad):
            letters.append(letter_of(_in_full(why, table, int(row)), table.slice(int(row), 1).to_pylist()[0]))
        bad |= mask
    return (table if not bad.any() else table.filter(pa.array(~bad))), letters


def _in_full(why: str, table: pa.Table, row: int) -> str:
    if why == "an unknown action":
        name = str(table.column("action")[row].as_py())
        return f"unknown action {name!r}{did_you_mean(name, ACTIONS)}"
    return why


def _special(
    table: pa.Table, action: str, mine: np.ndarray[Any, Any], have: Mapping[str, np.ndarray[Any, Any]]
) -> list[tuple[np.ndarray[Any, Any], str]]:
    """What an action asks beyond columns that are there."""
    found = []
    rows = np.flatnonzero(mine).tolist()

    def those(bad: Iterable[int]) -> np.ndarray[Any, Any]:
        mask = np.zeros(len(mine), bool)
        mask[list(bad)] = True
        return mask

    if action in (MERGED, SPLIT, RENAMED):
        lists = {name: table.column(name).take(pa.array(rows)).to_pylist() for name in _LISTS}
        of = [{name: lists[name][at] or () for name in _LISTS} for at in range(len(rows))]
        for told, wrong in _LIST_FAULTS:
            found.append((those(r for r, one in zip(rows, of, strict=True) if wrong(action, one)), f"{action}: {told}"))
    if action == ANNOTATION:
        known = _codes(table.column("column"), ANNOTATED)
        found.append((mine & have["column"] & (known < 0), f"it sets no column of {', '.join(ANNOTATED)}"))
    return found


def _wrong_size(action: str, of: Mapping[str, Sequence[Any]]) -> bool:
    old, new = len(of["old_root_ids"]), len(of["new_root_ids"])
    return not old or not new or (action != SPLIT and new != 1) or (action != MERGED and old != 1)


def _torn(of: Mapping[str, Sequence[Any]]) -> bool:
    """Whether one thing is assigned to two neurons."""
    voxels = {*zip(of["supervoxel_ids"], of["supervoxel_root_ids"], strict=False)}
    ends = {*zip(of["synapse_ids"], of["synapse_sides"], of["synapse_root_ids"], strict=False)}
    return len({one[0] for one in voxels}) < len(voxels) or len({one[:2] for one in ends}) < len(ends)


_LIST_FAULTS: tuple[tuple[str, Callable[[str, Mapping[str, Sequence[Any]]], bool]], ...] = (
    ("a list has an empty place", lambda _, of: any(None in of[name] for name in _LISTS)),
    ("old_root_ids or new_root_ids of another length; a merge has one new id, a split one old id, a new name one of "
     "each", _wrong_size),
    ("root id 0 is the background", lambda _, of: 0 in of["old_root_ids"] or 0 in of["new_root_ids"]),
    ("supervoxel_ids and supervoxel_root_ids are not of one length",
     lambda _, of: len(of["supervoxel_ids"]) != len(of["supervoxel_root_ids"])),
    ("synapse_ids, synapse_sides and synapse_root_ids are not of one length",
     lambda _, of: len({len(of[name]) for name in ("synapse_ids", "synapse_sides", "synapse_root_ids")}) > 1),
    ("it assigns to a root id that is none of new_root_ids",
     lambda _, of: bool(
         {*of["supervoxel_root_ids"]} - {*of["new_root_ids"], NOBODY}
         or {*of["synapse_root_ids"]} - {*of["new_root_ids"]}
     )),
    ("supervoxel 0 is the background", lambda _, of: 0 in of["supervoxel_ids"]),
    ("it assigns one supervoxel, or one end of a synapse, to two neurons", lambda _, of: _torn(of)),
    ("synapse_sides are pre or post", lambda _, of: bool(set(of["synapse_sides"]) - {"pre", "post"})),
)  # fmt: skip


def _codes(column: pa.ChunkedArray, words: Sequence[str]) -> np.ndarray[Any, Any]:
    """Places of texts among words, -1 elsewhere."""
    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    place = {word: number for number, word in enumerate(words)}
    known = np.array([place.get(word, -1) for word in encoded.dictionary.to_pylist()] + [-1], np.int64)
    found: np.ndarray[Any, Any] = known[encoded.indices.fill_null(len(known) - 1).to_numpy()]
    return found


def letter_of(why: str, record: Mapping[str, Any]) -> DeadLetter:
    """The dead letter of a record."""
    there = {name: value for name, value in record.items() if value is not None}
    sequence = there.get("sequence")
    if isinstance(sequence, str) and sequence.isascii() and sequence.isdigit() and len(sequence) <= 20:
        sequence = int(sequence)
    counts = isinstance(sequence, int) and not isinstance(sequence, bool) and 0 <= sequence < 2**64
    producer, event_id = there.get("producer"), there.get("event_id")
    return DeadLetter(
        why,
        _shown(json.dumps(there, default=str).encode()),
        producer if _is_text(producer) else None,
        sequence if counts and isinstance(sequence, int) else None,
        event_id if _is_text(event_id) else None,
    )


def _shown(text: bytes) -> str:
    told = text.decode("utf-8", "replace")
    return told if len(told) <= SHOWN else f"{told[:SHOWN]} ... {len(told) - SHOWN:,} more letters"


class LiveError(GraphlabError, RuntimeError):
    """A live graph that cannot go on: a gap in a sequence, a stream that lost events, a graph it cannot follow."""
