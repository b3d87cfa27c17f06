"""A small made graph that predictors can learn from: twins, three types, places, measured responses; copied a test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
N = 40
IDS = np.arange(N, dtype=np.uint64) + np.uint64(864691135941359000)
CHEAP = ("random forest", "logistic regression")


@dataclass(frozen=True)
class Trainable:
    """A graph folder and what went into it."""

    path: Path
    neurons: pd.DataFrame
    responses: pa.Table
    pre: np.ndarray
    post: np.ndarray


def make_trainable(path: Path) -> Trainable:
    """Neurons 4 to 6 have no type and 7 is ``unk``; 60 % of pairs are measured, those within 50 um respond."""
    rng = np.random.default_rng(0)
    kind = np.repeat(rng.permutation(np.arange(N // 2) % 3), 2)
    rate = rng.random((3, 3)) * 0.5 + 0.2 * np.eye(3)
    pre, post = np.nonzero((rng.random((N, N)) < rate[kind][:, kind]) & ~np.eye(N, dtype=bool))
    types = np.array(["aa", "bb", "cc"])[kind].astype(object)
    types[[4, 5, 6, 7]] = [None, None, None, "unk"]
    place = rng.random((N, 3)) * 1e5
    neurons = pd.DataFrame(
        {
            "root_id": IDS, "name": [f"n{k}" for k in range(N)], "cell_type": types,
            "side": ["left", "right"] * (N // 2), "homologue": IDS[np.arange(N) ^ 1],
            **{f"{axis}_nm": place[:, k] for k, axis in enumerate("xyz")},
        }
    )  # fmt: skip
    a, b = np.nonzero(~np.eye(N, dtype=bool) & (rng.random((N, N)) < 0.6))
    near = np.linalg.norm(place[a] - place[b], axis=1) < 5e4
    responses = pa.table(
        {"pre_root_id": IDS[a], "post_root_id": IDS[b], "value": near.astype(float), "connected": near}
    )
    with Graph.create(path, materialization="1") as graph:
        graph.ingest(neurons, as_="neurons")
        wiring = {"pre_root_id": IDS[pre], "post_root_id": IDS[post], "weight": rng.integers(1, 9, len(pre))}
        graph.ingest(pd.DataFrame(wiring), as_="connections")
        graph.activity.correlate("response", source=responses)
    return Trainable(path, neurons, responses, pre, post)


@pytest.fixture(scope="session")
def made_trainable(tmp_path_factory: pytest.TempPathFactory) -> Trainable:
    """To be read only; tests that change a graph take ``trainable``."""
    return make_trainable(tmp_path_factory.mktemp("trainable") / "g")


@pytest.fixture
def trainable(made_trainable: Trainable, tmp_path: Path) -> Trainable:
    """A copy of one's own."""
    path = tmp_path / "g"
    shutil.copytree(made_trainable.path, path)
    return Trainable(path, made_trainable.neurons, made_trainable.responses, made_trainable.pre, made_trainable.post)


@pytest.fixture(scope="session")
def made_trained(made_trainable: Trainable, tmp_path_factory: pytest.TempPathFactory) -> Trainable:
    """With the models ``cell-type`` and ``functional``; to be read only."""
    pytest.importorskip("sklearn")
    pytest.importorskip("safetensors")
    path = tmp_path_factory.mktemp("trained") / "g"
    shutil.copytree(made_trainable.path, path)
    with Graph.open(path) as graph:
        graph.predict.train("cell-type", predictors=CHEAP, folds=2, bootstraps=20)
        graph.predict.train("functional", predictors=CHEAP, folds=2, bootstraps=20, homologues="homologue")
    return Trainable(path, made_trainable.neurons, made_trainable.responses, made_trainable.pre, made_trainable.post)


@pytest.fixture
def trained(made_trained: Trainable, tmp_path: Path) -> Trainable:
    """A copy of one's own, with both models."""
    path = tmp_path / "g"
    shutil.copytree(made_trained.path, path)
    return Trainable(path, made_trained.neurons, made_trained.responses, made_trained.pre, made_trained.post)


@pytest.fixture(scope="session")
def vectors_of() -> Callable[..., pa.Table]:
    """Embeddings of neurons by root_id, float32 [k, width]: two nodes a neuron, whose mean is the vector."""

    def table(root_ids: np.ndarray, vectors: np.ndarray) -> pa.Table:
        k, width = vectors.shape
        both = np.repeat(vectors, 2, axis=0) + np.tile([[0.25], [-0.25]], (k, 1))
        flat = pa.array(both.astype(np.float32).reshape(-1), pa.float32())
        zero = np.zeros(2 * k, dtype=np.float32)
        return pa.table(
            {
                "root_id": pa.array(np.repeat(root_ids, 2), pa.uint64()),
                "node_id": pa.array(np.tile([0, 1], k), pa.uint64()),
                "x_nm": zero, "y_nm": zero, "z_nm": zero,
                "vector": pa.FixedSizeListArray.from_arrays(flat, width),
            }
        )  # fmt: skip

    return table


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """Starts headless Chromium; skipped where the system has none, unless GRAPHLAB_NEED_CHROMIUM says it must."""
    if CHROMIUM is None:
        if os.environ.get("GRAPHLAB_NEED_CHROMIUM"):
            pytest.fail("GRAPHLAB_NEED_CHROMIUM is set and no chromium is installed")
        pytest.skip("no chromium is installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # a busy machine draws late
    running: list[Browser] = []
    with sync_playwright() as playwright:

        def start(*flags: str) -> Browser:
            running.append(playwright.chromium.launch(executable_path=CHROMIUM, args=list(flags)))
            return running[-1]

        yield start
        for one in running:
            one.close()
