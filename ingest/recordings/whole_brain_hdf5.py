"""Whole-brain recordings in HDF5: traces, velocity, reversals, head angle, pumping, timestamps; labels in a CSV beside.

The layout is that of freely moving C. elegans recordings (Dag et al. 2023, Cell 186:2574; Atanas et al. 2023,
Cell 186:4134): ``gcamp/trace_array*`` [frames, traces], ``behavior/*`` [frames], ``timing/timestamp_confocal``,
``gcamp/idx_splits`` [2, segments] first and last frame, counted from 1.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from ingest.hdf5_links import DAMAGE, LinkedFile, damaged, whole
from ingest.recordings.recording import Floats, Identity, Recording, Traces, as_traces, checked_time, segments_of
from ingest.schema.errors import ReadError, SchemaError, did_you_mean
from ingest.schema.ids import as_root_ids

TRACES = ("trace_array_original", "trace_array", "traces_array_F_F20")
"""Raw before z-scored: scores fitted over a whole recording would leak into held-out blocks."""
NAMES = {"reversal_vec": "reversal", "worm_curvature": "curvature"}
LEFT_OUT = ("reversal_events", "stage_x", "stage_y")
"""Lists of events, and where the stage was: no behaviour of the animal frame by frame."""


def read(path: Path, options: dict[str, Any]) -> Recording:
    """The one animal of a file, everything in memory (a recording of this kind is a few MB).

    Args:
        options: ``animal``, ``traces`` (data set under gcamp), ``labels`` (CSV of identities), ``rate_hz``.
    """
    try:
        with LinkedFile(path, "activity") as file:
            return _read(file, path, options)
    except DAMAGE as error:
        raise damaged(path, error) from None


def _read(file: LinkedFile, path: Path, options: dict[str, Any]) -> Recording:
    group = file.find("gcamp")
    if not hasattr(group, "keys"):
        raise SchemaError(
            f"{path}: found {', '.join(sorted(file.file)) or 'nothing'}; wanted the groups gcamp, behavior and timing "
            "of a whole-brain recording, or an NWB file (ending .nwb)"
        )
    wanted = str(options.get("traces") or next((name for name in TRACES if name in group), TRACES[0]))
    data = file.find(wanted, group)
    if data is None:
        raise SchemaError(f"{path}: gcamp has no data set {wanted!r}{did_you_mean(wanted, sorted(group))}")
    if getattr(data, "ndim", 0) != 2 or data.dtype.kind not in "iuf":
        shape = f"{data.dtype} of shape {data.shape}" if hasattr(data, "dtype") else "a group"
        raise SchemaError(f"{path}: gcamp/{wanted} is {shape}; wanted numbers, frames x traces")
    values = as_traces(whole(data))
    frames = len(values)
    time = file.find("timing/timestamp_confocal")
    notes: list[str] = []
    time_s = checked_time(_numbers(time, path), frames, str(path), options.get("rate_hz"), notes)
    begins = _begins(file.find("idx_splits", group), frames, path, notes)
    animal = str(options.get("animal") or path.stem.removesuffix("-data"))
    identities = [Identity()] * values.shape[1]
    if options.get("labels"):
        identities, more = labels(Path(str(options["labels"])), animal, values.shape[1])
        notes += more
    traces = np.ascontiguousarray(values.T)

    def block(first: int, last: int) -> Traces:
        return traces[first:last]

    behaviors = _behaviors(file, frames, path, notes)
    return Recording(animal, time_s, segments_of(time_s, begins), identities, block, behaviors, notes)


def _numbers(data: Any, path: Path) -> Any:
    """The numbers of a data set, None where there is none."""
    if data is None:
        return None
    if getattr(data, "dtype", np.dtype("S1")).kind not in "iuf" or data.shape is None:
        raise SchemaError(f"{path}: {data.name} holds no numbers; wanted seconds")
    return whole(data)


def _begins(splits: Any, frames: int, path: Path, notes: list[str]) -> list[int]:
    """Frames (from 0) at which segments begin.

    ``idx_splits`` holds first and last frames, counted from 1 (or from 0, where it begins so), [2, segments] or
    [segments, 2]. Splits were written for the frames that were planned: what lies past the last frame is told.
    """
    if splits is None:
        return []
    if getattr(splits, "dtype", np.dtype("S1")).kind not in "iuf":
        raise SchemaError(f"{path}: gcamp/idx_splits holds no numbers")
    pairs = np.asarray(whole(splits), dtype=np.float64)
    pairs = pairs[:, None] if pairs.ndim == 1 and pairs.size == 2 else pairs
    if pairs.ndim == 2 and pairs.shape[1] == 2 and (pairs.shape[0] != 2 or pairs[0, 1] + 1 == pairs[1, 0] > 2):
        pairs = pairs.T
    if pairs.ndim != 2 or pairs.shape[0] != 2 or not np.isfinite(pairs).all() or (pairs != np.rint(pairs)).any():
        raise SchemaError(
            f"{path}: gcamp/idx_splits has shape {list(np.shape(splits))}; wanted first and last frames of each segment"
        )
    first, last = (row.astype(np.int64) for row in pairs)
    if not pairs.size or first[0] not in (0, 1) or (last < first).any() or (first[1:] <= last[:-1] - 1).any():
        raise SchemaError(
            f"{path}: gcamp/idx_splits says segments from {first.tolist()} to {last.tolist()}; wanted them one after "
            "the other from frame 1"
        )
    begins = first - first[0]
    past = int((begins >= frames).sum())
    if past:
        notes.append(f"{past} of {len(first)} segments of idx_splits lie past the last of {frames:,} frames: left out")
    elif last[-1] > frames:
        notes.append(f"the last segment of idx_splits ends at frame {last[-1]:,}, past the last of {frames:,} frames")
    return [int(at) for at in begins if at < frames]


def _behaviors(file: LinkedFile, frames: int, path: Path, notes: list[str]) -> dict[str, Floats]:
    behaviors: dict[str, Floats] = {}
    left: list[str] = []
    group = file.find("behavior")
    for name in sorted(group) if hasattr(group, "keys") else ():
        item = file.find(name, group)
        if name in LEFT_OUT or getattr(item, "ndim", 0) != 1 or item.dtype.kind not in "iufb":
            left.append(name)
            continue
        if item.shape[0] != frames:
            raise SchemaError(
                f"{path}: unequal lengths: {frames:,} frames and {item.shape[0]:,} values of behavior/{name}"
            )
        behaviors[NAMES.get(name, name)] = np.asarray(whole(item), dtype=np.float64)
    if left:
        notes.append(f"no behaviour frame by frame, left out: {', '.join(left)}")
    return behaviors


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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [{str(k).strip(): v for k, v in row.items() if k} for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise ReadError(f"labels: {path} is no CSV in UTF-8: {error}") from None
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
        known = sorted({str(row[str(who)]) for row in rows})
        return [Identity()] * traces, [f"the labels name no trace of animal {animal}{did_you_mean(animal, known)}"]
    identities = [Identity()] * traces
    for row in mine:
        at = _whole(row[number], path) - (number == "trace_idx_1based")
        if not 0 <= at < traces:
            raise SchemaError(
                f"{path}: animal {animal} has a label for trace {row[number]}, the recording {traces} traces"
            )
        identity = _identity(row, path)
        if identities[at] not in (Identity(), identity):
            raise SchemaError(f"{path}: animal {animal} has two labels for trace {row[number]}; keep one of them")
        identities[at] = identity
    return identities, []


def _identity(row: dict[str, str | None], path: Path) -> Identity:
    name = unicodedata.normalize("NFC", row.get("name") or row.get("label") or "").strip()
    kind = (row.get("neuron_class") or "").strip()
    confidence = (row.get("confidence") or "").strip()
    root = (row.get("root_id") or "").strip()
    try:
        sure = float(confidence) if confidence else None
    except ValueError:
        raise SchemaError(f"{path}: confidence {confidence!r}; wanted a number, or an empty cell") from None
    return Identity(
        name if name and not name.endswith("?") else None,
        kind if kind and kind != "undefined" else None,
        int(as_root_ids([root])[0]) if root else None,
        sure if sure is None or np.isfinite(sure) else None,
    )


def _whole(text: str | None, path: Path) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise SchemaError(f"{path}: trace number {text!r}; wanted a whole number in every row") from None
