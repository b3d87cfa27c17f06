"""Space: nanometres inside, points XYZ, arrays ZYX; a resolution wherever voxels come in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import SchemaError


@dataclass(frozen=True, slots=True)
class Resolution:
    """Edge lengths of one voxel in nanometres, XYZ."""

    x_nm: float
    y_nm: float
    z_nm: float

    def __post_init__(self) -> None:
        for axis, value in zip("xyz", self.xyz, strict=True):
            if not (math.isfinite(value) and value > 0):
                raise SchemaError(f"resolution: {axis} is {value}; wanted a positive length in nm, like 4,4,40")

    @property
    def xyz(self) -> tuple[float, float, float]:
        return (self.x_nm, self.y_nm, self.z_nm)

    @classmethod
    def parse(cls, value: Any) -> Resolution:
        """From ``"4,4,40"``, a sequence of three numbers (XYZ, nm), or a Resolution.

        Raises:
            SchemaError: anything else.
        """
        if isinstance(value, Resolution):
            return value
        parts = value.split(",") if isinstance(value, str) else value
        try:
            x, y, z = (float(part) for part in parts)
        except (TypeError, ValueError):
            raise SchemaError(
                f"resolution: found {value!r}; wanted three numbers X,Y,Z in nm per voxel, like 4,4,40"
            ) from None
        return cls(x, y, z)

    def to_nm(self, voxels: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Points in voxels [n, 3] XYZ to nanometres [n, 3]."""
        points: npt.NDArray[np.float64] = np.asarray(voxels, dtype=np.float64) * np.array(self.xyz)
        return points

    def __str__(self) -> str:
        return ",".join(f"{value:g}" for value in self.xyz)
