"""Variables of a MATLAB file as plain arrays, run as a process of its own (see ``apart``).

scipy takes lengths and indexes from the file; a wrong one ends the process.

Tests: tests/ingest/tables/test_mat.py.
"""

from __future__ import annotations

import io
import json
import math
import sys
from typing import Any

WIDTHS = {"single": 4, "int32": 4, "uint32": 4, "char": 4, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "logical": 1}
"""Bytes of a value by class, 8 of any other: a cell, for one, holds a reference."""


def main(path: str, most: str) -> None:
    """Print {"bytes": n} where variables take more than ``most`` bytes, as they say before they are read.

    Else an .npz: ``about``, JSON with name -> kind (matrix, texts, other), size and texts; of matrix number i
    its ``row i``, ``column i`` and ``data i``."""
    import numpy as np
    from scipy import io as scipy_io
    from scipy import sparse

    said = sum(math.prod(shape) * WIDTHS.get(kind, 8) for _, shape, kind in scipy_io.whosmat(path) if kind != "sparse")
    if said > int(most):
        print(json.dumps({"bytes": said}))
        return
    about: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Any] = {}
    for name, value in scipy_io.loadmat(path, spmatrix=False).items():
        if name.startswith("__"):
            continue
        numbers = sparse.issparse(value) or (isinstance(value, np.ndarray) and value.dtype.kind in "iufb")
        if numbers and value.ndim == 2 and value.shape[0] == value.shape[1] > 1:
            if hasattr(value, "check_format"):
                value.check_format(full_check=True)
            matrix = sparse.coo_array(value)
            row, column = matrix.coords
            if row.size and (min(row.min(), column.min()) < 0 or max(row.max(), column.max()) >= value.shape[0]):
                raise ValueError(f"an index of {name} lies outside the matrix")
            about[name] = {"kind": "matrix", "n": value.shape[0], "number": len(about)}
            arrays |= {f"row {len(about) - 1}": row, f"column {len(about) - 1}": column}
            arrays[f"data {len(about) - 1}"] = matrix.data.astype(np.float64)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "OU":
            texts = [str(np.squeeze(item)).strip() for item in value.ravel()]
            about[name] = {"kind": "texts", "texts": texts}
        else:
            about[name] = {"kind": "other"}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    out = io.BytesIO()
    np.savez(out, **arrays)
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
