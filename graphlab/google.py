"""Google's names for what we compute in their place: change the import, keep the call.

``from graphlab.google import EmbeddingReader, labels, rag`` stands where their packages were imported. What is the same
to the bit, what differs and how much faster it is: ``docs/google.md``. Nothing is loaded before it is asked for.

Tests: tests/graphlab/test_google.py.
"""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from ingest.schema.errors import did_you_mean

_LABELS = "ingest.volumes.labels."
_SETS = "ingest.volumes.equivalences."
_BOXES = "ingest.volumes.boxes."
_PROCESSING = "ingest.volumes.processing."
NAMES: dict[str, str] = {
    "BoundingBox": _BOXES + "bounding_box",
    "BoxGenerator": _BOXES + "box_generator",
    "Canvas": "gpu_embed.ffn.loop.canvas",
    "DATA_URL_FROM_KEY_BYTEWIDTH64": "ingest.segclr.embedding_reader",
    "EmbeddingModel": "gpu_embed.embedding_model",
    "EmbeddingReader": "ingest.segclr.embedding_reader",
    "MultiBoxGenerator": _BOXES + "box_generator",
    "Subvolume": _PROCESSING + "subvolume",
    "SubvolumeProcessor": _PROCESSING + "processor",
    "UnionFind": _SETS + "union_find",
    "VolumeDescriptor": "ingest.volumes.descriptors",
    "VolumeMetadata": "ingest.volumes.descriptors",
    "get_reader": "ingest.segclr.embedding_reader",
    "md5_shard": "ingest.segclr.sharding",
}
"""Class or function -> the module it lives in."""

MODULES: dict[str, dict[str, str]] = {
    "bounding_box": dict.fromkeys(
        [
            "BoundingBox",
            "BoundingBoxBase",
            "FloatBoundingBox",
            "containing",
            "from_json",
            "from_slices",
            "intersections",
        ],
        _BOXES + "bounding_box",
    ),
    "box_generator": dict.fromkeys(
        ["BoxGenerator", "BoxGeneratorBase", "MultiBoxGenerator", "from_json"], _BOXES + "box_generator"
    ),
    "contrast": dict.fromkeys(["CLAHE", "LCN", "PlaneProcessor"], _PROCESSING + "contrast"),
    "descriptor": {"VolumeDescriptor": "ingest.volumes.descriptors"},
    "filters": dict.fromkeys(["ApplyFilter", "HighPass"], _PROCESSING + "filters"),
    "graph_utils": {"biconnected_dfs": _LABELS + "internal_objects"},
    "io_utils": {
        "load_equivalences": _SETS + "equivalence_files",
        "load_object_list": _SETS + "equivalence_files",
        "load_relabel_map": _SETS + "equivalence_files",
    },
    "labels": {
        "are_equivalent": _LABELS + "relabeling",
        "create_boundary_mask_volume": _LABELS + "growth",
        "erode": _LABELS + "growth",
        "get_border_ids": _LABELS + "components",
        "make_contiguous": _LABELS + "relabeling",
        "merge_internal_objects": _LABELS + "internal_objects",
        "relabel": _LABELS + "relabeling",
        "split_disconnected_components": _LABELS + "components",
        "watershed_expand": _LABELS + "growth",
    },
    "metadata": {"VolumeMetadata": "ingest.volumes.descriptors"},
    "rag": {"from_subvolume": _LABELS + "adjacency"},
    "segmentation": dict.fromkeys(["FillHoles", "MergeInternalObjects"], _PROCESSING + "objects"),
    "subvolume": {"Subvolume": _PROCESSING + "subvolume"},
    "subvolume_processor": {
        "OutputNums": _PROCESSING + "processor",
        "ProcessVolumeConfig": _PROCESSING + "run",
        "SubvolumeProcessor": _PROCESSING + "processor",
        "SuggestedXyz": _PROCESSING + "processor",
        "get_processor": _PROCESSING + "run",
    },
    "union_find": {"UnionFind": _SETS + "union_find"},
}
"""Module of theirs -> its names and the modules they live in here."""

__all__ = [*NAMES, *MODULES]


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(import_module(NAMES[name]), name)
    if name in MODULES:
        return SimpleNamespace(**{word: getattr(import_module(home), word) for word, home in MODULES[name].items()})
    raise AttributeError(f"module 'graphlab.google' has no {name!r}{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
