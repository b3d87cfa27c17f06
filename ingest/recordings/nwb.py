"""Recordings in NWB (Neurodata Without Borders 2): fluorescence of regions of interest, and behaviour series."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ingest.hdf5_links import whole
from ingest.recordings.recording import (
    Floats,
    Identity,
    Recording,
    Traces,
    as_traces,
    checked_time,
    on_clock,
    segments_of,
)
from ingest.schema.errors import GraphlabError, MissingExtraError, ReadError, SchemaError, did_you_mean
from ingest.schema.ids import as_root_ids

NAME_COLUMNS = ("name", "label", "neuron_name", "ID_labels")
CLASS_COLUMNS = ("neuron_class", "class", "cell_type")


def read(path: Path, options: dict[str, Any]) -> Recording:
    """One session of an NWB file.

    Args:
        options: ``series`` (name of a RoiResponseSeries, when there are several; with its container where names repeat:
            Fluorescence/plane0), ``animal``, ``rate_hz``, ``resample`` for behaviour on another clock.

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
                return _read(io.read(), path, options)
        except GraphlabError:
            raise
        except Exception as error:  # pynwb and hdmf raise whatever a damaged file leads them to
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ReadError(f"{path}: no readable NWB file: {reason}") from None


def _read(file: Any, path: Path, options: dict[str, Any]) -> Recording:
    chosen = _chosen(file, path, options.get("series"))
    notes: list[str] = []
    times = chosen.timestamps
    rois = len(chosen.rois.data)
    values = np.asarray(whole(chosen.data))
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise SchemaError(f"{path}: {chosen.name} is {values.dtype} of shape {values.shape}; wanted frames x regions")
    if rois not in values.shape:
        raise SchemaError(
            f"{path}: {chosen.name} has shape {values.shape} and names {rois:,} regions; wanted frames x regions"
        )
    square = values.shape[0] == values.shape[1]
    if values.shape[1] != rois or (not square and times is not None and len(times) == values.shape[1] != rois):
        values = values.T
        notes.append(f"{chosen.name} is stored regions x frames: turned")
    values = as_traces(_in_units(chosen, values))
    frames = len(values)
    time_s = checked_time(_times(chosen, frames), frames, str(path), options.get("rate_hz"), notes)
    traces = np.ascontiguousarray(values.T)

    def block(first: int, last: int) -> Traces:
        return traces[first:last]

    identities = _identities(chosen.rois, values.shape[1])
    behaviors = _behaviors(file, path, time_s, options, notes)
    subject = getattr(file.subject, "subject_id", None) if file.subject is not None else None
    animal = str(options.get("animal") or subject or file.identifier)
    return Recording(animal, time_s, segments_of(time_s), identities, block, behaviors, notes)


def _chosen(file: Any, path: Path, wanted: Any) -> Any:
    """The one series of fluorescence, or the one that is asked for; series of one name are told apart by container."""
    from pynwb.ophys import RoiResponseSeries

    series = [item for item in file.objects.values() if isinstance(item, RoiResponseSeries)]
    if not series:
        raise SchemaError(f"{path}: no RoiResponseSeries; wanted fluorescence of regions of interest")
    names = _names_apart(series)
    listed = ", ".join(sorted(names))
    if wanted is None:
        if len(series) > 1:
            raise SchemaError(f"{path}: {len(series)} series: {listed}. Say --option series=NAME")
        return series[0]
    fitting = [item for name, item in names.items() if f"/{name}".endswith(f"/{wanted}")]
    fitting = fitting or [item for item in series if f"/{_place(item)}".endswith(f"/{wanted}")]
    if not fitting:
        raise SchemaError(f"{path}: no series {wanted!r}{did_you_mean(str(wanted), sorted(names))}")
    if len(fitting) > 1:
        raise SchemaError(f"{path}: {len(fitting)} series are called {wanted!r}: {listed}. Say which one")
    return fitting[0]


def _place(item: Any) -> str:
    """Names of an object and of what holds it, outermost first."""
    parts = []
    while item is not None and getattr(item, "parent", None) is not None:
        parts.append(str(item.name))
        item = item.parent
    return "/".join(reversed(parts))


def _names_apart(items: list[Any]) -> dict[str, Any]:
    """Objects by name, with as many of their containers' names as tell all of one name apart."""
    named: dict[str, Any] = {}
    count = Counter(str(item.name) for item in items)
    for item in items:
        parts = _place(item).split("/")
        same = [_place(other).split("/") for other in items if other.name == item.name]
        depth = 1
        while count[str(item.name)] > 1 and depth < len(parts) and sum(o[-depth:] == parts[-depth:] for o in same) > 1:
            depth += 1
        named["/".join(parts[-depth:])] = item
    return named


