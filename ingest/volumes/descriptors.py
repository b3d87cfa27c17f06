"""Google's JSON about volumes: BoundingBox, VolumeMetadata, VolumeDescriptor, read and written key for key.

Source: google-research/connectomics, ``common/bounding_box.py``, ``volume/metadata.py``, ``volume/descriptor.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ingest.schema.errors import ReadError, SchemaError, did_you_mean
from ingest.schema.space import Resolution

Number = int | float


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box, XYZ (any rank); the end is not part of it."""

    start: tuple[Number, ...]
    size: tuple[Number, ...]
    is_border_start: tuple[bool, ...] = ()
    is_border_end: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        rank = len(self.start)
        object.__setattr__(self, "is_border_start", self.is_border_start or (False,) * rank)
        object.__setattr__(self, "is_border_end", self.is_border_end or (False,) * rank)
        if {len(self.size), len(self.is_border_start), len(self.is_border_end)} != {rank} or not rank:
            raise SchemaError(f"box from {self.start} of size {self.size}: wanted as many numbers in each")

    @property
    def end(self) -> tuple[Number, ...]:
        return tuple(a + n for a, n in zip(self.start, self.size, strict=True))

    def to_json(self) -> dict[str, Any]:
        return {
            "start": list(self.start),
            "size": list(self.size),
            "is_border_start": list(self.is_border_start),
            "is_border_end": list(self.is_border_end),
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "bounding box") -> BoundingBox:
        checked = _object(document, where, ("start", "size"), ("is_border_start", "is_border_end"))
        return cls(
            _numbers(checked["start"], f"{where}: start"),
            _numbers(checked["size"], f"{where}: size"),
            tuple(bool(value) for value in checked.get("is_border_start") or ()),
            tuple(bool(value) for value in checked.get("is_border_end") or ()),
        )


@dataclass(frozen=True, slots=True)
class VolumeMetadata:
    """What Google writes beside a volume: sizes XYZ, voxels in nm."""

    path: str
    volume_size: tuple[int, int, int]
    pixel_size: Resolution
    bounding_boxes: tuple[BoundingBox, ...] = ()
    num_channels: int = 1
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "volume_size": list(self.volume_size),
            "pixel_size": list(self.pixel_size.xyz),
            "bounding_boxes": [box.to_json() for box in self.bounding_boxes],
            "num_channels": self.num_channels,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "volume metadata") -> VolumeMetadata:
        optional = ("bounding_boxes", "num_channels", "dtype")
        checked = _object(document, where, ("path", "volume_size", "pixel_size"), optional)
        size = _numbers(checked["volume_size"], f"{where}: volume_size")
        if len(size) != 3 or any(value != int(value) or value < 1 for value in size):
            raise SchemaError(f"{where}: volume_size is {size}; wanted three whole numbers, XYZ")
        try:
            dtype = np.dtype(str(checked.get("dtype", "uint8")))
        except TypeError:
            raise SchemaError(f"{where}: dtype {checked['dtype']!r} is not a numpy dtype") from None
        return cls(
            str(checked["path"]),
            (int(size[0]), int(size[1]), int(size[2])),
            Resolution.parse(_numbers(checked["pixel_size"], f"{where}: pixel_size")),
            _boxes(checked.get("bounding_boxes"), where),
            int(checked.get("num_channels", 1)),
            dtype,
        )


@dataclass(frozen=True, slots=True)
class VolumeDescriptor:
    """A TensorStore volume (CZYX) with its voxel size in nm and its boxes, and decorators, kept as they are."""

    spec: Mapping[str, Any]
    voxel_size: Resolution | None = None
    bounding_boxes: tuple[BoundingBox, ...] = ()
    decorator_specs: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        metadata = None
        if self.voxel_size is not None:
            boxes = [box.to_json() for box in self.bounding_boxes]
            metadata = {"voxel_size": list(self.voxel_size.xyz), "bounding_boxes": boxes}
        return {
            "decorator_specs": [dict(item) for item in self.decorator_specs],
            "tensorstore_config": {"spec": dict(self.spec), "metadata": metadata},
            "volinfo": None,
        }

    @classmethod
    def from_json(cls, document: Any, where: str = "volume descriptor") -> VolumeDescriptor:
        """Raises SchemaError for another document, an internal ``volinfo``, or a config given by path."""
        keys = ("decorator_specs", "tensorstore_config", "volinfo")
        checked = _object(document, where, (), keys)
        if checked.get("volinfo"):
            raise SchemaError(f"{where}: volinfo is Google's own, unpublished format; wanted tensorstore_config")
        config = _object(checked.get("tensorstore_config"), f"{where}: tensorstore_config", ("spec",), ("metadata",))
        if not isinstance(config["spec"], Mapping):
            raise SchemaError(f"{where}: spec is {type(config['spec']).__name__}; wanted TensorStore's JSON object")
        metadata = config.get("metadata")
        voxel_size: Resolution | None = None
        boxes: tuple[BoundingBox, ...] = ()
        if metadata is not None:
            about = _object(metadata, f"{where}: metadata", ("voxel_size",), ("bounding_boxes",))
            voxel_size = Resolution.parse(_numbers(about["voxel_size"], f"{where}: voxel_size"))
            boxes = _boxes(about.get("bounding_boxes"), where)
        return cls(config["spec"], voxel_size, boxes, tuple(checked.get("decorator_specs") or ()))


def read_json(path: Path) -> Any:
    """One JSON document; ReadError when it is missing or none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ReadError(f"{path} is no JSON: {error}") from None


def descriptor_source(path: Path) -> tuple[Mapping[str, Any], Resolution | None]:
    """TensorStore's JSON and the voxel size of a VolumeDescriptor or a TensorstoreConfig on disk.

    Raises:
        SchemaError: another document, or decorators (they compute, and are Google's code).
    """
    document = read_json(path)
    if isinstance(document, Mapping) and "spec" in document:
        document = {"tensorstore_config": document}
    descriptor = VolumeDescriptor.from_json(document, str(path))
    if descriptor.decorator_specs:
        raise SchemaError(f"{path} has decorators, which are not applied here; write the decorated volume out first")
    return descriptor.spec, descriptor.voxel_size


def _boxes(value: Any, where: str) -> tuple[BoundingBox, ...]:
    return tuple(BoundingBox.from_json(item, f"{where}: box {i}") for i, item in enumerate(value or ()))


def _numbers(value: Any, where: str) -> tuple[Number, ...]:
    items = [value[axis] for axis in "xyz"] if isinstance(value, Mapping) and set(value) == set("xyz") else value
    if not isinstance(items, list | tuple) or any(isinstance(i, bool) or not isinstance(i, Number) for i in items):
        raise SchemaError(f"{where}: found {value!r}; wanted a list of numbers, XYZ")
    return tuple(items)


def _object(document: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise SchemaError(f"{where}: found {type(document).__name__}; wanted a JSON object")
    missing = [key for key in needed if key not in document]
    if missing:
        raise SchemaError(f"{where} has no {missing[0]!r}; it has {', '.join(map(str, document)) or 'nothing'}")
    extra = [str(key) for key in document if key not in needed + optional]
    if extra:
        raise SchemaError(f"{where}: unknown key {extra[0]!r}{did_you_mean(extra[0], needed + optional)}")
    return document
