from __future__ import annotations

import hashlib

import numpy as np

from gpu_embed.encoder.phantoms import phantom_crops


def test_a_seed_gives_the_same_bytes() -> None:
    crops = phantom_crops(33, 2, 5)
    assert crops.dtype == np.uint8
    assert crops.shape == (2, 33, 33, 33)
    assert (
        hashlib.sha256(crops.tobytes()).hexdigest()
        == "97c0fee6cbb807dda94668c3e4ecc671b7f45605547c65180dd66a7d35456fbe"
    )


def test_crops_are_masked_and_cover_their_centre() -> None:
    for crop in phantom_crops(65, 4, 1):
        assert crop[32, 32, 32] > 0
        assert 0.05 < (crop > 0).mean() < 0.95
        assert len(np.unique(crop)) > 100
