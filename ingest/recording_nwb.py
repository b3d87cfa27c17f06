"""Recordings in NWB (Neurodata Without Borders 2): fluorescence of regions of interest, and behaviour series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import MissingExtraError, ReadError, SchemaError, did_you_mean
from ingest.recorded import Floats, Identity, Recording, Traces, checked_time, on_clock, segments_of

NAME_COLUMNS = ("name", "label", "neuron_name", "ID_labels")
CLASS_COLUMNS = ("neuron_class", "class", "cell_type")


def read(path: Path, options: dict[str, Any]) -> list[Recording]:
    """One session of an NWB file.

    Args:
        options: ``series`` (name of a RoiResponseSeries, when there are several), ``animal``, ``rate_hz``,
            ``resample`` for behaviour on another clock.

    Raises:
        MissingExtraError: pynwb is not installed.
        SchemaError: no fluorescence, several and none named.
    """
    try:
        from pynwb import NWBHDF5IO
    except ImportError:
        raise MissingExtraError("pynwb", "activity") from None
    import warnings

    with warnings.catch_warnings():
        # pynwb warns of schema details that say nothing about the data.
        warnings.simplefilter("ignore")
        try:
            with NWBHDF5IO(str(path), "r") as io:
                return [_read(io.read(), path, options)]
        except (ReadError, SchemaError):
            raise
        except Exception as error:  # pynwb and hdmf raise whatever a damaged file leads them to
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ReadError(f"{path}: no readable NWB file: {reason}") from None


def _read(file: Any, path: Path, options: dict[str, Any]) -> Recording:
    from pynwb import TimeSeries
    from pynwb.ophys import RoiResponseSeries

    objects = list(file.objects.values())
    series = {item.name: item for item in objects if isinstance(item, RoiResponseSeries)}
    if not series:
        raise SchemaError(f"{path}: no RoiResponseSeries; wanted fluorescence of regions of interest")
    wanted = options.get("series")
    if wanted is None and len(series) > 1:
        raise SchemaError(f"{path}: {len(series)} series: {', '.join(sorted(series))}. Say --option series=NAME")
    if wanted is not None and wanted not in series:
        raise SchemaError(f"{path}: no series {wanted!r}{did_you_mean(str(wanted), sorted(series))}")
    chosen = series[str(wanted)] if wanted is not None else next(iter(series.values()))
    values = np.asarray(chosen.data[()], dtype=np.float32)
    values = values[:, None] if values.ndim == 1 else values
    time_s = checked_time(_times(chosen, len(values)), len(values), str(path), options.get("rate_hz"))
    segment = segments_of(time_s)
    traces = np.ascontiguousarray(values.T)

    def block(first: int, last: int) -> Traces:
        return traces[first:last]

    identities = _identities(chosen.rois, values.shape[1])
    behaviors: dict[str, Floats] = {}
    for item in objects:
        if isinstance(item, RoiResponseSeries) or not isinstance(item, TimeSeries) or not _is_behavior(item):
            continue
        data = np.asarray(item.data[()], dtype=np.float64)
        columns = (
            {item.name: data} if data.ndim == 1 else {f"{item.name}_{i}": data[:, i] for i in range(data.shape[1])}
        )
        clock = checked_time(_times(item, len(data)), len(data), f"{path}: {item.name}", options.get("rate_hz"))
        rule = str(options.get("resample", "refuse"))
        behaviors.update(on_clock(time_s, columns, clock, rule, f"{path}: {item.name}"))
    subject = getattr(file.subject, "subject_id", None) if file.subject is not None else None
    animal = str(options.get("animal") or subject or file.identifier)
    return Recording(animal, time_s, segment, identities, block, behaviors)


def _times(series: Any, frames: int) -> Floats | None:
    if series.timestamps is not None:
        return np.asarray(series.timestamps[()], dtype=np.float64)
    if series.rate is not None:
        return float(series.starting_time or 0.0) + np.arange(frames) / float(series.rate)
    return None


def _is_behavior(series: Any) -> bool:
    """In a processing module called behavior, or in a container made for behaviour."""
    from pynwb.behavior import BehavioralTimeSeries, CompassDirection, Position

    parent = series.parent
    while parent is not None:
        if isinstance(parent, BehavioralTimeSeries | Position | CompassDirection):
            return True
        if str(getattr(parent, "name", "")).lower() in ("behavior", "behaviour"):
            return True
        parent = parent.parent
    return False


def _identities(region: Any, traces: int) -> list[Identity]:
    table, rows = region.table, np.asarray(region.data[()], dtype=np.int64)
    columns = list(table.colnames)

    def column(names: tuple[str, ...]) -> list[Any]:
        name = next((name for name in names if name in columns), None)
        return [None] * traces if name is None else [table[name][int(row)] for row in rows]

    found = []
    for name, kind, root, confidence in zip(
        column(NAME_COLUMNS), column(CLASS_COLUMNS), column(("root_id",)), column(("confidence",)), strict=True
    ):
        text = str(name).strip() if name is not None else ""
        found.append(
            Identity(
                text if text and not text.endswith("?") else None,
                str(kind) if kind else None,
                int(root) if root is not None and int(root) > 0 else None,
                float(confidence) if confidence is not None and np.isfinite(float(confidence)) else None,
            )
        )
    return found
