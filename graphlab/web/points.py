"""A map of neurons as bytes: an Arrow stream, or the form that the page draws without reading it first.

Tests: tests/graphlab/web/test_maps.py.
"""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.charts.plots.points import PointsPlot
from graphlab.embeddings.map import UNTYPED
from graphlab.web.answers import json_value
from ingest.schema.errors import AnalysisError

POINTS = "application/vnd.graphlab.points"


def as_arrow(plot: PointsPlot) -> bytes:
    """An Arrow stream of root_id, x, y, group; title, notes and axes as JSON in its metadata, under ``graphlab``."""
    points = np.asarray(plot.points, dtype=np.float32)
    told = {"title": plot.title, "notes": plot.notes, "axes": plot.axes}
    table = pa.table(
        {
            "root_id": pa.array(plot.root_ids, pa.uint64()),
            "x": pa.array(np.ascontiguousarray(points[:, 0])),
            "y": pa.array(np.ascontiguousarray(points[:, 1])),
            "group": pa.array(plot.groups, pa.string()).dictionary_encode(),
        },
        metadata={b"graphlab": json.dumps(json_value(told)).encode()},
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def packed(plot: PointsPlot) -> bytes:
    """Points as bytes, little-endian: uint32 length of the head; the head, JSON; zeros up to a multiple of 8; then
    root_id uint64, x and y float32 in [-1, 1], group uint16 (a place in the head's ``groups``), each of all neurons.

    Raises:
        AnalysisError: more groups than a number of 16 bits can say.
    """
    places = np.asarray(plot.points, dtype=np.float64)
    low, high = (places.min(axis=0), places.max(axis=0)) if len(places) else (np.zeros(2), np.zeros(2))
    half = float(max(high - low)) / 2 or 1.0
    scaled = ((places - (low + high) / 2) / half).astype("<f4")
    coded = pa.array(plot.groups, pa.string()).dictionary_encode()
    found = ["" if name == UNTYPED else name for name in coded.dictionary.to_pylist()]
    names = sorted(found)
    place = np.argsort(np.argsort(found)) if found else np.empty(0, np.int64)
    group = place[coded.indices.to_numpy()]
    counts = np.bincount(group, minlength=len(names))
    if len(names) > np.iinfo(np.uint16).max:
        raise AnalysisError(f"{len(names):,} different values are too many for colours; choose another column")
    head = json.dumps(
        json_value(
            {"neurons": len(group), "groups": names, "counts": counts.tolist(), "axes": plot.axes,
             "title": plot.title, "notes": list(plot.notes)}
        )
    ).encode()  # fmt: skip
    start = b"".join((struct.pack("<I", len(head)), head))
    columns: list[npt.NDArray[Any]] = [
        np.asarray(plot.root_ids, dtype="<u8"), scaled[:, 0], scaled[:, 1], group.astype("<u2"),
    ]  # fmt: skip
    return b"".join((start, bytes(-len(start) % 8), *(np.ascontiguousarray(one).tobytes() for one in columns)))
