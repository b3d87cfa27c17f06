"""Google's JSON about volumes: VolumeMetadata and VolumeDescriptor, read and written key for key.

Source: google-research/connectomics, ``volume/metadata.py``, ``volume/descriptor.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.boxes.bounding_box import BoundingBoxBase, boxes_of
from ingest.volumes.boxes.documents import numbers, only_keys


@dataclass(frozen=True, slots=True)
class VolumeMetadata:
    """What Google writes beside a volume: sizes XYZ, voxels in nm."""

    path: str
    volume_size: tuple[int, int, int]
    pixel_size: Resolution
    bounding_boxes: tuple[BoundingBoxBase, ...] = ()
    num_channels: int = 1
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.uint8))

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "volume_size": list(self.volume_size),
            "pixel_size": list(self.pixel_size.xyz),
            "bounding_boxes": [box.to_dict() for box in self.bounding_boxes],
            "num_channels": self.num_channels,
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_dict(cls, document: Any, where: str = "volume metadata") -> VolumeMetadata:
        optional = ("bounding_boxes", "num_channels", "dtype")
        checked = only_keys(document, where, ("path", "volume_size", "pixel_size"), optional)
        size = numbers(checked["volume_size"], f"{where}: volume_size")
        if len(size) != 3 or any(value != int(value) or value < 1 for value in size):
            raise SchemaError(f"{where}: volume_size is {size}; wanted three whole numbers, XYZ")
        try:
            dtype = np.dtype(str(checked.get("dtype", "uint8")))
        except TypeError:
            raise SchemaError(f"{where}: dtype {checked['dtype']!r} is not a numpy dtype") from None
        return cls(
            str(checked["path"]),
            (int(size[0]), int(size[1]), int(size[2])),
            Resolution.parse(numbers(checked["pixel_size"], f"{where}: pixel_size")),
            boxes_of(checked.get("bounding_boxes"), where),
            int(checked.get("num_channels", 1)),
            dtype,
        )

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> VolumeMetadata:
        return cls.from_dict(json.loads(text))

    def scale(self, scale_factors: float | Sequence[float], new_path: str | None = None) -> VolumeMetadata:
        """As of the volume with so many times the voxels on each axis, XYZ; channels and type stay.

        Raises:
            SchemaError: not one number or three above 0.
        """
        factors = (scale_factors,) * 3 if isinstance(scale_factors, int | float) else tuple(scale_factors)
        if len(factors) != 3 or not all(factor > 0 for factor in factors):
            raise SchemaError(f"scale_factors is {scale_factors}; wanted one number above 0, or three, XYZ")
        x, y, z = (int(side * factor) for side, factor in zip(self.volume_size, factors, strict=True))
        sizes = [nm / factor for nm, factor in zip(self.pixel_size.xyz, factors, strict=True)]
        boxes = tuple(box.scale(factors) for box in self.bounding_boxes)
        path = self.path if new_path is None else str(new_path)
        return VolumeMetadata(path, (x, y, z), Resolution.parse(sizes), boxes, self.num_channels, self.dtype)

    def scale_xy(self, factor: float, new_path: str | None = None) -> VolumeMetadata:
        return self.scale((factor, factor, 1.0), new_path)


@dataclass(frozen=True, slots=True)
class VolumeDescriptor:
    """A TensorStore volume (CZYX) with its voxel size in nm and its boxes, and decorators, kept as they are."""

    spec: Mapping[str, Any]
    voxel_size: Resolution | None = None
    bounding_boxes: tuple[BoundingBoxBase, ...] = ()
    decorator_specs: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        metadata = None
        if self.voxel_size is not None:
            boxes = [box.to_dict() for box in self.bounding_boxes]
            metadata = {"voxel_size": list(self.voxel_size.xyz), "bounding_boxes": boxes}
        return {
            "decorator_specs": [dict(item) for item in self.decorator_specs],
            "tensorstore_config": {"spec": dict(self.spec), "metadata": metadata},
            "volinfo": None,
        }

    @classmethod
    def from_dict(cls, document: Any, where: str = "volume descriptor") -> VolumeDescriptor:
        """Raises SchemaError for another document, an internal ``volinfo``, or a config given by path."""
        keys = ("decorator_specs", "tensorstore_config", "volinfo")
        checked = only_keys(document, where, (), keys)
        if checked.get("volinfo"):
            raise SchemaError(f"{where}: volinfo is Google's own, unpublished format; wanted tensorstore_config")
        config = only_keys(checked.get("tensorstore_config"), f"{where}: tensorstore_config", ("spec",), ("metadata",))
        if not isinstance(config["spec"], Mapping):
            raise SchemaError(f"{where}: spec is {type(config['spec']).__name__}; wanted TensorStore's JSON object")
        metadata = config.get("metadata")
        voxel_size: Resolution | None = None
        boxes: tuple[BoundingBoxBase, ...] = ()
        if metadata is not None:
            about = only_keys(metadata, f"{where}: metadata", ("voxel_size",), ("bounding_boxes",))
            voxel_size = Resolution.parse(numbers(about["voxel_size"], f"{where}: voxel_size"))
            boxes = boxes_of(about.get("bounding_boxes"), where)
        return cls(config["spec"], voxel_size, boxes, tuple(checked.get("decorator_specs") or ()))

    def to_json(self, indent: int | None = None) -> str:
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_json(cls, text: str) -> VolumeDescriptor:
        return cls.from_dict(json.loads(text))


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
    descriptor = VolumeDescriptor.from_dict(document, str(path))
    if descriptor.decorator_specs:
        raise SchemaError(f"{path} has decorators, which are not applied here; write the decorated volume out first")
    return descriptor.spec, descriptor.voxel_size
