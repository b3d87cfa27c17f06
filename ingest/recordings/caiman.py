"""HDF5 files that CaImAn saves: in ``estimates`` C, F_dff, S [components, frames] and idx_components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.hdf5_links import DAMAGE, LinkedFile, damaged, whole
from ingest.recordings.recording import RATE, Recording
from ingest.recordings.regions import numbers, recording_of
from ingest.schema.errors import SchemaError, did_you_mean

GROUP = "estimates"
DEFAULT = ("F_dff", "C")
"""Change of light over its baseline, where it was computed; else the traces without noise."""
UNSAID_HZ = 30.0
"""What CaImAn writes where nobody said how many frames there are a second."""


def holds(path: Path) -> bool:
    """Whether an HDF5 file is one of CaImAn's."""
    try:
        with LinkedFile(path, "activity") as file:
            return hasattr(file.find(GROUP), "keys")
    except DAMAGE as error:
        raise damaged(path, error) from None


def read(path: Path, options: dict[str, Any]) -> Recording:
    """The one animal of a file, in memory.

    Args:
        options: ``rate_hz`` (needed where the file says CaImAn's own 30), ``animal``, ``labels``, ``rois`` (cells:
            components that CaImAn accepted; all), ``traces`` (F_dff, C, S, YrA).

    Raises:
        ReadError, SchemaError: damaged, no such traces, components that do not fit.
    """
    try:
        with LinkedFile(path, "activity") as file:
            return _read(file, path, options)
    except DAMAGE as error:
        raise damaged(path, error) from None


def _read(file: LinkedFile, path: Path, options: dict[str, Any]) -> Recording:
    group = file.find(GROUP)
    there = [name for name in sorted(group) if _is_matrix(file.find(name, group))]
    wanted = options.get("traces") or next((name for name in DEFAULT if name in there), None)
    if wanted is None or wanted not in there:
        raise SchemaError(f"{path}: estimates has no traces {wanted or DEFAULT[1]!r}{did_you_mean(str(wanted), there)}")
    notes = [f"traces estimates/{wanted}"]
    values = numbers(np.asarray(whole(file.find(str(wanted), group))), path)
    main = file.find("C", group)
    if _is_matrix(main) and main.shape != values.shape:
        raise SchemaError(f"{path}: estimates/{wanted} has the shape {values.shape}, estimates/C {main.shape}")
    accepted = _accepted(file.find("idx_components", group), path, values.shape[0])
    settings = {**options, "rate_hz": _rate(file, path, options, notes)}
    animal = str(options.get("animal") or path.stem)
    return recording_of(path, animal, values.shape, lambda at: values[at], accepted, settings, notes)


def _is_matrix(data: Any) -> bool:
    return getattr(data, "ndim", 0) == 2 and data.dtype.kind in "iuf"


def _accepted(data: Any, path: Path, components: int) -> npt.NDArray[np.bool_] | None:
    """Components that CaImAn accepted; None where it was not asked (it writes a text then)."""
    if getattr(data, "ndim", None) != 1 or data.dtype.kind not in "iu":
        return None
    numbers_of = np.asarray(whole(data))
    if numbers_of.size and not 0 <= int(numbers_of.min()) <= int(numbers_of.max()) < components:
        raise SchemaError(f"{path}: estimates/idx_components names a component that none of {components:,} is")
    accepted = np.zeros(components, bool)
    accepted[numbers_of] = True
    return accepted


def _rate(file: LinkedFile, path: Path, options: dict[str, Any], notes: list[str]) -> Any:
    """Frames a second: what the caller says, else what the file says, unless nobody had said it there."""
    data = file.find("params/data/fr")
    fits = getattr(data, "shape", None) in ((), (1,)) and data.dtype.kind in "iuf"
    own = float(np.asarray(whole(data)).ravel()[0]) if fits else None
    stated = options.get("rate_hz")
    if stated is None and own == UNSAID_HZ:
        raise SchemaError(
            f"{path}: params/data/fr is 30, which CaImAn writes where nobody said how many frames there are a second; "
            "say --option rate_hz=FRAMES_PER_SECOND"
        )
    if stated is None and own is not None:
        notes.append(f"{own:g} frames a second, as params/data/fr says")
        return own
    try:
        differs = own is not None and abs(float(stated or 0) / own - 1) > RATE
    except (TypeError, ValueError, ZeroDivisionError):
        return stated  # refused where times are made
    if differs:
        notes.append(f"params/data/fr says {own:g} frames a second; read with {stated}, as asked")
    return stated
