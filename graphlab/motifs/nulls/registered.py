"""Every null model by its name: ours are entered here, others come by the entry point ``graphlab.null_models``."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from graphlab.motifs.nulls import analytic, swap_nulls, weight_shuffles
from graphlab.motifs.nulls.models import NULL_MODELS, WIRING, NullModel, NullOptions
from graphlab.motifs.nulls.triad_preserving import TriadNull
from ingest.schema.errors import UnknownNameError

for null in (*swap_nulls.NULLS, *analytic.NULLS, TriadNull(), *weight_shuffles.NULLS):
    NULL_MODELS.register(null.name, null)


def null_model(name: str) -> NullModel:
    """The null of wiring called ``name``; UnknownNameError lists what there is."""
    return _called(name, "null model", null_names, weights=False)


def null_names() -> list[str]:
    """Every null of wiring, in the order of the documentation."""
    return [name for name, null in NULL_MODELS if WIRING not in null.keeps]


def null_version(name: str) -> str:
    """What draws a null: this package's version, and the other package's where it comes from one."""
    return ", ".join(filter(None, (version("graphlab-connectome"), NULL_MODELS.origin(name))))


def null_sentence(model: NullModel, options: NullOptions) -> str:
    """The null in a sentence for a methods paragraph, and the package it comes from where that is another one."""
    origin = NULL_MODELS.origin(model.name)
    return model.sentence(options) + (f" The null comes from {origin}." if origin else "")


def weight_null(name: str) -> NullModel:
    """The null called ``name`` that keeps the wiring and moves weights; UnknownNameError lists what there is."""
    return _called(name, "weight null", weight_null_names, weights=True)


def weight_null_names() -> list[str]:
    """Every null that keeps the wiring."""
    return [name for name, null in NULL_MODELS if WIRING in null.keeps]


def _called(name: str, what: str, names: Callable[[], list[str]], weights: bool) -> NullModel:
    if name in NULL_MODELS.names():
        found = NULL_MODELS.get(name)
        if (WIRING in found.keeps) == weights:
            return found
    raise UnknownNameError(what, name, names())
