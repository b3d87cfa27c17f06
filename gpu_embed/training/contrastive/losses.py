"""NT-Xent over all processes, what Google adds to it, and what tells of a collapse.

Source: google-research/connectomics ``segclr/objective.py`` and ``segclr/tf2/objective.py``; Chen et al. 2020 (SimCLR);
Garrido et al. 2023 (RankMe) for the rank.

Tests: tests/gpu_embed/training/contrastive/test_oracle.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gpu_embed.training.workers import ALONE, Workers

LARGE = 1e9
"""Taken off the logit of a row with itself, as in the source: the number, not infinity."""
NORM_FLOOR = 1e-12
"""TensorFlow's: added by maximum to the squared norm."""


@dataclass(frozen=True)
class NtXent:
    """The loss of this process's rows, and what else is known of them.

    Args:
        loss: mean over this process's pairs of both directions' cross-entropies, added.
        hits: share of first halves whose own partner is the nearest of all second halves.
        false_negatives: share of negatives that are of the same neuron; 0 where nobody said whose rows are.
    """

    loss: Tensor
    hits: Tensor
    false_negatives: Tensor


def nt_xent(
    rows: Tensor,
    temperature: float = 0.1,
    *,
    workers: Workers = ALONE,
    normalised: bool = True,
    bodies: Tensor | None = None,
    masked: bool = False,
) -> NtXent:
    """Cross-entropy of finding a row's partner among the rows of all processes, its own left out.

    Args:
        rows: float [2 B, d]; row i and row B + i are partners.
        bodies: int64 [B], whose pair i is, to count negatives that are none.
        masked: leave those out of the loss; the source does not.
    """
    if normalised:
        rows = unit(rows)
    first, second = rows.chunk(2)
    all_first, all_second = workers.gathered(first), workers.gathered(second)
    count = len(first)
    own = torch.arange(count, device=rows.device) + workers.rank * count
    itself = F.one_hot(own, len(all_first)).to(rows.dtype)
    scale = 1.0 / temperature
    ab, ba = first @ all_second.T * scale, second @ all_first.T * scale
    aa, bb = (near @ far.T * scale - itself * LARGE for near, far in ((first, all_first), (second, all_second)))
    wrong = torch.zeros((), device=rows.device)
    if bodies is not None:
        same = (bodies[:, None] == workers.gathered(bodies)[None, :]) & (itself == 0)
        others = max(1, len(all_first) - 1)
        wrong = same.float().sum(dim=1).mean() / others
        if masked:
            ab, ba, aa, bb = (logits - same * LARGE for logits in (ab, ba, aa, bb))
    loss = F.cross_entropy(torch.cat([ab, aa], dim=1), own) + F.cross_entropy(torch.cat([ba, bb], dim=1), own)
    hits = (ab.detach().argmax(dim=1) == own).float().mean()
    return NtXent(loss, hits, wrong)


def unit(rows: Tensor) -> Tensor:
    """Rows of length 1, as TensorFlow's ``l2_normalize`` makes them."""
    return rows * torch.rsqrt(rows.square().sum(dim=-1, keepdim=True).clamp_min(NORM_FLOOR))


def correlation_penalty(rows: Tensor) -> Tensor:
    """Mean squared correlation between dimensions, less that of each with itself; of gathered, unit rows [n, d]."""
    scaled = rows / rows.std(dim=0, correction=0)
    mean = scaled.mean(dim=0, keepdim=True)
    correlation = scaled.T @ scaled / len(rows) - mean.T @ mean
    return correlation.square().mean() - 1.0 / rows.shape[1]


def entropy_penalty(rows: Tensor) -> Tensor:
    """Mean of p log p over the softmax of gathered, unit rows [n, d]: low where dimensions are used alike."""
    p = rows.softmax(dim=1)
    return (p * (p + 1e-8).log()).mean()


@torch.no_grad()
def effective_rank(embeddings: Tensor) -> Tensor:
    """exp of the entropy of the singular values of [n, d]: near 1 where all embeddings are one direction."""
    values = torch.linalg.svdvals(embeddings.float() - embeddings.float().mean(dim=0))
    total = values.sum()
    share = torch.where(total > 0, values / total.clamp_min(1e-30), 1.0 / len(values))
    return (-(share * share.clamp_min(1e-30).log()).sum()).exp() if total > 0 else torch.ones((), device=total.device)
