"""Recordings and behaviour as tables: frames x neurons, or one row a frame and neuron; CSV, Parquet, Arrow, frames.

A matrix has ``time_s`` and one column a neuron, named by the neuron or its root_id. A long table has ``time_s``,
``root_id`` or ``name``, and ``activity``. Both may have ``animal`` and ``segment``; long ones ``neuron_class`` and
``confidence`` too. Behaviour has ``time_s`` and one column a behaviour.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import ReadError, SchemaError, did_you_mean
from ingest.ids import as_root_ids
from ingest.recorded import Floats, Identity, Ints, Recording, Traces, checked_time, segments_of

TIME = ("time_s", "time", "timestamp", "t")
SPECIAL = ("animal", "segment")


def read(source: Any, options: dict[str, Any]) -> list[Recording]:
    """Every animal of a table, in the order of their names.

    Raises:
        SchemaError: no times and no ``rate_hz``, a column that holds no numbers, a neuron twice in one frame.
    """
    table, name = as_table(source)
    result = []
    for animal, part in _by_animal(table, name, options):
        result.append((_long if "activity" in part.schema.names else _wide)(part, animal, name, options))
    return result


def behavior(source: Any, options: dict[str, Any]) -> list[tuple[str | None, Floats, dict[str, Floats]]]:
    """(animal or None, seconds, behaviours) of a table; None where it names no animal."""
    table, name = as_table(source)
    found = []
    for animal, part in _by_animal(table, name, options, default=None):
        time = _time(part)
        seconds = checked_time(time, part.num_rows, name, options.get("rate_hz"))
        columns = {column: _numbers(part, column, name) for column in _values(part)}
        if not columns:
            raise SchemaError(f"{name}: no behaviour; wanted time_s and one column a behaviour")
        found.append((animal, seconds, columns))
    return found


def as_table(source: Any) -> tuple[pa.Table, str]:
    """Any table of numbers as Arrow, and how it is called in messages."""
    if not isinstance(source, str | Path):
        name = f"<{type(source).__name__}>"
        if isinstance(source, pa.Table):
            table = source
        elif hasattr(source, "to_arrow"):
            table = source.to_arrow()
        else:
            table = pa.Table.from_pandas(source, preserve_index=False)
    else:
        table, name = _file(Path(source)), str(source)
    repeated = [column for column, count in Counter(table.schema.names).items() if count > 1]
    if repeated:
        raise SchemaError(f"{name}: duplicated name: {repeated[0]!r} is the name of several columns; rename one")
    return table, name


def _file(path: Path) -> pa.Table:
    with path.open("rb") as file:
        magic = file.read(6)
    try:
        if magic.startswith(b"PAR1"):
            from pyarrow import parquet

            return parquet.read_table(path)
        if magic.startswith(b"ARROW1"):
            with pa.memory_map(str(path)) as file:
                return pa.ipc.open_file(file).read_all()
        from pyarrow import csv

        delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
        return csv.read_csv(path, parse_options=csv.ParseOptions(delimiter=delimiter))
    except (pa.ArrowException, OSError) as error:
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
    animals = sorted(set(text.to_pylist()))
    if given and given not in animals:
        raise SchemaError(f"{name}: no animal {given!r}{did_you_mean(str(given), animals)}")
    return [(a, table.filter(pc.equal(text, a))) for a in animals if not given or a == given]


def _time(table: pa.Table) -> Floats | None:
    name = next((column for column in TIME if column in table.schema.names), None)
    return None if name is None else _numbers(table, name, "time")


def _values(table: pa.Table) -> list[str]:
    return [name for name in table.schema.names if name not in (*TIME, *SPECIAL)]


def _numbers(table: pa.Table, column: str, source: str) -> Floats:
    values = table.column(column)
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    if not any(fits(values.type) for fits in kinds):
        raise SchemaError(f"{source}: the column {column!r} holds {values.type}; wanted numbers")
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _segments(table: pa.Table, time_s: Floats) -> Ints:
    if "segment" not in table.schema.names:
        return segments_of(time_s)
    stated = table.column("segment").to_numpy()
    return segments_of(time_s, [int(at) + 1 for at in np.flatnonzero(stated[1:] != stated[:-1])])


def _wide(table: pa.Table, animal: str, source: str, options: dict[str, Any]) -> Recording:
    time_s = checked_time(_time(table), table.num_rows, source, options.get("rate_hz"))
    names = _values(table)
    if not names:
        raise SchemaError(f"{source}: no traces; wanted time_s and one column a neuron")
    for name in names:
        _numbers(table.slice(0, 0), name, source)

    def block(first: int, last: int) -> Traces:
        rows = [_numbers(table, name, source) for name in names[first:last]]
        return np.asarray(rows, dtype=np.float32).reshape(last - first, table.num_rows)

    identities = [Identity(root_id=int(name)) if name.isdigit() else Identity(name=name) for name in names]
    return Recording(animal, time_s, _segments(table, time_s), identities, block)


def _long(table: pa.Table, animal: str, source: str, options: dict[str, Any]) -> Recording:
    names = table.schema.names
    key = "root_id" if "root_id" in names else "name"
    if key not in names:
        raise SchemaError(
            f"{source}: found {', '.join(names)}; a long recording needs time_s, root_id or name, activity"
        )
    time = _time(table)
    if time is None:
        raise SchemaError(f"{source}: no timestamps; a long recording needs time_s, {key} and activity")
    if not np.isfinite(time).all():
        raise SchemaError(f"{source}: {int((~np.isfinite(time)).sum()):,} rows have no timestamp")
    if table.column(key).null_count:
        raise SchemaError(f"{source}: {table.column(key).null_count:,} rows have no {key}")
    time_s, frame = np.unique(time, return_inverse=True)
    column = table.column(key).combine_chunks()
    who = as_root_ids(column.to_numpy(zero_copy_only=False)) if key == "root_id" else np.asarray(column.to_pylist())
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
    values[place] = _numbers(table, "activity", source)
    traces = values.reshape(len(neurons), len(time_s))
    missing = traces.size - len(place)
    notes = [f"animal {animal}: {missing:,} of {traces.size:,} values are missing (NaN)"] if missing else []
    extra = {n: table.column(n).take(pa.array(first)).to_pylist() for n in ("neuron_class", "confidence") if n in names}
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
        stated[frame] = table.column("segment").to_numpy()
        begins = [int(at) + 1 for at in np.flatnonzero(stated[1:] != stated[:-1])]

    def block(first_trace: int, last_trace: int) -> Traces:
        return traces[first_trace:last_trace]

    return Recording(animal, time_s, segments_of(time_s, begins), identities, block, notes=notes)
