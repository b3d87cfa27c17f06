"""Nodes of a Parquet file in the order of parts, sorted on disk once: a part reads its own stretch, never all nodes.

Tests: tests/graphlab/embeddings/test_planned_nodes.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from graphlab.distributed.parts_folder import not_written
from graphlab.store.database import in_memory
from ingest.nodes import SCHEMA, read_nodes
from ingest.running import whole_files
from ingest.schema.errors import ReadError, SchemaError

PLAN = "nodes.parquet"
CONTENT = b"graphlab.nodes"
GROUP_ROWS = 1 << 18
"""Of a row group, about: what a part reads beside its own rows at most, at either end."""
CELLS = 1 << 16
"""Along each axis, at most; nodes beyond are in the last one."""
SPREAD = ((16, 0x0000_FF00_00FF), (8, 0x00F0_0F00_F00F), (4, 0x0C30_C30C_30C3), (2, 0x2492_4924_9249))
"""Shifts and masks that put two zeros between the bits of a number below 2^16."""


@dataclass(frozen=True)
class PlannedNodes:
    """The nodes of a file, and the folder that keeps them in order.

    Args:
        cell_nm: edge of the cells that a Z curve goes through.
    """

    source: Path
    folder: Path
    cell_nm: float

    @cached_property
    def content(self) -> str:
        """The hash of the file and of what orders its nodes."""
        try:
            with self.source.open("rb") as file:
                found = hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
        except OSError as error:
            raise ReadError(f"{self.source} cannot be read: {error}") from None
        return f"{found} {self.cell_nm!r}"

    def of_part(self, part: int, parts: int, keep: bool = True) -> pa.Table:
        """As many nodes as the other parts have, or one more or less.

        Args:
            keep: the order for other parts, where it is not there yet.

        Raises:
            SchemaError, IdError: what is wrong with the nodes. ReadError, StoreError: disk or memory do not suffice.
        """
        with self._plan(keep) as plan:
            low, high = ((part - at) * plan.metadata.num_rows // parts for at in (1, 0))
            ends = np.cumsum([plan.metadata.row_group(at).num_rows for at in range(plan.num_row_groups)])
            first, last = np.searchsorted(ends, (low, high - 1), side="right")
            groups = range(int(first), int(last) + 1 if high > low else int(first))
            rows = plan.read_row_groups(list(groups))
            return rows.slice(low - (int(ends[first - 1]) if first else 0), high - low).combine_chunks().cast(SCHEMA)

    def all(self) -> pa.Table:
        """Of all parts. Errors are those of ``of_part``."""
        with self._plan(keep=True) as plan:
            return plan.read().cast(SCHEMA)

    @contextmanager
    def _plan(self, keep: bool) -> Iterator[pq.ParquetFile]:
        found = None
        with suppress(OSError, pa.ArrowException), pq.ParquetFile(self.folder / PLAN) as there:
            found = (there.schema_arrow.metadata or {}).get(CONTENT)
        if found != self.content.encode():
            if not keep:
                with TemporaryDirectory() as place, self._made(Path(place)) as made:
                    yield made
                return
            self._made(self.folder).close()
        with pq.ParquetFile(self.folder / PLAN) as there:
            yield there

    def _made(self, folder: Path) -> pq.ParquetFile:
        try:
            with whole_files.write_atomically(folder / PLAN) as new:
                self._sort(new)
        except OSError as error:
            raise not_written(folder / PLAN, error) from None
        return pq.ParquetFile(folder / PLAN)

    def _sort(self, target: Path) -> None:
        schema = SCHEMA.with_metadata({CONTENT: self.content.encode()})
        with (
            TemporaryDirectory(prefix="sorting-", dir=target.parent) as spilled,
            in_memory(Path(spilled)) as connection,
            pq.ParquetWriter(target, schema) as writer,
        ):
            connection.register("nodes", ds.dataset(self.source, format="parquet"))
            numbers = [f"{axis}_nm" for axis in "xyz"]
            right = [f"count(*) = count({name})" for name in SCHEMA.names]
            right += [f"bool_and(isfinite({name}::DOUBLE))" for name in numbers]
            right += [f"min({name}) >= 0" for name in ("root_id", "node_id")]
            least = ", ".join(f"min({name})::DOUBLE" for name in numbers)
            (found,) = connection.sql(f"SELECT {' AND '.join(right)}, {least} FROM nodes").fetchall()
            if not found[0]:
                self._refuse()
            asked = connection.sql(_in_order(), params=[*found[1:], self.cell_nm])
            for batch in asked.to_arrow_reader(GROUP_ROWS):
                if batch.column("moved").true_count:
                    self._refuse()
                writer.write_table(pa.table(batch).select(SCHEMA.names).cast(schema))

    def _refuse(self) -> None:
        read_nodes(self.source)  # says what is wrong, and where
        raise SchemaError(f"{self.source}: the nodes cannot be put in order")


def can_plan(nodes: Any) -> bool:
    """Whether nodes are a Parquet file whose columns have the types of nodes, so that they need not be read whole."""
    if not isinstance(nodes, str | Path) or Path(nodes).suffix.lower() != ".parquet":
        return False
    try:
        types = {field.name: field.type for field in pq.read_schema(nodes)}
    except (OSError, pa.ArrowException):
        return False
    return all(
        name in types and (pa.types.is_integer(types[name]) if name.endswith("_id") else types[name] in _NUMBERS)
        for name in SCHEMA.names
    )


_NUMBERS = (pa.float64(), pa.float32(), pa.int32(), pa.int16(), pa.int8(), pa.uint32(), pa.uint16(), pa.uint8())
"""That 64-bit floats hold exactly."""


def _in_order() -> str:
    """Each node once, along a Z curve through cells (Morton 1966); parameters: least x, y, z and the edge of a cell."""
    numbers = [f"{axis}_nm" for axis in "xyz"]
    once = ", ".join(f"min({name})::DOUBLE AS {name}" for name in numbers)
    moved = " OR ".join(f"min({name}) <> max({name})" for name in numbers)
    asked = f"SELECT root_id, node_id, {once}, ({moved}) AS moved FROM nodes GROUP BY root_id, node_id"
    cell = "least(floor(({axis}_nm - ${at}) / $4), {last})::BIGINT AS {axis}"
    cells = ", ".join(cell.format(axis=axis, at=at, last=CELLS - 1) for at, axis in enumerate("xyz", 1))
    asked = f"SELECT *, {cells} FROM ({asked})"
    for shift, mask in SPREAD:
        spread = ", ".join(f"({axis} | ({axis} << {shift})) & {mask} AS {axis}" for axis in "xyz")
        asked = f"SELECT * REPLACE ({spread}) FROM ({asked})"
    columns = ", ".join(SCHEMA.names)
    return f"SELECT {columns}, moved FROM ({asked}) ORDER BY z | (y << 1) | (x << 2), root_id, node_id"
