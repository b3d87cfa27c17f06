"""Against what Google's own loop found (tests/data/ffn/google_loop.py), with a rule in the network's place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.loop.canvas import Canvas
from gpu_embed.ffn.loop.fields import HostFields
from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import Scene, seeds_of
from gpu_embed.ffn.loop.together import Job, run_together
from gpu_embed.ffn.settings import FfnSettings, Floats

SMALL = FfnArchitecture(depth=1, features=1, fov=(9, 11, 13), deltas=(2, 3, 3))
SETTINGS = FfnSettings(least_voxels=100)


class RuleEngine:
    """The rule of ``google_loop.py``."""

    name, batch = "rule", 1

    def logits(self, images: Floats, seeds: Floats) -> Floats:
        return (np.maximum(np.float32(0.5) * seeds, np.float32(-2)) + np.float32(4) * images).astype(np.float32)


def masks() -> tuple[np.ndarray, np.ndarray]:
    hidden, unseeded = np.zeros((2, 40, 48, 52), dtype=bool)
    hidden[:, 24:28, 20:40] = True
    unseeded[:20] = True
    return hidden, unseeded


def segmented(
    image: Floats, settings: FfnSettings, seeds: list[Zyx], restrictor: Restrictor | None = None
) -> tuple[Canvas, list[Zyx]]:
    moves: list[Zyx] = []
    fields = HostFields(SMALL, settings, RuleEngine())
    canvas = Canvas(fields, image, SMALL, settings, restrictor, probabilities=True, moved=moves.append)
    run_together([Job(lambda: (canvas, canvas.run(seeds)), lambda _: None)], fields, 1)
    return canvas, moves


STRICT = replace(SETTINGS, seed=0.99, move=0.97, segment=0.9, least_voxels=300)
CASES: dict[str, tuple[FfnSettings, bool]] = {
    "plain": (SETTINGS, False),
    "never-frozen": (replace(SETTINGS, freeze=-1), False),
    "strict": (STRICT, False),
    "masked": (SETTINGS, True),
    "grid": (SETTINGS, False),
}


@pytest.mark.parametrize("case", CASES)
def test_the_loop_finds_what_googles_finds(case: str, balls: Floats, google: dict[str, np.ndarray]) -> None:
    settings, masked = CASES[case]
    restrictor = Restrictor(*masks()) if masked else Restrictor()
    scene = Scene(balls, np.zeros(balls.shape, dtype=np.int32), restrictor)
    seeds = seeds_of("peaks", scene, SMALL.margin)
    if case == "grid":
        grids = [
            np.stack(np.meshgrid(*(np.arange(a, n, 9) for n in balls.shape), indexing="ij"), axis=-1).reshape(-1, 3)
            for a in (0, 8, 4, 12, 2, 10, 14)
        ]
        seeds = [(int(z), int(y), int(x)) for z, y, x in np.concatenate(grids)]
    canvas, moves = segmented(balls, settings, seeds, restrictor)
    np.testing.assert_array_equal(np.array(moves), google[f"{case}/moves"])
    np.testing.assert_array_equal(canvas.segmentation, google[f"{case}/segmentation"])
    np.testing.assert_array_equal(canvas.probability, google[f"{case}/probability"])
    np.testing.assert_array_equal([o.start for o in canvas.objects], google[f"{case}/starts"])
    np.testing.assert_array_equal([o.steps for o in canvas.objects], google[f"{case}/steps"])
    overlaps = [(o.label, label, voxels) for o in canvas.objects for label, voxels in o.overlaps]
    np.testing.assert_array_equal(np.array(overlaps).reshape(-1, 3), google[f"{case}/overlaps"])
    assert len(canvas.objects) > 2
    assert canvas.progress.steps == len(moves)
