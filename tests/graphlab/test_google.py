"""Google's names in one place: every one is there in both, and takes what theirs takes."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

from graphlab import google

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"
)
HOMES = {
    "bounding_box": "common",
    "box_generator": "common",
    "contrast": "volume.processor",
    "descriptor": "volume",
    "filters": "volume.processor",
    "metadata": "volume",
    "segmentation": "volume.processor",
    "subvolume": "volume",
    "subvolume_processor": "volume",
    "graph_utils": "common",
    "io_utils": "common",
    "labels": "segmentation",
    "rag": "segmentation",
    "union_find": "common",
}
"""Where each of their modules lies."""


JSON = {"to_dict", "to_json", "from_dict", "from_json", "schema"}
"""What dataclasses_json adds, with more arguments than anybody gives."""
OTHER: dict[str, set[str]] = {
    "MultiBoxGenerator": {"generate", "index_to_cropped_box", "tag_border_locations"},  # the number has another name
    "BoxGeneratorBase": {"index_to_cropped_box"},
}
"""Methods that are there under the same name and are compared elsewhere."""


def same_call(ours: Any, theirs: Any) -> None:
    """Every argument of theirs is one of ours, in its place, and is optional here where it is there."""
    wanted = list(inspect.signature(theirs).parameters.values())
    given = list(inspect.signature(ours).parameters.values())
    assert [a.name for a in given][: len(wanted)] == [a.name for a in wanted]
    for a, b in zip(given, wanted, strict=False):
        assert a.default == b.default or b.default is inspect.Parameter.empty
    assert all(extra.default is not inspect.Parameter.empty for extra in given[len(wanted) :])


def same_methods(ours: Any, theirs: Any, but: set[str]) -> None:
    for word, method in vars(theirs).items():
        if not word.startswith("_") and inspect.isfunction(method) and word not in {*but, *JSON}:
            same_call(getattr(ours, word), method)


@pytest.mark.parametrize("module", list(google.MODULES))
def test_functions_of_their_modules(module: str) -> None:
    pytest.importorskip("connectomics")
    theirs = importlib.import_module(f"connectomics.{HOMES[module]}.{module}")
    ours = getattr(google, module)
    for name in google.MODULES[module]:
        if inspect.isclass(getattr(theirs, name)):
            same_methods(getattr(ours, name), getattr(theirs, name), OTHER.get(name, set()))
        else:
            same_call(getattr(ours, name), getattr(theirs, name))


def test_readers_and_encoder() -> None:
    pytest.importorskip("connectomics")
    from connectomics.common.sharding import md5_shard
    from connectomics.segclr import reader

    same_call(google.EmbeddingReader, reader.EmbeddingReader)
    same_call(google.get_reader, reader.get_reader)
    assert google.DATA_URL_FROM_KEY_BYTEWIDTH64 == reader.DATA_URL_FROM_KEY_BYTEWIDTH64
    assert google.md5_shard(1, 10_000, bytewidth=64) == md5_shard(1, 10_000, bytewidth=64)
    # Their EmbeddingModel cannot be imported with current TensorFlow: its arguments, as published.
    assert list(inspect.signature(google.EmbeddingModel).parameters)[:3] == ["ckpt_path", "batch_size", "eager_load"]
    assert hasattr(google.EmbeddingModel, "process")


def test_names_are_listed_and_unknown_ones_are_told() -> None:
    assert set(dir(google)) == {*google.NAMES, *google.MODULES}
    for name in google.NAMES:
        assert getattr(google, name) is not None
    with pytest.raises(AttributeError, match="did you mean 'EmbeddingReader'"):
        _ = google.EmbedingReader
    with pytest.raises(ImportError):
        from graphlab.google import Nothing  # noqa: F401


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = "import graphlab.google, sys; assert not {'numba', 'torch', 'networkx', 'tensorstore'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
