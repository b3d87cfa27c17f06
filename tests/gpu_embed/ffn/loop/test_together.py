"""Sub-volumes whose steps are computed together find what each finds alone."""

from __future__ import annotations

import numpy as np
import pytest

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.engines.choose import open_ffn_engine
from gpu_embed.ffn.engines.protocol import FfnEngineOptions
from gpu_embed.ffn.loop.canvas import Canvas
from gpu_embed.ffn.loop.fields import HostFields
from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import Scene, seeds_of
from gpu_embed.ffn.loop.together import Job, run_together
from gpu_embed.ffn.settings import FfnSettings, Floats

Found = tuple[list[Zyx], np.ndarray]
SETTINGS = FfnSettings(least_voxels=20, move=0.7, segment=0.55, seed=0.9, pad=0.2)


@pytest.mark.parametrize("batch", [1, 3])
def test_moves_are_those_of_each_alone(
    batch: int, little: FfnArchitecture, growing: dict[str, Array], balls: Floats, two_bars: Floats
) -> None:
    engine = open_ffn_engine(little, growing, "torch", FfnEngineOptions(device="cpu", batch=batch))
    fields = HostFields(little, SETTINGS, engine)
    parts = [balls[:20], balls[20:], balls[:, :24], balls[:, 24:, 3:], two_bars]
    found: dict[int, Found] = {}
    rounds: list[int] = []

    def job(i: int, into: dict[int, Found]) -> Job:
        moves: list[Zyx] = []

        def begin() -> tuple[Canvas, object]:
            image = np.ascontiguousarray(parts[i])
            canvas = Canvas(fields, image, little, SETTINGS, moved=moves.append)
            seeds = seeds_of("peaks", Scene(image, canvas.segmentation, Restrictor()), little.margin)
            return canvas, canvas.run(seeds[:12])

        return Job(begin, lambda canvas: into.update({i: (moves, canvas.labels())}))  # type: ignore[arg-type]

    run_together([job(i, found) for i in range(len(parts))], fields, 3, rounds.append)
    assert sorted(found) == list(range(len(parts)))
    assert max(rounds) == 3
    assert sum(rounds) == sum(len(moves) for moves, _ in found.values())
    for i in range(len(parts)):
        alone: dict[int, Found] = {}
        run_together([job(i, alone)], fields, 1)
        assert alone[i][0] == found[i][0]
        np.testing.assert_array_equal(alone[i][1], found[i][1])
    assert max(len(moves) for moves, _ in found.values()) > 20
    assert sum(int(labels.max()) for _, labels in found.values()) >= 3
