"""Recordings and behaviour as tables: frames x neurons, or one row a frame and neuron; CSV, Parquet, Arrow, frames.

A matrix has ``time_s`` and one column a neuron, named by the neuron or its root_id. A long table has ``time_s``,
``root_id`` or ``name``, and ``activity``. Both may have ``animal`` and ``segment``; long ones ``neuron_class`` and
``confidence`` too. Behaviour has ``time_s`` and one column a behaviour.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columnar.files import read_columns
from ingest.recordings.recording import Floats, Identity, Ints, Recording, Traces, as_traces, checked_time, segments_of
from ingest.schema.errors import IdError, ReadError, SchemaError, did_you_mean
from ingest.schema.ids import as_root_ids

TIME = ("time_s", "time", "timestamp", "t")
SPECIAL = ("animal", "segment")
LONG = ("root_id", "name", "activity", "neuron_class", "confidence")


def read(source: Any, options: dict[str, Any]) -> list[Callable[[], Recording]]:
    """What makes the recording of each animal of a table, in the order of their names.

    Raises:
        SchemaError: no times and no ``rate_hz``, a column that holds no numbers, a neuron twice in one frame.
    """
    table, name, notes = as_table(source)
    result: list[Callable[[], Recording]] = []
    for animal, part in _by_animal(table, name, options):
        kind = _long if "activity" in part.schema.names else _wide
        result.append(partial(kind, part, animal, name, options, [*notes]))
    return result


def behavior(source: Any, options: dict[str, Any]) -> list[Callable[[], tuple[str | None, Floats, dict[str, Floats]]]]:
    """What makes (animal or None, seconds, behaviours) of each animal of a table; None where it names no animal."""
    table, name, _ = as_table(source)
    return [partial(_behavior, part, a, name, options) for a, part in _by_animal(table, name, options, default=None)]


def _behavior(
    part: pa.Table, animal: str | None, name: str, options: dict[str, Any]
) -> tuple[str | None, Floats, dict[str, Floats]]:
    seconds = checked_time(_time(part, name), part.num_rows, name, options.get("rate_hz"))
    columns = {column: _numbers(part, column, name) for column in _values(part)}
    if not columns:
        raise SchemaError(f"{name}: no behaviour; wanted time_s and one column a behaviour")
    return animal, seconds, columns


def as_table(source: Any) -> tuple[pa.Table, str, list[str]]:
    """Any table of numbers as Arrow, how it is called in messages, and notes about columns without a name.

    Raises:
        SchemaError: no table, columns of objects, a name twice, a first row of numbers for names.
    """
    if not isinstance(source, str | Path):
        name = f"<{type(source).__name__}>"
        try:
            if isinstance(source, pa.Table):
                table = source
            elif hasattr(source, "to_arrow"):
                table = source.to_arrow()
            else:
                table = pa.Table.from_pandas(source, preserve_index=False)
        except (pa.ArrowException, TypeError, ValueError, AttributeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise SchemaError(
                f"{name} is no table of numbers ({reason}); wanted time_s and columns of numbers"
            ) from None
    else:
        table, name = _file(Path(source)), str(source)
    try:
        table.validate(full=True)
        names = table.schema.names
    except UnicodeDecodeError:
        raise ReadError(f"{name}: the names of its columns are no text in UTF-8; save it as UTF-8") from None
    except pa.ArrowException as error:
        raise ReadError(f"{name} is damaged: {' '.join(str(error).split())[:200]}") from None
    table = table.rename_columns([unicodedata.normalize("NFC", str(column)).strip() for column in names])
    for column, kind in zip(table.schema.names, table.schema.types, strict=True):
        if column in (*TIME, *SPECIAL, *LONG) and (pa.types.is_binary(kind) or pa.types.is_nested(kind)):
            raise SchemaError(
                f"{name}: the column {column!r} holds {kind}; wanted numbers, or text in UTF-8; save it as UTF-8"
            )
    table, notes = _without_index(table, name)
    repeated = [column for column, count in Counter(table.schema.names).items() if count > 1]
    _refuse_headless(table, name, bool(repeated))
    if repeated:
        raise SchemaError(f"{name}: duplicated name: {repeated[0]!r} is the name of several columns; rename one")
    return table, name, notes


def _without_index(table: pa.Table, name: str) -> tuple[pa.Table, list[str]]:
    """The table without columns that have no name: row numbers and empty ones, told; anything else is refused."""
    kept, notes = [], []
    for number, column in enumerate(table.schema.names):
        if column and not column.startswith("Unnamed:"):
            kept.append(number)
            continue
        values = table.column(number)
        counted = pa.types.is_integer(values.type) and not values.null_count
        counts = np.arange(len(values)) if counted else np.empty(0)
        numbers = values.to_numpy() if counted else counts
        if values.null_count < len(values) and not (counted and np.isin(numbers[:1] - counts[:1], (0, 1)).all()
                                                    and (np.diff(numbers) == 1).all()):  # fmt: skip
            raise SchemaError(
                f"{name}: column {number + 1} has no name and holds more than row numbers; name it, or take it out"
            )
        notes.append(f"column {number + 1} has no name (row numbers, or empty): left out")
    return table.select(kept), notes


def _refuse_headless(table: pa.Table, name: str, repeated: bool) -> None:
    """A first line of numbers is a frame, and would be lost as names."""
    names = table.schema.names
    if not names or any(_float(column) is None for column in names):
        return
    ids = all(column.isascii() and column.isdigit() for column in names) and not repeated
    if ids and not all(pa.types.is_integer(kind) for kind in table.schema.types):
        return
    raise SchemaError(
        f"{name}: its first line is numbers ({', '.join(names[:3])}, ..), so its columns have no names and that frame "
        "would be lost. Give it a first line of names, like time_s,AVAL,AVAR"
    )


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _file(path: Path) -> pa.Table:
    with path.open("rb") as file:
        magic = file.read(6)
    try:
        if magic.startswith((b"PAR1", b"ARROW1")):
            return read_columns(path)
        from pyarrow import csv

        delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
        return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: no readable table: {str(error).splitlines()[0]}") from None


def _by_animal(
    table: pa.Table, name: str, options: dict[str, Any], default: str | None = "animal"
) -> list[tuple[Any, pa.Table]]:
    given = options.get("animal")
    if "animal" not in table.schema.names:
        own = Path(name).stem if default is not None and not name.startswith("<") else default
        return [(str(given) if given else own, table)]
    if table.column("animal").null_count:
        raise SchemaError(f"{name}: {table.column('animal').null_count:,} rows name no animal")
    text = table.column("animal").cast(pa.string())
    if table.num_rows == 0:
        raise SchemaError(f"{name} has no rows")
    animals = sorted(set(text.to_pylist()))
    if given and given not in animals:
        raise SchemaError(f"{name}: no animal {given!r}{did_you_mean(str(given), animals)}")
    return [(a, table.filter(pc.equal(text, a))) for a in animals if not given or a == given]


def _time(table: pa.Table, source: str) -> Floats | None:
    columns = [column for column in TIME if column in table.schema.names]
    if len(columns) > 1:
        raise SchemaError(f"{source}: {' and '.join(columns)} are both times; keep the one in seconds")
    return _numbers(table, columns[0], source) if columns else None


def _values(table: pa.Table) -> list[str]:
    return [name for name in table.schema.names if name not in (*TIME, *SPECIAL)]


def _numbers(table: pa.Table, column: str, source: str) -> Floats:
    values = table.column(column)
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    if not any(fits(values.type) for fits in kinds):
        raise SchemaError(f"{source}: the column {column!r} holds {values.type}; wanted numbers")
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _segments(table: pa.Table, time_s: Floats) -> Ints:
    if "segment" not in table.schema.names:
        return segments_of(time_s)
    stated = _stated_segments(table)
    return segments_of(time_s, [int(at) + 1 for at in np.flatnonzero(stated[1:] != stated[:-1])])


def _stated_segments(table: pa.Table) -> Any:
    """The column of segments as one number a distinct value."""
    return table.column("segment").combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()


def _wide(table: pa.Table, animal: str, source: str, options: dict[str, Any], notes: list[str]) -> Recording:
    time_s = checked_time(_time(table, source), table.num_rows, source, options.get("rate_hz"), notes)
    names = _values(table)
    if not names:
        raise SchemaError(f"{source}: no traces; wanted time_s and one column a neuron")
    for name in names:
        _numbers(table.slice(0, 0), name, source)

    def block(first: int, last: int) -> Traces:
        rows = [_numbers(table, name, source) for name in names[first:last]]
        return as_traces(rows).reshape(last - first, table.num_rows)

    identities = [_named(name, source) for name in names]
    return Recording(animal, time_s, _segments(table, time_s), identities, block, notes=notes)


def _named(column: str, source: str) -> Identity:
    if not (column.isascii() and column.isdigit()):
        return Identity(name=column)
    if int(column) >= 2**64:
        raise IdError(f"{source}: the column {column!r} is no root_id; ids are integers from 0 to 2^64-1")
    return Identity(root_id=int(column))


def _long(table: pa.Table, animal: str, source: str, options: dict[str, Any], notes: list[str]) -> Recording:
    names = table.schema.names
    if options.get("rate_hz") is not None:
        raise SchemaError(
            f"{source}: a long recording has its times in time_s; rate_hz would not be used: leave it out"
        )
    others = [name for name in names if name not in (*TIME, *SPECIAL, *LONG)]
    if others:
        notes = [*notes, f"columns that a long recording has no place for: {', '.join(others)}: left out"]
    key = "root_id" if "root_id" in names else "name"
    if key not in names:
        raise SchemaError(
            f"{source}: found {', '.join(names)}; a long recording needs time_s, root_id or name, activity"
        )
    time = _time(table, source)
    if time is None:
        raise SchemaError(f"{source}: no timestamps; a long recording needs time_s, {key} and activity")
    if not np.isfinite(time).all():
        raise SchemaError(f"{source}: {int((~np.isfinite(time)).sum()):,} rows have no timestamp")
    if table.column(key).null_count:
        raise SchemaError(f"{source}: {table.column(key).null_count:,} rows have no {key}")
    time_s, frame = np.unique(time, return_inverse=True)
    column = table.column(key).combine_chunks()
    if key == "root_id":
        exact = column.to_numpy(zero_copy_only=False) if pa.types.is_primitive(column.type) else column.to_pylist()
        who = as_root_ids(exact, key)
    else:
        who = np.asarray([unicodedata.normalize("NFC", str(value)).strip() for value in column.to_pylist()])
    neurons, first, trace = np.unique(who, return_index=True, return_inverse=True)
    place = trace.astype(np.int64) * len(time_s) + frame
    if len(np.unique(place)) != len(place):
        order = np.sort(place)
        twice = int(order[np.flatnonzero(order[1:] == order[:-1])[0]])
        raise SchemaError(
            f"{source}: duplicated row: {key} {neurons[twice // len(time_s)]} twice at "
            f"{time_s[twice % len(time_s)]:g} s in animal {animal}"
        )
    values = np.full(len(neurons) * len(time_s), np.nan, dtype=np.float32)
    values[place] = as_traces(_numbers(table, "activity", source))
    traces = values.reshape(len(neurons), len(time_s))
    missing = traces.size - len(place)
    if missing:
        notes = [*notes, f"animal {animal}: {missing:,} of {traces.size:,} values are missing (NaN)"]
    extra: dict[str, list[Any]] = {}
    if "neuron_class" in names:
        kinds = table.column("neuron_class").cast(pa.string()).take(pa.array(first)).to_pylist()
        extra["neuron_class"] = [kind or None for kind in kinds]
    if "confidence" in names:
        sure = _numbers(table, "confidence", source)[first].tolist()
        extra["confidence"] = [value if np.isfinite(value) else None for value in sure]
    identities = [
        Identity(
            None if key == "root_id" else str(neuron),
            (extra.get("neuron_class") or [None] * len(neurons))[i],
            int(neuron) if key == "root_id" else None,
            (extra.get("confidence") or [None] * len(neurons))[i],
        )
        for i, neuron in enumerate(neurons)
    ]
    begins: list[int] = []
    if "segment" in names:
        stated = np.zeros(len(time_s), dtype=np.int64)
        stated[frame] = _stated_segments(table)
        begins = [int(at) + 1 for at in np.flatnonzero(stated[1:] != stated[:-1])]

    def block(first_trace: int, last_trace: int) -> Traces:
        return traces[first_trace:last_trace]

    return Recording(animal, time_s, segments_of(time_s, begins), identities, block, notes=notes)
