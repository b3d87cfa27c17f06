"""Which files of a folder are skeletons, and of which neuron each is: their names say it.

Tests: tests/ingest/skeletons/test_skeletons.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ingest.packed import bare_name
from ingest.schema.errors import SchemaError


def precomputed_files(folder: Path) -> dict[int, Path]:
    """root_id -> file of every skeleton of a folder, packed ones too, in order of root_id.

    Raises:
        SchemaError: one skeleton is there twice.
    """
    files = _files_by_id(item for item in folder.iterdir() if item.is_file() and bare_name(item.name).isdigit())
    return dict(sorted(files.items()))


def swc_files(folder: Path) -> dict[int, Path]:
    """root_id -> file of every SWC of a folder, packed and upper-case ones too, in order of their names.

    Raises:
        SchemaError: a name that is no root_id, or a neuron that is there twice.
    """
    return _files_by_id(item for item in folder.iterdir() if item.is_file() and is_swc(item))


def is_swc(path: Path) -> bool:
    """Whether a file is called like an SWC: ``5.swc``, ``5.SWC``, ``5.swc.gz``."""
    return bare_name(path.name).lower().endswith(".swc") and path.name[0] != "."


def root_id_of_file(path: Path) -> int | None:
    """The root_id that a file is named by, None where its name is no integer below 2^64."""
    stem = bare_name(path.name)
    stem = stem[:-4] if stem.lower().endswith(".swc") else stem
    return int(stem) if stem.isascii() and stem.isdigit() and int(stem) < 2**64 else None


def is_precomputed(folder: Path) -> bool:
    """Whether a folder holds Neuroglancer skeletons."""
    try:
        return bool(json.loads((folder / "info").read_text()).get("@type") == "neuroglancer_skeletons")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _files_by_id(files: Iterable[Path]) -> dict[int, Path]:
    by_id: dict[int, Path] = {}
    for path in sorted(files):
        root_id = root_id_of_file(path)
        if root_id is None:
            raise SchemaError(f"{path}: the name is no root_id (an integer from 0 to 2^64-1); rename or move the file")
        if root_id in by_id:
            both = f"{by_id[root_id].name} and {path.name}"
            raise SchemaError(f"{path.parent}: {both} are one skeleton; keep one of them")
        by_id[root_id] = path
    return by_id
