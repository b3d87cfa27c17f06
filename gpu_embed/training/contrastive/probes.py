"""How good embeddings are, asked of the embeddings alone: nearest neighbours, and pairs against matched pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gpu_embed.training.contrastive.network import ContrastiveNetwork
from ingest.schema.errors import AnalysisError

Vectors = npt.NDArray[np.float32]
AT_A_TIME = 32


@torch.no_grad()
def embeddings_of(encoder: nn.Module, crops: npt.NDArray[np.uint8]) -> Vectors:
    """Embeddings [n, d] of masked crops uint8 [n, S, S, S] by an encoder in evaluation mode."""
    device = next(encoder.parameters()).device
    parts = []
    for first in range(0, len(crops), AT_A_TIME):
        some = torch.from_numpy(crops[first : first + AT_A_TIME]).to(device)
        parts.append(encoder(some.unsqueeze(1).float() / 255).float().cpu().numpy())
    return np.concatenate(parts)


def knn_accuracy(vectors: Vectors, labels: npt.NDArray[np.int64], k: int = 5) -> float:
    """Share of crops whose label most of their ``k`` nearest others have (by cosine; ties go to the nearer sum).

    Raises:
        AnalysisError: vectors that are not finite; no more than k crops; one label only.
    """
    if not np.isfinite(vectors).all():
        raise AnalysisError(f"embedding {int(np.argmin(np.isfinite(vectors).all(axis=1)))} is not finite")
    if len(vectors) <= k or k < 1:
        raise AnalysisError(f"{len(vectors)} crops for {k} neighbours; wanted more crops than neighbours, 1 or more")
    kinds, codes = np.unique(labels, return_inverse=True)
    if len(kinds) < 2:
        raise AnalysisError("all crops have one label; a probe needs two or more")
    near = _cosines(vectors, vectors)
    np.fill_diagonal(near, -np.inf)
    first = np.argsort(-near, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(vectors), len(kinds)))
    rows = np.repeat(np.arange(len(vectors)), k)
    # A vote counts 1; likeness, below 1 in sum, breaks ties.
    np.add.at(votes, (rows, codes[first].ravel()), 1 + np.take_along_axis(near, first, 1).ravel() / (4 * k))
    return float((votes.argmax(axis=1) == codes).mean())


def win_rate(anchor: Vectors, positive: Vectors, negative: Vectors) -> float:
    """Share of triples whose positive is more like the anchor than the negative is (ties half): .5 is chance."""
    ab, ac = (np.sum(_units(anchor) * _units(other), axis=1) for other in (positive, negative))
    return float(((ab > ac) + 0.5 * (ab == ac)).mean())


@dataclass(frozen=True, eq=False)
class KnnProbe:
    """For the trainer: ``knn`` over labelled masked crops, and the spread of their embeddings.

    Raises:
        AnalysisError: see ``knn_accuracy``.
    """

    crops: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    k: int = 5

    def __call__(self, network: nn.Module, step: int) -> Mapping[str, float]:
        del step
        assert isinstance(network, ContrastiveNetwork)
        vectors = embeddings_of(network.encoder, self.crops)
        return {
            "knn": knn_accuracy(vectors, self.labels, self.k),
            "probe_std": float(_units(vectors).std(axis=0).mean()),
        }


def _units(vectors: Vectors) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    units: npt.NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return units


def _cosines(one: Vectors, other: Vectors) -> npt.NDArray[np.float64]:
    cosines: npt.NDArray[np.float64] = _units(one) @ _units(other).T
    return cosines
