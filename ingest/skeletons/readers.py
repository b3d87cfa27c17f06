"""Skeletons as rows, through one door: ``open_source``. One row a node, whole skeletons after one another."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.packed import LARGEST, unpacked
from ingest.reader import SKELETON_READERS, AcceptedOptions, Reading, ReadRequest, Sure, open_with
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.words import SKELETONS
from ingest.skeletons import objects
from ingest.skeletons.files import (
    is_precomputed,
    is_swc,
    precomputed_files,
    root_id_of_file,
    swc_files,
)
from ingest.skeletons.precomputed import read_precomputed
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.swc import parse_swc
from ingest.skeletons.units import label_words, labelled, unit_nm

__all__ = ["SKELETON_READERS", "open_source"]

SCHEMA = pa.schema([(column.name, column.type) for column in SKELETONS.columns])
ROWS_AT_A_TIME = 100_000
POINT_TYPES = (5, 6)
"""Structure types that some tools write for forks and ends."""
One = tuple[str, Callable[[], tuple[Skeleton, list[str | None] | None]]]
"""What a skeleton is called, and how to get it with the labels of its nodes, None where there are none."""


class SwcReader:
    """One SWC file, a folder of them, or a zip; neurons are named by the files."""

    uses = AcceptedOptions("SWC files, and folders and zips of them", ("units", "labels"), ("resolution",))

    def accepts(self, source: object) -> Sure:
        if not isinstance(source, str | Path):
            return Sure.NO
        path = Path(source)
        if path.is_dir():
            holds = not is_precomputed(path) and any(is_swc(item) for item in path.iterdir() if item.is_file())
            return Sure.NAME if holds else Sure.NO
        if path.suffix.lower() == ".zip" and path.is_file():
            return Sure.NAME if zipfile.is_zipfile(path) and _members(path) else Sure.NO
        return Sure.NAME if is_swc(path) and path.is_file() else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = Path(source)
        request.check(self.uses)
        unit, words = unit_nm(request, str(path)), label_words(request.options.get("labels"))
        found: list[tuple[int, str, Callable[[], bytes]]]
        if path.suffix.lower() == ".zip":
            found = [(i, f"{path}/{name}", partial(_member, path, name)) for i, name in _members(path).items()]
        else:
            files = swc_files(path) if path.is_dir() else {_id_of(path): path}
            found = [(i, str(file), partial(unpacked, file)) for i, file in files.items()]
        if not found:
            raise ReadError(f"{path} holds no .swc file")
        notes: list[str] = []
        seen = Counter[int]()

        def one(root_id: int, name: str, content: Callable[[], bytes]) -> tuple[Skeleton, list[str | None]]:
            skeleton = parse_swc(content(), name, unit, root_id)
            assert skeleton.types is not None
            seen.update(code for code in POINT_TYPES for _ in range(int((skeleton.types == code).sum())))
            return skeleton, labelled(skeleton.types, words, name)

        def end() -> None:
            own = [code for code in POINT_TYPES if seen[code] and words[code] is None]
            if own:
                told = " and ".join(f"{seen[code]:,} of type {code}" for code in own)
                notes.append(f"nodes {told} (fork and end points to many tools) are of unknown compartment")

        everyone: list[One] = [(item[1], partial(one, *item)) for item in found]
        return _reading(everyone, notes, end)


class PrecomputedReader:
    """A folder of Neuroglancer's skeletons; they say their place in nm, and have no compartments."""

    uses = AcceptedOptions("folders of precomputed skeletons")

    def accepts(self, source: object) -> Sure:
        is_one = isinstance(source, str | Path) and Path(source).is_dir() and is_precomputed(Path(source))
        return Sure.FORMAT if is_one else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        path = Path(source)
        request.check(self.uses)
        if not path.is_dir() or not is_precomputed(path):
            raise ReadError(f"{path} holds no precomputed skeletons (a folder with an info that says so)")
        files = precomputed_files(path)
        if not files:
            raise ReadError(f"{path} holds no skeleton")
        return _reading([(str(file), partial(_unlabelled, path, i, file)) for i, file in files.items()], [])


class ObjectReader:
    """Neurons of navis, one or several, or Skeletons of ours."""

    uses = AcceptedOptions("neurons of navis, Skeletons", ("units", "labels"), ("resolution",))

    def accepts(self, source: object) -> Sure:
        return Sure.NAME if objects.is_skeletons(source) else Sure.NO

    def read(self, source: Any, request: ReadRequest) -> Reading:
        request.check(self.uses)
        words = label_words(request.options.get("labels"))
        everyone: list[One] = [
            (objects.name_of(item), partial(objects.skeleton_of, item, request, words)) for item in objects.each(source)
        ]
        return _reading(everyone, [])


