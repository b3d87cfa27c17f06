"""Engines against each other on a made network, and against Google's graph on the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.encoder.variables import Array
from gpu_embed.ffn.architecture import FfnArchitecture, Zyx
from gpu_embed.ffn.checkpoint import FfnCheckpoint
from gpu_embed.ffn.engines import pytorch
from gpu_embed.ffn.engines.choose import open_ffn_engine
from gpu_embed.ffn.engines.cpu_flags import bf16_flags
from gpu_embed.ffn.engines.protocol import FFN_ENGINES, FfnEngine, FfnEngineOptions
from gpu_embed.ffn.loop.canvas import Canvas
from gpu_embed.ffn.loop.fields import HostFields
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError

Weights = Callable[[FfnArchitecture], dict[str, Array]]
CPU = FfnEngineOptions(device="cpu")
NAMES = ["torch", "openvino"]
BOUND = 1e-4


def made_engine(name: str, a: FfnArchitecture, weights_of: Weights, options: FfnEngineOptions = CPU) -> FfnEngine:
    return open_ffn_engine(a, weights_of(a), name, options)


@pytest.mark.parametrize("name", NAMES)
def test_engines_agree(
    name: str, made: FfnArchitecture, weights_of: Weights, fields_of_view: tuple[np.ndarray, np.ndarray]
) -> None:
    images, seeds = fields_of_view
    wanted = made_engine("torch", made, weights_of).logits(images, seeds)
    assert np.abs(wanted - seeds).max() > 0.3
    found = made_engine(name, made, weights_of).logits(images, seeds)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_computed_beside_it_changes_nothing(
    name: str, made: FfnArchitecture, weights_of: Weights, fields_of_view: tuple[np.ndarray, np.ndarray]
) -> None:
    images, seeds = fields_of_view
    for batch in (1, 3):
        engine = made_engine(name, made, weights_of, replace(CPU, batch=batch))
        together = engine.logits(images, seeds)
        alone = [engine.logits(images[i : i + 1], seeds[i : i + 1])[0] for i in range(len(images))]
        np.testing.assert_array_equal(together, np.stack(alone))


def test_layer_norms_are_torchs(made: FfnArchitecture, weights_of: Weights) -> None:
    normed = replace(made, layer_norm=True)
    with pytest.raises(AnalysisError, match="without layer norms; engine 'torch' has them"):
        made_engine("openvino", normed, weights_of)
    assert made_engine("auto", normed, weights_of).name == "torch"
    assert made_engine("auto", made, weights_of).name in FFN_ENGINES.names()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("torch", FfnEngineOptions(device="tpu"), "not on 'tpu'"),
        ("torch", FfnEngineOptions("tf32", "cpu"), "has no tf32"),
        ("openvino", FfnEngineOptions(device="cuda"), "not on 'cuda'; engine 'torch' does"),
        ("openvino", FfnEngineOptions("fp16", "cpu"), "has no fp16; it has fp32, bf16"),
    ],
)
def test_what_an_engine_cannot_do(
    name: str, options: FfnEngineOptions, said: str, made: FfnArchitecture, weights_of: Weights
) -> None:
    with pytest.raises(AnalysisError, match=said):
        made_engine(name, made, weights_of, options)


def test_bf16_where_the_cpu_has_it(
    made: FfnArchitecture, weights_of: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu = tmp_path / "cpuinfo"
    for line, flags in (
        ("flags\t\t: fpu avx512f amx_bf16 avx512_bf16 x", ("avx512_bf16", "amx_bf16")),
        ("Features\t: fp asimd bf16", ("bf16",)),
        ("flags\t\t: fpu avx2 notbf16", ()),
        ("model name: bf16", ()),
    ):
        cpu.write_text(f"processor\t: 0\n{line}\nbugs\t: none\n")
        assert bf16_flags(cpu) == flags
    assert bf16_flags(tmp_path / "none") == ()
    bf16 = FfnEngineOptions("bf16", "cpu")
    monkeypatch.setattr(pytorch, "bf16_flags", lambda: ("amx_bf16",))
    assert made_engine("torch", made, weights_of, bf16).flags == ("amx_bf16",)  # type: ignore[attr-defined]
    monkeypatch.setattr(pytorch, "bf16_flags", lambda: ())
    with pytest.raises(AnalysisError, match="this CPU names no bf16.*use fp32"):
        made_engine("torch", made, weights_of, bf16)


def test_options_that_mean_nothing(made: FfnArchitecture, weights_of: Weights) -> None:
    with pytest.raises(UnknownNameError, match="precision 'fp23'; did you mean 'fp32'"):
        FfnEngineOptions("fp23")
    with pytest.raises(SchemaError, match="batch of 0"):
        FfnEngineOptions(batch=0)
    with pytest.raises(UnknownNameError, match="FFN engine 'opnvino'; did you mean 'openvino'"):
        made_engine("opnvino", made, weights_of)


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_moves_are_those_of_the_published_graph(
    name: str, published: FfnCheckpoint, grey: np.ndarray, google_moves: dict[str, np.ndarray]
) -> None:
    """The first of them; all are compared in tests/benchmarks/test_ffn_bench.py."""
    moves, furthest = follow(name, published, grey, google_moves, steps=4)
    np.testing.assert_array_equal(moves, google_moves["moves"][:4])
    assert furthest < BOUND


def follow(
    name: str, published: FfnCheckpoint, grey: np.ndarray, google: dict[str, np.ndarray], steps: int
) -> tuple[list[Zyx], float]:
    """Moves from Google's first voxel, and the largest difference of the logits that were kept of each step."""
    a, settings = published.card.architecture, published.card.settings
    fields = HostFields(a, settings, open_ffn_engine(a, published.weights, name, CPU))
    canvas = Canvas(fields, settings.normalised(grey), a, settings)
    z, y, x = (int(n) for n in google["start"])
    run, answer, moves, furthest = canvas.follow((z, y, x)), None, [], 0.0
    while len(moves) < steps:
        step = next(run) if answer is None else run.send(answer)
        moves.append(step.centre)
        answer = fields.step([step])[0]
        low = [c - m for c, m in zip(step.centre, a.margin, strict=True)]
        box = fields.logits(step.slot, (low[0], low[1], low[2]), (low[0] + 33, low[1] + 33, low[2] + 33))
        kept = box.reshape(-1)[google["places"][len(moves) - 1]]
        furthest = max(furthest, float(np.abs(kept - google["logits"][len(moves) - 1]).max()))
    return moves, furthest
