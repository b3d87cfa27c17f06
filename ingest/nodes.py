"""The places to embed: nodes with root_id, node_id and x/y/z in nm, from tables or skeletons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columnar.files import read_columns
from ingest.schema.errors import ReadError, SchemaError, did_you_mean
from ingest.schema.ids import as_root_ids
from ingest.schema.words import ID, NM
from ingest.skeletons.files import is_precomputed, is_swc, precomputed_files, swc_files
from ingest.skeletons.precomputed import read_precomputed
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.swc import read_swc

SCHEMA = pa.schema([pa.field("root_id", ID), pa.field("node_id", ID), *(pa.field(f"{axis}_nm", NM) for axis in "xyz")])


def read_nodes(
    source: str | Path, *, unit_nm: float | Sequence[float] | None = None, spacing_nm: float = 0.0
) -> pa.Table:
    """Nodes of a file or folder.

    Args:
        source: a table (``.csv``, ``.parquet``, ``.arrow``, ``.feather``) with root_id, node_id, x_nm, y_nm, z_nm; a
            ``.swc`` or a folder of them (named by root_id); a folder of precomputed skeletons. Both may be packed.
        unit_nm: nm of one unit of the SWC files; they do not say it.
        spacing_nm: of skeletons, only nodes so far apart along the cable; 0 takes all.

    Returns:
        root_id, node_id uint64, x_nm, y_nm, z_nm float64; each node once.

    Raises:
        ReadError, SchemaError, IdError: naming file and column.
    """
    path = Path(source)
    if not path.exists():
        raise ReadError(f"{path} does not exist")
    if is_swc(path) or path.is_dir():
        nodes = nodes_of(read_skeletons(path, unit_nm), spacing_nm)
    else:
        nodes = _table(path)
    if nodes.num_rows == 0:
        raise SchemaError(f"{path} holds no nodes")
    return each_once(nodes, str(path))


def nodes_of(skeletons: Iterable[Skeleton], spacing_nm: float = 0.0) -> pa.Table:
    """Nodes of skeletons, in order."""
    tables = []
    for skeleton in skeletons:
        kept = skeleton.spaced(spacing_nm)
        points = skeleton.points_nm[kept]
        roots = np.full(kept.size, skeleton.root_id, dtype=np.uint64)
        columns = [roots, skeleton.node_ids[kept], *points.T]
        tables.append(pa.table([pa.array(column) for column in columns], schema=SCHEMA))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def each_once(nodes: pa.Table, name: str = "nodes") -> pa.Table:
    """Nodes without repeats, in the order of their first appearance.

    Raises:
        SchemaError: a column is missing or empty somewhere, or one node is in two places.
    """
    for column in SCHEMA.names:
        if column not in nodes.schema.names:
            raise SchemaError(f"{name} has no column {column!r}{did_you_mean(column, nodes.schema.names)}")
        if nodes.column(column).null_count:
            raise SchemaError(f"{name}: {column} is empty in {nodes.column(column).null_count} rows")
    nodes = nodes.select(SCHEMA.names)
    points = np.stack([nodes.column(f"{axis}_nm").to_numpy() for axis in "xyz"], axis=1)
    if not np.isfinite(points).all():
        raise SchemaError(f"{name}: a position is not finite (row {int(np.argmin(np.isfinite(points).all(axis=1)))})")
    keys = np.stack([nodes.column("root_id").to_numpy(), nodes.column("node_id").to_numpy()], axis=1)
    _, first, back = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    moved = np.flatnonzero((points != points[first[back.reshape(-1)]]).any(axis=1))
    if moved.size:
        root_id, node_id = keys[moved[0]].tolist()
        raise SchemaError(f"{name}: node {node_id} of {root_id} is in two places; a node id names one place")
    return nodes.take(pa.array(np.sort(first)))


def _table(path: Path) -> pa.Table:
    try:
        if path.suffix.lower() == ".csv":
            from pyarrow import csv

            # Ids as text: a CSV reader that guesses would make floats of columns with gaps.
            as_text = csv.ConvertOptions(column_types={"root_id": pa.string(), "node_id": pa.string()})
            table = csv.read_csv(path, convert_options=as_text)
        elif path.suffix.lower() in (".parquet", ".arrow", ".feather"):
            table = read_columns(path)
        else:
            raise SchemaError(f"{path}: nodes come as .csv, .parquet, .arrow, .feather, .swc, or a folder of skeletons")
        names = table.schema.names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path} cannot be read: {str(error).splitlines()[0][:200]}") from None
    columns = []
    if table.num_rows == 0:
        return SCHEMA.empty_table()
    for field in SCHEMA:
        if field.name not in names:
            raise SchemaError(f"{path} has no column {field.name!r}{did_you_mean(field.name, names)}")
        column = table.column(field.name)
        if column.null_count:
            raise SchemaError(f"{path}: {field.name} is empty in {column.null_count} rows")
        if field.type == ID:
            exact = column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy()
            column = pa.array(as_root_ids(exact, field.name), ID)
        elif not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise SchemaError(f"{path}: {field.name} is {column.type}; wanted numbers, nm")
        columns.append(pc.cast(column, field.type))
    return pa.table(columns, schema=SCHEMA)


def read_skeletons(path: Path, unit_nm: float | Sequence[float] | None) -> list[Skeleton]:
    if path.is_dir() and is_precomputed(path):
        return [read_precomputed(path, root_id, file) for root_id, file in precomputed_files(path).items()]
    files = [path] if path.is_file() else list(swc_files(path).values())
    if not files:
        raise ReadError(f"{path} holds neither precomputed skeletons (info) nor .swc files")
    if unit_nm is None:
        raise SchemaError(
            f"{path}: SWC files do not say their unit; give the nm of one, like --unit 8 (voxels) or 1000 (um)"
        )
    return [read_swc(file, unit_nm) for file in files]