def _unlabelled(folder: Path, root_id: int, file: Path) -> tuple[Skeleton, None]:
    return read_precomputed(folder, root_id, file), None


def _id_of(path: Path) -> int:
    root_id = root_id_of_file(path)
    if not path.is_file():
        raise ReadError(f"{path} does not exist" if not path.exists() else f"{path} holds no .swc file")
    if root_id is None:
        raise SchemaError(f"{path}: the name is no root_id (an integer from 0 to 2^64-1); rename the file")
    return root_id


def _members(path: Path) -> dict[int, str]:
    """root_id -> name of every SWC of a zip, in order of their names.

    Raises:
        SchemaError: a name that is no root_id, or a neuron that is there twice. ReadError: no zip.
    """
    found: dict[int, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if is_swc(Path(name)) and "__MACOSX" not in name)
    except (zipfile.BadZipFile, OSError) as error:
        raise ReadError(f"{path} is no whole zip: {error}") from None
    for name in names:
        root_id = root_id_of_file(Path(name))
        if root_id is None:
            raise SchemaError(f"{path}: the name {name!r} is no root_id (an integer from 0 to 2^64-1); rename the file")
        if root_id in found:
            raise SchemaError(f"{path}: {found[root_id]} and {name} are one skeleton; keep one of them")
        found[root_id] = name
    return found


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            data = file.read(LARGEST + 1)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise ReadError(f"{path}/{name} does not unpack: {error}") from None
    if len(data) > LARGEST:
        raise ReadError(f"{path}/{name} unpacks to more than {LARGEST:,} bytes; it is not unpacked")
    return data


def _reading(everyone: list[One], notes: list[str], end: Callable[[], None] | None = None) -> Reading:
    return Reading(SCHEMA, _batches(everyone, notes, end), notes)


def _batches(everyone: list[One], notes: list[str], end: Callable[[], None] | None) -> Iterator[pa.RecordBatch]:
    waiting: list[pa.RecordBatch] = []
    rows = several = no_radius = 0
    example, met = "", set[int]()
    for name, make in everyone:
        skeleton, labels = make()
        if not len(skeleton):
            raise SchemaError(f"{name} holds no node")
        if skeleton.root_id in met:
            raise SchemaError(f"{name}: neuron {skeleton.root_id} is there twice; a neuron has one skeleton")
        met.add(skeleton.root_id)
        roots = int((skeleton.parents < 0).sum())
        if roots > 1:
            several += 1
            example = example or f"{skeleton.root_id} has {roots:,}"
        batch = _rows(skeleton, labels)
        no_radius += batch.column("radius_nm").null_count if skeleton.radii_nm is not None else 0
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_AT_A_TIME:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_batches(waiting)
    notes.append(f"{len(everyone):,} skeletons")
    if several:
        notes.append(f"{several:,} of them are in several pieces, each with a root of its own ({example}, for example)")
    if no_radius:
        notes.append(f"{no_radius:,} nodes of radius -1: it is unknown")
    if end is not None:
        end()


def _rows(skeleton: Skeleton, labels: list[str | None] | None) -> pa.RecordBatch:
    n = len(skeleton)
    at_root = skeleton.parents < 0
    radii = np.full(n, np.nan) if skeleton.radii_nm is None else skeleton.radii_nm
    columns = [
        pa.array(np.full(n, skeleton.root_id, dtype=np.uint64)),
        pa.array(skeleton.node_ids),
        pa.array(skeleton.node_ids[skeleton.parents], mask=at_root),
        *(pa.array(skeleton.points_nm[:, axis]) for axis in range(3)),
        pa.array(radii, mask=np.isnan(radii)),
        pa.nulls(n, pa.string()) if labels is None else pa.array(labels, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


SKELETON_READERS.register("swc", SwcReader())
SKELETON_READERS.register("precomputed", PrecomputedReader())
SKELETON_READERS.register("skeleton_objects", ObjectReader())


def open_source(source: object, request: ReadRequest) -> Reading:
    """Open a source of skeletons: SWC files, folders and zips, precomputed folders, neurons of navis.

    Raises:
        ReadError: nobody reads such a source; SchemaError and IdError for what is inside.
    """
    return open_with(SKELETON_READERS, source, request)
