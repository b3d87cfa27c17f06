"""Id maps: which id of one segmentation is which of another, from a file or a frame.

Tests: tests/graphlab/store/embeddings/test_intake.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.schema.errors import ReadError

COLUMNS = ("root_id", "embedded_root_id")


def id_map(source: Any) -> pa.Table:
    """A map as Arrow.

    Args:
        source: a .csv, .parquet, .feather or .arrow file, or a pandas, polars or pyarrow table; columns root_id and
            embedded_root_id, further ones are left out.

    Raises:
        ReadError: no such file, another kind of file, damaged, or ids that are no unsigned integers.
    """
    if not isinstance(source, str | Path):
        table = source
        if not isinstance(source, pa.Table):
            frame = hasattr(source, "to_arrow")
            table = source.to_arrow() if frame else pa.Table.from_pandas(source, preserve_index=False)
    else:
        path = Path(source)
        if not path.is_file():
            raise ReadError(f"{path} does not exist; wanted a file with the columns {' and '.join(COLUMNS)}")
        try:
            table = _read(path)
        except (pa.ArrowException, OSError) as error:
            raise ReadError(f"{path}: the id map cannot be read: {str(error).splitlines()[0]}") from None
    return table.select([name for name in COLUMNS if name in table.column_names] or table.column_names)


def _read(path: Path) -> pa.Table:
    if path.suffix == ".csv":
        from pyarrow import csv

        types = dict.fromkeys(COLUMNS, pa.uint64())
        return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types))
    if path.suffix in (".parquet", ".feather", ".arrow"):
        from ingest.columnar.files import read_columns

        return read_columns(path)
    raise ReadError(f"{path}: wanted a .csv, .parquet, .feather or .arrow file")
