"""On the CPU of any machine, bit for bit what the host's fields answer; on a GPU within what its arithmetic allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.engines.protocol import FfnEngineOptions
from gpu_embed.ffn.engines.pytorch import TorchFfnEngine
from gpu_embed.ffn.loop.canvas import Canvas, FoundObject
from gpu_embed.ffn.loop.device_fields import DeviceFields
from gpu_embed.ffn.loop.fields import Fields, HostFields
from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import Scene, seeds_of
from gpu_embed.ffn.loop.together import Job, run_together
from gpu_embed.ffn.settings import FfnSettings, Floats
from ingest.schema.errors import AnalysisError

SETTINGS = FfnSettings(least_voxels=20, move=0.7, segment=0.55, seed=0.9, pad=0.2)
Found = tuple[list[Zyx], list[FoundObject], np.ndarray, np.ndarray]


def segmented(fields: Fields, a: FfnArchitecture, settings: FfnSettings, parts: list[Floats]) -> list[Found]:
    found: dict[int, Found] = {}

    def job(i: int) -> Job:
        moves: list[Zyx] = []

        def begin() -> tuple[Canvas, object]:
            canvas = Canvas(fields, parts[i], a, settings, probabilities=True, moved=moves.append)
            seeds = seeds_of("peaks", Scene(parts[i], canvas.segmentation, Restrictor()), a.margin)
            return canvas, canvas.run(seeds)

        def finish(canvas: Canvas) -> None:
            assert canvas.probability is not None
            found[i] = moves, canvas.objects, canvas.segmentation, canvas.probability

        return Job(begin, finish)  # type: ignore[arg-type]

    run_together([job(i) for i in range(len(parts))], fields, 3)
    return [found[i] for i in range(len(parts))]


@pytest.mark.parametrize(("batch", "freeze"), [(1, -1.0), (2, 0.0)])
def test_answers_are_the_hosts(
    batch: int, freeze: float, little: FfnArchitecture, growing: dict[str, Array], balls: Floats, two_bars: Floats
) -> None:
    settings = replace(SETTINGS, freeze=freeze)
    engine = TorchFfnEngine(little, growing, FfnEngineOptions(device="cpu", batch=batch))
    parts = [np.ascontiguousarray(part) for part in (two_bars, two_bars[:, :16], balls[20:, 20:])]
    host = segmented(HostFields(little, settings, engine), little, settings, parts)
    device = segmented(DeviceFields(little, settings, engine), little, settings, parts)
    for ours, theirs in zip(device, host, strict=True):
        assert ours[:2] == theirs[:2]
        np.testing.assert_array_equal(ours[2], theirs[2])
        np.testing.assert_array_equal(ours[3], theirs[3])
    assert sum(len(found[1]) for found in host) >= 2
    assert sum(len(found[0]) for found in host) > 60


def test_logits_that_are_no_numbers(little: FfnArchitecture, growing: dict[str, Array], balls: Floats) -> None:
    broken = {**growing, "conv_lom.bias": np.array([np.inf], dtype=np.float32)}
    engine = TorchFfnEngine(little, broken, FfnEngineOptions(device="cpu"))
    for kind in (HostFields, DeviceFields):
        with pytest.raises(AnalysisError, match="logits are NaN or infinite"):
            segmented(kind(little, SETTINGS, engine), little, SETTINGS, [balls])


@pytest.mark.gpu
def test_on_a_gpu(little: FfnArchitecture, growing: dict[str, Array], balls: Floats) -> None:
    assert torch.cuda.is_available()
    host = TorchFfnEngine(little, growing, FfnEngineOptions(device="cpu"))
    gpu = TorchFfnEngine(little, growing, FfnEngineOptions(device="cuda", batch=2))
    (theirs,) = segmented(HostFields(little, SETTINGS, host), little, SETTINGS, [balls])
    (ours,) = segmented(DeviceFields(little, SETTINGS, gpu), little, SETTINGS, [balls])
    assert (ours[2] == theirs[2]).mean() > 0.999