def _in_units(series: Any, data: Any) -> Floats:
    """Stored numbers as the file defines them: times conversion (and that of the channel), plus offset."""
    values = np.asarray(data, dtype=np.float64) * float(1.0 if series.conversion is None else series.conversion)
    channels = getattr(series, "channel_conversion", None)
    if channels is not None:
        values = values * np.asarray(whole(channels), dtype=np.float64).reshape(1, -1)
    converted: Floats = values + float(series.offset or 0.0)
    return converted


def _behaviors(file: Any, path: Path, time_s: Floats, options: dict[str, Any], notes: list[str]) -> dict[str, Floats]:
    """Behaviour frame by frame; whatever else lies there is left out with a word."""
    from pynwb import TimeSeries
    from pynwb.ophys import RoiResponseSeries

    series, left = [], []
    for item in file.objects.values():
        if isinstance(item, RoiResponseSeries) or not _is_behavior(item):
            continue
        if isinstance(item, TimeSeries) and _is_sampled(item):
            series.append(item)
        elif isinstance(item, TimeSeries) or _is_table(item):
            left.append(f"{item.name} ({type(item).__name__})")
    if left:
        notes.append(f"no behaviour frame by frame, left out: {', '.join(sorted(left))}")
    behaviors: dict[str, Floats] = {}
    for label, item in _names_apart(series).items():
        name = label.replace("/", "_")
        data = np.asarray(whole(item.data))
        data = _in_units(item, data[:, None] if data.ndim == 1 else data)
        columns = (
            {name: data[:, 0]} if item.data.ndim == 1 else {f"{name}_{i}": data[:, i] for i in range(data.shape[1])}
        )
        where = f"{path}: {label}"
        own = _times(item, len(data))
        clock = checked_time(own, len(data), where, options.get("rate_hz") if own is None else None)
        rule = str(options.get("resample", "refuse"))
        for column, values in on_clock(time_s, columns, clock, rule, where).items():
            if column in behaviors:
                raise SchemaError(f"{path}: two behaviours are called {column!r}; rename one in the file")
            behaviors[column] = values
    return behaviors


def _is_sampled(series: Any) -> bool:
    """Whether a series has numbers at samples: no text, intervals, images, events or poses of several dimensions."""
    from pynwb.behavior import BehavioralEvents
    from pynwb.image import ImageSeries, IndexSeries
    from pynwb.misc import AnnotationSeries, IntervalSeries

    if isinstance(series, AnnotationSeries | IntervalSeries | ImageSeries | IndexSeries):
        return False
    if isinstance(series.parent, BehavioralEvents):
        return False
    shape, kind = getattr(series.data, "shape", None), getattr(series.data, "dtype", None)
    return shape is not None and len(shape) in (1, 2) and shape[0] > 0 and np.dtype(kind).kind in "iufb"


def _is_table(item: Any) -> bool:
    from pynwb.core import DynamicTable

    return isinstance(item, DynamicTable)


def _times(series: Any, frames: int) -> Floats | None:
    if series.timestamps is not None:
        return np.asarray(whole(series.timestamps), dtype=np.float64)
    if series.rate is not None:
        return float(series.starting_time or 0.0) + np.arange(frames) / float(series.rate)
    return None


def _is_behavior(series: Any) -> bool:
    """In a processing module called behavior, or in a container made for behaviour."""
    from pynwb.behavior import BehavioralEpochs, BehavioralEvents, BehavioralTimeSeries, CompassDirection, Position

    parent = series.parent
    while parent is not None:
        if isinstance(parent, BehavioralTimeSeries | Position | CompassDirection | BehavioralEpochs | BehavioralEvents):
            return True
        if str(getattr(parent, "name", "")).lower() in ("behavior", "behaviour"):
            return True
        parent = parent.parent
    return False


def _identities(region: Any, traces: int) -> list[Identity]:
    table, rows = region.table, np.asarray(whole(region.data), dtype=np.int64)
    columns = list(table.colnames)

    def column(names: tuple[str, ...]) -> list[Any]:
        name = next((name for name in names if name in columns), None)
        return [None] * traces if name is None else [table[name][int(row)] for row in rows]

    identities = []
    for name, kind, root, confidence in zip(
        column(NAME_COLUMNS), column(CLASS_COLUMNS), column(("root_id",)), column(("confidence",)), strict=True
    ):
        text = str(name).strip() if name is not None else ""
        identities.append(
            Identity(
                text if text and not text.endswith("?") else None,
                str(kind) if kind else None,
                _root_id(root),
                float(confidence) if confidence is not None and np.isfinite(float(confidence)) else None,
            )
        )
    return identities


def _root_id(value: Any) -> int | None:
    """An exact id; None for 0, below 0, NaN and empty cells, which say that nobody knows.

    Raises:
        IdError: a decimal, or text that is no id.
    """
    if value is None or value == "" or (not isinstance(value, str) and not value > 0):
        return None
    return int(as_root_ids([value.item() if isinstance(value, np.generic) else value])[0]) or None
