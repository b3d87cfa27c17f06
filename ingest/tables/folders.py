"""A folder as one table: partitioned Parquet, Feather, Arrow and Avro files, and Delta Lake tables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from ingest.columnar.files import ARROW, AVRO, ENDINGS, PARQUET, open_columns, pandas_attributes
from ingest.reader import AcceptedOptions, Reading, ReadRequest, Sure
from ingest.schema.errors import MissingExtraError, ReadError, SchemaError
from ingest.schema.values import kept_type
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.files import begins, ends

LOG = "_delta_log"
EMPTY = "__HIVE_DEFAULT_PARTITION__"
"""How a path writes a partition without a value."""
SHOWN = 3
MOST_NAMED = 1_000
"""Missing parts that are looked for by name: a name may speak of any number of them."""


@dataclass(frozen=True)
class Part:
    """One file of a table."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    """What its path or the log says of columns that it does not hold itself."""
    rows: int | None = None
    """What the log says."""
    stays: pa.BooleanArray | None = None
    """Which of its first rows were not deleted since it was written."""


class FolderReader:
    """Every part of a table in the order of their names; rows in messages are counted through all of them."""

    uses = AcceptedOptions("folders of Parquet, Arrow or Avro files", (UNWEIGHTED,), ("columns", "resolution", "keep"))

    def accepts(self, source: object) -> Sure:
        if not isinstance(source, str | Path) or not Path(source).is_dir():
            return Sure.NO
        there = (Path(source) / LOG).is_dir() or any(_is_part(path) for path in _files(Path(source)))
        return Sure.FORMAT if there else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = Path(source)
        request.check(self.uses)
        notes: list[str] = []
        parts = _delta(path, notes) if (path / LOG).is_dir() else _partitioned(path, notes)
        schema, rows, attributes = _common_schema(path, parts)
        reading = assemble(str(path), request, schema, _batches(parts, schema), rows, attributes)
        reading.notes[:0] = [f"{len(parts):,} parts", *notes]
        return reading


def _files(folder: Path, refused: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Files at any depth, by name; those whose names begin with ``_`` or ``.`` are no data.

    Args:
        refused: called with the error of a folder that cannot be listed, or that is a link, which is not followed.
    """
    for at, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if name[0] not in "_.")
        for name in folders:
            if refused and (Path(at) / name).is_symlink():
                refused(OSError(None, "is a link to a folder", str(Path(at) / name)))
        yield from (Path(at) / name for name in sorted(names) if name[0] not in "_.")


def _is_part(path: Path) -> bool:
    """Whether a file is of the table: by its name, or, where that has no ending, by how it begins."""
    return ends(path, *ENDINGS) or ("." not in path.name and begins(path, PARQUET, ARROW, AVRO))


def _refuse_unreadable(error: OSError) -> None:
    raise ReadError(f"{error.filename}: {error.strerror}; copy the folder whole, to where it can be read") from None


def _partitioned(folder: Path, notes: list[str]) -> list[Part]:
    """Parts of a folder that has no log: their paths say the values of partitions (``neuropil=AL/part-0.parquet``)."""
    files = list(_files(folder, _refuse_unreadable))
    paths = [path for path in files if _is_part(path)]
    if not paths:
        raise ReadError(f"{folder} holds no {', '.join(ENDINGS)} file; wanted a folder of them")
    others = [str(path.relative_to(folder)) for path in files if path not in {*paths}]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        notes.append(f"no parts of the table, not read: {', '.join(others[:SHOWN])}{more}")
    _require_all(folder, paths)
    said = [
        dict(unquote(name).split("=", 1) for name in path.relative_to(folder).parts[:-1] if "=" in name)
        for path in paths
    ]
    for path, values in zip(paths, said, strict=True):
        if [*values] != [*said[0]]:
            raise SchemaError(
                f"{path}: its path names the partitions {', '.join(values) or 'none'}, that of {paths[0]} names "
                f"{', '.join(said[0]) or 'none'}; put parts of one table into folders of one kind"
            )
    typed = {name: _typed([values[name] for values in said]) for name in said[0]}
    return [Part(path, {name: typed[name][i] for name in typed}) for i, path in enumerate(paths)]


def _typed(texts: Sequence[str]) -> list[Any]:
    """Values of a partition: whole numbers where each of them is one to the digit, text otherwise."""
    values = [None if text == EMPTY else text for text in texts]
    whole = all(re.fullmatch(r"0|[1-9]\d{0,17}", text) for text in values if text is not None)
    return [int(text) if whole and text is not None else text for text in values]


