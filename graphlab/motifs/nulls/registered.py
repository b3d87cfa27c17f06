"""Every null of wiring by its name: ours are entered here, others come by the entry point ``graphlab.null_models``."""

from __future__ import annotations

from graphlab.motifs.nulls import analytic, models
from graphlab.motifs.nulls.models import NULL_MODELS, NullModel
from graphlab.motifs.nulls.triad_preserving import TriadNull

for null in (*models.NULLS, *analytic.NULLS, TriadNull()):
    NULL_MODELS.register(null.name, null)


def null_model(name: str) -> NullModel:
    """The null called ``name``; UnknownNameError lists what there is."""
    return NULL_MODELS.get(name)


def null_names() -> list[str]:
    """Every null of wiring, in the order of the documentation."""
    return NULL_MODELS.names()
