"""The folder of a plane that suite2p wrote: F.npy, Fneu.npy, spks.npy [regions, frames], iscell.npy [regions, 2].

ops.npy and stat.npy are pickles, which are never read; so the frame rate has to be said.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.arrays.numpy_files import open_npy
from ingest.recordings.recording import Recording
from ingest.recordings.regions import numbers, recording_of
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError

TRACES = {"F": "F.npy", "Fneu": "Fneu.npy", "spks": "spks.npy"}
CELLS = "iscell.npy"
FILES = (*TRACES.values(), CELLS)
"""What is read of a folder."""
NEUROPIL = "neuropil"
PLACES = re.compile(r"plane\d+|suite2p|combined", re.IGNORECASE)
"""Folders that suite2p makes, which say nothing of the animal."""


def read(folder: Path, options: dict[str, Any]) -> Recording:
    """The one animal of a folder.

    Args:
        options: ``rate_hz`` (needed), ``animal``, ``labels``, ``rois`` (cells, all), ``traces`` (F, Fneu, spks),
            ``neuropil`` (share of Fneu that is taken away from F; 0.7 is suite2p's own).

    Raises:
        ReadError, SchemaError: no such folder, files that do not fit each other.
    """
    if not (folder / TRACES["F"]).is_file():
        planes = sorted(path.parent.name for path in folder.glob("*/F.npy"))
        raise ReadError(
            f"{folder} is a folder without F.npy"
            + (f"; name one of its planes: {', '.join(planes)}" if planes else "; name the file in it")
        )
    notes: list[str] = []
    chosen = str(options.get("traces", "F"))
    if chosen not in TRACES:
        raise UnknownNameError("value of the option traces", chosen, TRACES)
    if options.get("rate_hz") is None:
        raise SchemaError(
            f"{folder}: how many frames a second? ops.npy is a pickle and is not read; say --option "
            "rate_hz=FRAMES_PER_SECOND (ops['fs'], of one plane)"
        )
    shape = numbers(open_npy(folder / TRACES["F"]), folder / TRACES["F"]).shape
    values = _array(folder, TRACES[chosen], shape)
    share = _share(folder, options, chosen)
    around = _array(folder, TRACES["Fneu"], shape) if share else None
    if chosen == "F" and not share and (folder / TRACES["Fneu"]).is_file():
        notes.append("F as it was measured: the light around each cell is in it (--option neuropil=0.7 takes it away)")

    def rows(at: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        if around is None:
            return values[at]
        return np.asarray(values[at], np.float64) - share * np.asarray(around[at], np.float64)

    return recording_of(folder, _animal(folder, options), shape, rows, _cells(folder, shape[0]), options, notes)


def _array(folder: Path, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if not (folder / name).is_file():
        raise ReadError(f"{folder / name} does not exist; copy the folder whole")
    return numbers(open_npy(folder / name), folder / name, shape)


def _share(folder: Path, options: dict[str, Any], chosen: str) -> float:
    said = options.get(NEUROPIL)
    if said is None:
        return 0.0
    if chosen != "F":
        raise SchemaError(f"{folder}: --option {NEUROPIL} is for the traces F; leave it out")
    try:
        share = float(said)
    except (TypeError, ValueError):
        share = float("nan")
    if not 0 <= share <= 2:
        raise SchemaError(f"{folder}: {NEUROPIL}: found {said!r}; wanted a share such as 0.7")
    return share


def _cells(folder: Path, regions: int) -> npt.NDArray[np.bool_] | None:
    """Which regions suite2p, or a person, takes for cells."""
    place = folder / CELLS
    if not place.is_file():
        return None
    said = open_npy(place)
    if said.ndim != 2 or said.shape[0] != regions or not said.shape[1] or said.dtype.kind not in "biuf":
        raise SchemaError(
            f"{place}: found {said.dtype} of shape {said.shape}; wanted a mark for each of {regions:,} regions"
        )
    marks = np.asarray(said[:, 0])
    if not np.isin(marks, (0, 1)).all():
        raise SchemaError(f"{place}: found {marks[~np.isin(marks, (0, 1))][0]}; wanted 1 for a cell, 0 for none")
    return np.asarray(marks == 1)


def _animal(folder: Path, options: dict[str, Any]) -> str:
    if options.get("animal"):
        return str(options["animal"])
    names = [part for part in (folder.name, *(parent.name for parent in folder.resolve().parents)) if part]
    return next((name for name in names if not PLACES.fullmatch(name)), folder.name)