def _require_all(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse a folder that itself says that more belongs to it: by ``3-of-8`` in names, or a ``_metadata`` file."""
    found = {path.relative_to(folder).as_posix() for path in paths}
    wanted: set[str] = set()
    numbers: dict[tuple[str, str, int], dict[int, str]] = {}
    for name in found:
        numbered = re.search(r"(\d+)-of-(\d+)(?!.*-of-)", name)
        if numbered:
            family = name[: numbered.start(1)], name[numbered.end(1) :], int(numbered[2])
            numbers.setdefault(family, {})[int(numbered[1])] = numbered[1]
    for (begin, end, count), there in numbers.items():
        first = int(count in there)  # counted from 1 where the last one is there, else from 0
        padded = any(text[0] == "0" and len(text) > 1 for text in there.values())
        width = max(map(len, there.values())) if padded else 1
        gaps = (number for number in range(first, count + first) if number not in there)
        wanted |= {f"{begin}{number:0{width}d}{end}" for number in islice(gaps, MOST_NAMED)}
    if (folder / "_metadata").is_file():
        from pyarrow import parquet

        try:
            about = parquet.read_metadata(folder / "_metadata")
            wanted |= {about.row_group(i).column(0).file_path for i in range(about.num_row_groups)} - {""}
        except (pa.ArrowException, OSError) as error:
            raise ReadError(f"{folder / '_metadata'}: this is no whole summary of Parquet files: {error}") from None
    _refuse_missing(folder, sorted(wanted - found))


def _refuse_missing(folder: Path, missing: Sequence[str]) -> None:
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise ReadError(
            f"{folder}: parts of the table are missing: {', '.join(missing[:SHOWN])}{more}; copy the folder whole"
        )


def _delta(folder: Path, notes: list[str]) -> list[Part]:
    """The parts that the log of a Delta Lake table holds valid.

    Raises:
        MissingExtraError: without deltalake. ReadError: a log that cannot be followed, a part that is not there.
    """
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise MissingExtraError("deltalake", "delta") from None
    try:
        table = DeltaTable(str(folder))
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        vectors = pa.table(table.deletion_vectors()).combine_chunks()
        columns = pa.schema(table.schema().to_arrow()).names
        mapped = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ReadError(f"{folder}: its Delta log cannot be followed: {why}; copy the folder whole") from None
    if mapped != "none":
        raise ReadError(f"{folder}: the Delta table renames its columns (mapping {mapped}); write it out without")
    stay = {
        Path(unquote(urlsplit(place.as_py()).path)): vector.values
        for place, vector in zip(vectors["filepath"], vectors["selection_vector"], strict=True)
    }
    notes.append(f"version {table.version()} of a Delta Lake table")
    if stay:
        deleted = sum(len(vector) - vector.true_count for vector in stay.values())
        notes.append(f"{deleted:,} rows left out that its log holds deleted")
    root = folder.resolve()
    paths = [root / unquote(action["path"]) for action in actions]
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise ReadError(f"{folder}: its log names {path}, which lies outside; copy the table whole (a deep clone)")
    if lost := {*stay} - {*paths}:
        raise ReadError(
            f"{folder}: its log deletes rows of {min(lost)}, which is none of its parts; copy the folder whole"
        )
    _refuse_missing(folder, [os.path.relpath(path, root) for path in paths if not path.is_file()])
    parts = []
    for path, action in sorted(zip(paths, actions, strict=True), key=lambda both: both[0]):
        values = {name: action.get(f"partition.{name}") for name in columns}
        parts.append(Part(path, values, action.get("num_records"), stay.get(path)))
    if not parts:
        raise SchemaError(f"{folder}: version {table.version()} of the table has no rows")
    return parts


def _common_schema(folder: Path, parts: Sequence[Part]) -> tuple[pa.Schema, int | None, dict[str, Any]]:
    """Columns of all parts, which must be the same, how many rows there are, and what pandas says of each part.

    Raises:
        SchemaError: a part has other columns, or values of another kind. ReadError: not the rows that the log says.
    """
    attributes: dict[str, Any] = {}
    kinds: dict[str, list[pa.DataType]] = {}
    rows: int | None = 0
    for number, part in enumerate(parts):
        opened = open_columns(part.path)
        about = pandas_attributes(opened.schema)
        if number and about != attributes:
            raise SchemaError(f"{part.path} and {parts[0].path} differ in what they say of themselves (df.attrs)")
        attributes = about
        names = [*opened.schema.names, *(name for name in part.values if name not in opened.schema.names)]
        if number and {*names} != {*kinds}:
            odd = ", ".join(sorted({*names} ^ {*kinds}))
            raise SchemaError(f"{part.path} and {parts[0].path} differ in the columns {odd}; one table has one set")
        for name in names:
            kind = opened.schema.field(name).type if name in opened.schema.names else pa.scalar(part.values[name]).type
            kinds.setdefault(name, []).append(kept_type(kind))
        if None not in (part.rows, opened.rows) and part.rows != opened.rows:
            raise ReadError(f"{part.path} has {opened.rows:,} rows, {part.rows:,} by the log; copy it again")
        rows = rows + opened.rows if rows is not None and opened.rows is not None else None
    fields = []
    for name, found in kinds.items():
        kind = _one_kind(found)
        if kind is None:
            told = ", ".join(sorted(map(str, {*found})))
            raise SchemaError(f"{folder}: the column {name!r} is of several types in its parts: {told}; save it as one")
        fields.append(pa.field(name, kind))
    return pa.schema(fields), rows, attributes


def _one_kind(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """The type that takes the values of all without a change to any."""
    try:
        schemas = [pa.schema([("column", kind)]) for kind in dict.fromkeys(kinds)]
        found = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None
    rounds = pa.types.is_floating(found) and any(pa.types.is_integer(kind) for kind in kinds)
    return None if rounds else found


def _batches(parts: Sequence[Part], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in parts:
        before = 0
        for batch in open_columns(part.path).batches:
            columns = []
            for wanted in schema:
                if wanted.name in batch.schema.names:
                    columns.append(_as(batch.column(wanted.name), wanted, part.path))
                else:
                    columns.append(pa.repeat(pa.scalar(part.values[wanted.name], wanted.type), batch.num_rows))
            whole = pa.RecordBatch.from_arrays(columns, schema=schema)
            if part.stays is not None:
                stays = part.stays.slice(before, batch.num_rows)
                after = pa.repeat(True, batch.num_rows - len(stays))
                before += batch.num_rows
                whole = whole.filter(pa.concat_arrays([stays, after]))
            yield whole


def _as(column: pa.Array, wanted: pa.Field, path: Path) -> pa.Array:
    if column.type == wanted.type:
        return column
    try:
        return column.cast(wanted.type)
    except pa.ArrowException as error:
        raise SchemaError(f"{path}, column {wanted.name!r}: {str(error).splitlines()[0]}") from None
