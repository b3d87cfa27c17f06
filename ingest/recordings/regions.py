"""Traces of regions that a program found in a movie, as a recording: CaImAn, suite2p, bare matrices of NumPy.

Tests: tests/ingest/recordings/test_regions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.arrays.numpy_files import open_npy
from ingest.recordings.recording import Identity, Recording, Traces, as_traces, checked_time, segments_of
from ingest.recordings.whole_brain_hdf5 import labels
from ingest.schema.errors import SchemaError, UnknownNameError

ROIS, ROWS = "rois", "rows"
CHOICES = ("cells", "all")
"""Values of ``--option rois=``: the regions that the program takes for cells, or every one."""
SIDES = ("frames", "traces")
"""Values of ``--option rows=`` of a matrix."""


def recording_of(
    source: Path,
    animal: str,
    shape: tuple[int, ...],
    rows: Callable[[npt.NDArray[np.int64]], npt.NDArray[Any]],
    cells: npt.NDArray[np.bool_] | None,
    options: dict[str, Any],
    notes: list[str],
) -> Recording:
    """A recording of regions, numbered from 0 as the program did.

    Args:
        shape: regions, frames.
        rows: numbers of regions -> their values, [regions, frames].
        cells: which of them the program takes for cells; None where it does not say.
        options: ``rois``, ``rate_hz``, ``labels`` (a CSV whose ``trace`` is the number of the region).

    Raises:
        SchemaError: no rate, no cell, labels that do not fit.
    """
    regions, frames = shape
    choice = str(options.get(ROIS, CHOICES[0]))
    if choice not in CHOICES:
        raise UnknownNameError(f"value of the option {ROIS}", choice, CHOICES)
    if cells is None and ROIS in options:
        raise SchemaError(f"{source}: it does not say which regions are cells; leave --option {ROIS}={choice} out")
    keep = np.arange(regions) if cells is None or choice == "all" else np.flatnonzero(cells)
    if len(keep) < regions:
        notes.append(f"{regions - len(keep):,} of {regions:,} regions are no cells and left out (--option rois=all)")
    if not len(keep):
        raise SchemaError(f"{source}: none of its {regions:,} regions is a cell; --option {ROIS}=all takes every one")
    time_s = checked_time(None, frames, str(source), options.get("rate_hz"))
    identities = [Identity()] * regions
    if options.get("labels"):
        identities, more = labels(Path(str(options["labels"])), animal, regions)
        notes += more
        lost = sum(identity != Identity() for identity in identities) - sum(identities[at] != Identity() for at in keep)
        if lost:
            notes.append(f"{lost:,} labels are of regions that are left out")

    def block(first: int, last: int) -> Traces:
        return as_traces(rows(keep[first:last]))

    return Recording(animal, time_s, segments_of(time_s), [identities[at] for at in keep], block, notes=notes)


def numbers(array: npt.NDArray[Any], source: Path, shape: tuple[int, ...] | None = None) -> npt.NDArray[Any]:
    """The array, if it holds numbers in rows and columns, as many as are wanted.

    Raises:
        SchemaError: something else.
    """
    if array.ndim != 2 or array.dtype.kind not in "iuf":
        raise SchemaError(f"{source}: found {array.dtype} of shape {array.shape}; wanted numbers, regions x frames")
    if shape is not None and array.shape != shape:
        raise SchemaError(f"{source}: found the shape {array.shape}; wanted {shape}, as the other files have")
    return array


def read_npy(path: Path, options: dict[str, Any]) -> Recording:
    """A matrix of traces: ``--option rows=frames`` or ``rows=traces`` says which way it lies.

    Raises:
        ReadError, SchemaError: damaged, no numbers, nobody says what its rows are or how fast frames came.
    """
    values = numbers(open_npy(path), path)
    said = options.get(ROWS)
    if said is None:
        raise SchemaError(
            f"{path}: {values.shape[0]:,} x {values.shape[1]:,} numbers. Are its rows frames or traces? Say --option "
            f"{ROWS}=frames or --option {ROWS}=traces"
        )
    if said not in SIDES:
        raise UnknownNameError(f"value of the option {ROWS}", str(said), SIDES)
    traces = values.T if said == "frames" else values
    animal = str(options.get("animal") or path.stem)
    return recording_of(path, animal, traces.shape, lambda at: traces[at], None, options, [])
