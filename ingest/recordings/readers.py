"""Recordings of every kind through one door: NWB, HDF5, suite2p, matrices and long tables. Never unpickles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ingest.arrays.numpy_files import NPY
from ingest.reader import AcceptedOptions
from ingest.recordings.recording import Floats, Recording, checked, refuse_infinite_behavior
from ingest.schema.errors import GraphlabError, MissingExtraError, ReadError, SchemaError, did_you_mean

T = TypeVar("T")

HDF5 = b"\x89HDF\r\n\x1a\n"
OPTIONS = ("animal", "labels", "traces", "series", "rate_hz", "resample", "same_name", "rois", "neuropil", "rows")
HDF5_OPTIONS = ("animal", "labels", "traces", "rate_hz", "same_name")
NWB_OPTIONS = ("animal", "series", "rate_hz", "resample", "same_name")
CAIMAN_OPTIONS = (*HDF5_OPTIONS, "rois")
SUITE2P_OPTIONS = (*CAIMAN_OPTIONS, "neuropil")
NPY_OPTIONS = ("animal", "labels", "rate_hz", "same_name", "rows")
TABLE_OPTIONS = ("animal", "rate_hz", "same_name")
BEHAVIOR_OPTIONS = ("animal", "rate_hz", "resample")
USES = {
    "recordings": AcceptedOptions("recordings", OPTIONS),
    "behavior": AcceptedOptions("behaviour", BEHAVIOR_OPTIONS),
}
"""What a request may say for either; checked before a source is opened."""


def open_recordings(source: Any, options: Mapping[str, Any], failed: list[str] | None = None) -> list[Recording]:
    """Every animal of a source, checked.

    Args:
        source: an .nwb, HDF5 (whole brain, CaImAn), .npy, CSV, TSV, Parquet or Arrow file, the folder of a plane of
            suite2p, or a pandas, polars or pyarrow table.
        options: ``animal`` (its name), ``labels`` (CSV of identities, HDF5), ``traces`` (HDF5 data set), ``series``
            (NWB), ``rate_hz`` (where timestamps are missing or not those of the frames), ``resample`` (NWB: refuse,
            linear, mean: behaviour on another clock), ``same_name`` (refuse, best), ``rois`` (suite2p,
            CaImAn: cells, all), ``neuropil`` (suite2p), ``rows`` (.npy: frames, traces).
        failed: gets a word about each animal that cannot be read; without it, or where no animal can, the first
            fault is raised.

    Raises:
        ReadError, SchemaError: what was found and what to do.
    """
    settings = _known(options, OPTIONS, "recordings")
    if isinstance(source, str | Path) and Path(source).is_dir():
        opened = _suite2p(Path(source), settings)
    elif isinstance(source, str | Path):
        path = _file(source)
        with path.open("rb") as file:
            magic = file.read(8)
        if magic.startswith(NPY):
            opened = _npy(path, settings)
        elif magic == HDF5:
            opened = _hdf5(path, settings)
        elif path.suffix.lower() in (".nwb", ".h5", ".hdf5"):
            raise ReadError(f"{path}: not an HDF5 file, though its name says so")
        elif magic.startswith(b"\x80") or path.suffix.lower() in (".pkl", ".pickle"):
            raise ReadError(f"{path}: a pickle runs code when it is read, so it never is; export CSV, Parquet or HDF5")
        else:
            opened = _table(path, settings)
    else:
        opened = _table(source, settings)
    name = str(source) if isinstance(source, str | Path) else f"<{type(source).__name__}>"
    rule = str(settings.get("same_name", "refuse"))
    return _each([partial(_checked, make, name, rule) for make in opened], failed)


def open_behavior(
    source: Any, options: Mapping[str, Any], failed: list[str] | None = None
) -> list[tuple[str | None, Floats, dict[str, Floats]]]:
    """(animal or None, seconds, name -> values) of each animal of a table of behaviour; ``failed`` as there."""
    from ingest.recordings import tables

    settings = _known(options, BEHAVIOR_OPTIONS, "behavior")
    if isinstance(source, str | Path):
        path = _file(source)
        with path.open("rb") as file:
            if file.read(8) == HDF5:
                raise SchemaError(f"{path}: behaviour of an HDF5 or NWB file comes with its recording: --as recordings")
        source = path
    return _each([partial(_measured, make, source) for make in tables.behavior(source, settings)], failed)


def _checked(make: Callable[[], Recording], name: str, rule: str) -> Recording:
    return checked(make(), name, rule)


def _measured(
    make: Callable[[], tuple[str | None, Floats, dict[str, Floats]]], source: Any
) -> tuple[str | None, Floats, dict[str, Floats]]:
    animal, seconds, columns = make()
    for name, values in columns.items():
        if np.isnan(values).all():
            raise SchemaError(f"{source}: the behaviour {name!r} holds no number")
        refuse_infinite_behavior(name, values, str(source))
    return animal, seconds, columns


def _each(makers: Sequence[Callable[[], T]], failed: list[str] | None) -> list[T]:
    """What can be made; a fault of one animal is told and does not stop the others, unless there is no other."""
    made: list[T] = []
    faults: list[GraphlabError] = []
    for make in makers:
        try:
            made.append(make())
        except MissingExtraError:
            raise
        except GraphlabError as error:
            faults.append(error)
    if faults and (failed is None or not made):
        raise faults[0]
    if failed is not None:
        failed += [str(fault) for fault in faults]
    return made


def _hdf5(path: Path, options: dict[str, Any]) -> list[Callable[[], Recording]]:
    if path.suffix.lower() == ".nwb":
        from ingest.recordings import nwb

        _used(options, NWB_OPTIONS, f"{path}: NWB files")
        return [partial(nwb.read, path, options)]
    from ingest.recordings import caiman, whole_brain_hdf5

    if caiman.holds(path):
        _used(options, CAIMAN_OPTIONS, f"{path}: files of CaImAn")
        return [partial(caiman.read, path, options)]
    _used(options, HDF5_OPTIONS, f"{path}: recordings in HDF5")
    return [partial(whole_brain_hdf5.read, path, options)]


def _suite2p(folder: Path, options: dict[str, Any]) -> list[Callable[[], Recording]]:
    from ingest.recordings import suite2p

    _used(options, SUITE2P_OPTIONS, f"{folder}: folders of suite2p")
    return [partial(suite2p.read, folder, options)]


def _npy(path: Path, options: dict[str, Any]) -> list[Callable[[], Recording]]:
    from ingest.recordings import regions

    _used(options, NPY_OPTIONS, f"{path}: matrices of traces")
    return [partial(regions.read_npy, path, options)]


def files_of(folder: Path) -> list[Path]:
    """Files that are read of a folder; beside them programs keep movies and settings, which change."""
    from ingest.recordings import suite2p

    return [folder / name for name in suite2p.FILES if (folder / name).is_file()]


def _table(source: Any, options: dict[str, Any]) -> list[Callable[[], Recording]]:
    from ingest.recordings import tables

    _used(options, TABLE_OPTIONS, "tables of recordings")
    return tables.read(source, options)


def _used(options: Mapping[str, Any], used: tuple[str, ...], what: str) -> None:
    """Refuse an option that this kind of source would not look at."""
    for name in options:
        if name not in used:
            raise SchemaError(f"{what} do not use the option {name!r}; they take {', '.join(used)}. Leave it out")


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
