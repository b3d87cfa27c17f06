"""Whole-brain recordings in HDF5: traces, velocity, reversals, head angle, pumping, timestamps; labels in a CSV beside.

The layout is that of freely moving C. elegans recordings (Dag et al. 2023, Cell 186:2574; Atanas et al. 2023,
Cell 186:4134): ``gcamp/trace_array*`` [frames, traces], ``behavior/*`` [frames], ``timing/timestamp_confocal``,
``gcamp/idx_splits`` [2, segments] first and last frame, counted from 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import MissingExtraError, ReadError, SchemaError, did_you_mean
from ingest.recorded import Floats, Identity, Recording, Traces, checked_time, segments_of

TRACES = ("trace_array_original", "trace_array", "traces_array_F_F20")
"""Raw before z-scored: scores fitted over a whole recording would leak into held-out blocks."""
NAMES = {"reversal_vec": "reversal", "worm_curvature": "curvature"}
LEFT_OUT = ("reversal_events", "stage_x", "stage_y")
"""Lists of events, and where the stage was: no behaviour of the animal frame by frame."""


def read(path: Path, options: dict[str, Any]) -> list[Recording]:
    """The one animal of a file, everything in memory (a recording of this kind is a few MB).

    Args:
        options: ``animal``, ``traces`` (data set under gcamp), ``labels`` (CSV of identities), ``rate_hz``.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "activity") from None
    try:
        with h5py.File(path, "r") as file:
            return [_read(file, path, options)]
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: no readable HDF5 file: {str(error).splitlines()[0]}") from None


def _read(file: Any, path: Path, options: dict[str, Any]) -> Recording:
    import h5py

    if "gcamp" not in file or not isinstance(file["gcamp"], h5py.Group):
        raise SchemaError(
            f"{path}: found {', '.join(sorted(file)) or 'nothing'}; wanted the groups gcamp, behavior and timing of a "
            "whole-brain recording, or an NWB file (ending .nwb)"
        )
    group = file["gcamp"]
    wanted = options.get("traces") or next((name for name in TRACES if name in group), TRACES[0])
    if wanted not in group:
        raise SchemaError(f"{path}: gcamp has no data set {wanted!r}{did_you_mean(str(wanted), sorted(group))}")
    values = np.asarray(group[wanted], dtype=np.float32)
    if values.ndim != 2:
        raise SchemaError(f"{path}: gcamp/{wanted} has shape {values.shape}; wanted frames x traces")
    frames = len(values)
    time = file.get("timing/timestamp_confocal")
    time_s = checked_time(None if time is None else time[()], frames, str(path), options.get("rate_hz"))
    begins = [int(at) - 1 for at in np.atleast_2d(group["idx_splits"][()])[0]] if "idx_splits" in group else []
    animal = str(options.get("animal") or path.stem.removesuffix("-data"))
    identities = [Identity()] * values.shape[1]
    notes: list[str] = []
    if options.get("labels"):
        identities, notes = labels(Path(str(options["labels"])), animal, values.shape[1])
    traces = np.ascontiguousarray(values.T)

    def block(first: int, last: int) -> Traces:
        return traces[first:last]

    behaviors = _behaviors(file.get("behavior"), frames, path)
    return Recording(animal, time_s, segments_of(time_s, begins), identities, block, behaviors, notes)


def _behaviors(group: Any, frames: int, path: Path) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for name in sorted(group or ()):
        item = group[name]
        if name in LEFT_OUT or getattr(item, "ndim", 0) != 1 or item.dtype.kind not in "iufb":
            continue
        if item.shape[0] != frames:
            raise SchemaError(
                f"{path}: unequal lengths: {frames:,} frames and {item.shape[0]:,} values of behavior/{name}"
            )
        found[NAMES.get(name, name)] = np.asarray(item, dtype=np.float64)
    return found


def labels(path: Path, animal: str, traces: int) -> tuple[list[Identity], list[str]]:
    """Identities of an animal's traces from a CSV.

    Columns: ``animal`` (or ``uid``) where a file names several animals, ``trace`` from 0 (or ``trace_idx_1based``),
    ``name`` (or ``label``), ``neuron_class``, ``confidence``, ``root_id``. A label that ends in ``?`` is of a known
    class and an unknown neuron.

    Raises:
        ReadError, SchemaError: no such file, no such columns, a trace that the recording does not have.
    """
    import csv

    if not path.is_file():
        raise ReadError(f"labels: {path} does not exist")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    number = next((name for name in ("trace", "trace_idx_1based") if name in columns), None)
    label = next((name for name in ("name", "label", "root_id") if name in columns), None)
    if number is None or label is None:
        raise SchemaError(
            f"{path}: found {', '.join(columns) or 'no rows'}; labels need trace (from 0) or trace_idx_1based, and "
            "name, label or root_id"
        )
    who = next((name for name in ("animal", "uid") if name in columns), None)
    mine = [row for row in rows if who is None or row[who] == animal]
    if not mine:
        known = sorted({row[str(who)] for row in rows})
        return [Identity()] * traces, [f"the labels name no trace of animal {animal}{did_you_mean(animal, known)}"]
    found = [Identity()] * traces
    for row in mine:
        at = _whole(row[number], path) - (number == "trace_idx_1based")
        if not 0 <= at < traces:
            raise SchemaError(
                f"{path}: animal {animal} has a label for trace {row[number]}, the recording {traces} traces"
            )
        found[at] = _identity(row)
    return found, []


def _identity(row: dict[str, str]) -> Identity:
    name = (row.get("name") or row.get("label") or "").strip()
    kind = (row.get("neuron_class") or "").strip()
    confidence = (row.get("confidence") or "").strip()
    root = (row.get("root_id") or "").strip()
    return Identity(
        name if name and not name.endswith("?") else None,
        kind if kind and kind != "undefined" else None,
        int(root) if root.isdigit() else None,
        float(confidence) if confidence else None,
    )


def _whole(text: str, path: Path) -> int:
    try:
        return int(text)
    except ValueError:
        raise SchemaError(f"{path}: trace number {text!r}; wanted a whole number") from None
