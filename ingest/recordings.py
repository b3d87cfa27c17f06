"""Recordings of every kind through one door: NWB, whole-brain HDF5, matrices and long tables. Never unpickles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import ReadError, SchemaError, did_you_mean
from ingest.reader import Uses
from ingest.recorded import Floats, Recording, checked

HDF5 = b"\x89HDF\r\n\x1a\n"
OPTIONS = ("animal", "labels", "traces", "series", "rate_hz", "resample", "same_name")
BEHAVIOR_OPTIONS = ("animal", "rate_hz", "resample")
USES = {"recordings": Uses("recordings", OPTIONS), "behavior": Uses("behaviour", BEHAVIOR_OPTIONS)}
"""What a request may say for either; checked before a source is opened."""


def open_recordings(source: Any, options: Mapping[str, Any]) -> list[Recording]:
    """Every animal of a source, checked.

    Args:
        source: an .nwb, HDF5, CSV, TSV, Parquet or Arrow file, or a pandas, polars or pyarrow table.
        options: ``animal`` (its name), ``labels`` (CSV of identities), ``traces`` (HDF5 data set), ``series`` (NWB),
            ``rate_hz`` (where there are no timestamps), ``resample`` (refuse, linear, mean: behaviour on another
            clock), ``same_name`` (refuse, best).

    Raises:
        ReadError, SchemaError: what was found and what to do.
    """
    found = _known(options, OPTIONS, "recordings")
    if isinstance(source, str | Path):
        path = _file(source)
        with path.open("rb") as file:
            magic = file.read(8)
        if magic == HDF5:
            recordings = _hdf5(path, found)
        elif path.suffix.lower() in (".nwb", ".h5", ".hdf5"):
            raise ReadError(f"{path}: not an HDF5 file, though its name says so")
        elif magic.startswith(b"\x80") or path.suffix.lower() in (".pkl", ".pickle"):
            raise ReadError(f"{path}: a pickle runs code when it is read, so it never is; export CSV, Parquet or HDF5")
        else:
            recordings = _table(path, found)
    else:
        recordings = _table(source, found)
    name = str(source) if isinstance(source, str | Path) else f"<{type(source).__name__}>"
    return [checked(recording, name, str(found.get("same_name", "refuse"))) for recording in recordings]


def open_behavior(source: Any, options: Mapping[str, Any]) -> list[tuple[str | None, Floats, dict[str, Floats]]]:
    """(animal or None, seconds, name -> values) of each animal of a table of behaviour."""
    from ingest import recording_tables

    found = _known(options, BEHAVIOR_OPTIONS, "behavior")
    if isinstance(source, str | Path):
        path = _file(source)
        with path.open("rb") as file:
            if file.read(8) == HDF5:
                raise SchemaError(f"{path}: behaviour of an HDF5 or NWB file comes with its recording: --as recordings")
        source = path
    rows = recording_tables.behavior(source, found)
    for _, _, columns in rows:
        for name, values in columns.items():
            if not np.isfinite(values).any():
                raise SchemaError(f"{source}: the behaviour {name!r} holds no number")
    return rows


def _hdf5(path: Path, options: dict[str, Any]) -> list[Recording]:
    if path.suffix.lower() == ".nwb":
        from ingest import recording_nwb

        return recording_nwb.read(path, options)
    from ingest import recording_hdf5

    return recording_hdf5.read(path, options)


def _table(source: Any, options: dict[str, Any]) -> list[Recording]:
    from ingest import recording_tables

    return recording_tables.read(source, options)


def _file(source: str | Path) -> Path:
    path = Path(source)
    if not path.is_file():
        raise ReadError(f"{path} {'is a folder; name the file in it' if path.is_dir() else 'does not exist'}")
    if path.stat().st_size == 0:
        raise ReadError(f"{path} is empty")
    return path


def _known(options: Mapping[str, Any], known: tuple[str, ...], what: str) -> dict[str, Any]:
    for name in options:
        if name not in known:
            raise SchemaError(f"{what}: no option {name!r}{did_you_mean(name, known)}")
    return dict(options)
