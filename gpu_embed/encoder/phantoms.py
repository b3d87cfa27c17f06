"""Made-up crops: grey texture under a neurite-shaped mask. Never for science."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GRAIN = 4


def phantom_crops(side: int, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Masked crops, uint8 [count, side, side, side], each another tube through the middle; zero outside of it.

    Raw words of PCG64 and whole numbers only, so that a seed gives the same bytes everywhere.
    """
    bits = np.random.PCG64(seed)
    middle = side // 2
    crops = np.empty((count, side, side, side), dtype=np.uint8)
    for crop in crops:
        coarse = -(-side // GRAIN)
        texture = _bytes(bits, coarse**3).reshape((coarse,) * 3) >> 1
        for axis in range(3):
            texture = np.repeat(texture, GRAIN, axis=axis)
        grey = texture[:side, :side, :side] + (_bytes(bits, side**3).reshape((side,) * 3) >> 2) + np.uint8(32)
        tilt = _bytes(bits, 4).astype(np.int64) - 128
        radius = middle * (64 + abs(int(tilt[3]))) // 320 + 2
        z, y, x = np.ogrid[:side, :side, :side]
        along = z - middle
        apart = (y - middle - along * tilt[0] // 160) ** 2 + (x - middle - along * tilt[1] // 160) ** 2
        bouton = (y - middle) ** 2 + (x - middle) ** 2 + (along - middle * tilt[2] // 160) ** 2
        crop[:] = np.where((apart < radius**2) | (bouton < (2 * radius) ** 2), grey, 0)
    return crops


def _bytes(bits: np.random.PCG64, count: int) -> npt.NDArray[np.uint8]:
    return bits.random_raw(-(-count // 8)).astype("<u8").view(np.uint8)[:count]
