"""Without an optional library: one error that names it, and a pip command that would bring it."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ingest.schema.errors import MissingExtraError

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def engine(name: str) -> None:
    from gpu_embed.encoder.architectures import architecture
    from gpu_embed.encoder.variables import seeded_weights
    from gpu_embed.engines.choose import open_engine
    from gpu_embed.engines.protocol import EngineOptions

    tiny = architecture("tiny")
    open_engine(tiny, seeded_weights(tiny, 0), name, EngineOptions(device="cpu"))


def safetensors(place: Path) -> None:
    from gpu_embed.checkpoints.safetensors import load_checkpoint

    load_checkpoint(place / "model.safetensors")


def tensorflow(place: Path) -> None:
    from gpu_embed.checkpoints.tensorflow import read_tensorflow
    from gpu_embed.encoder.architectures import architecture

    for ending in (".index", ".data-00000-of-00001"):
        (place / f"model.ckpt-1{ending}").write_bytes(b"")
    read_tensorflow(place / "model.ckpt-1", architecture("tiny"))


def polars(place: Path) -> None:
    from queries.result import Result

    Result(pa.table({"x": [1]})).to_polars()


def deltalake(place: Path) -> None:
    from ingest.reader import ReadRequest
    from ingest.tables import open_source

    (place / "_delta_log").mkdir()
    open_source(place, ReadRequest("neurons"))


def live(address: str) -> None:
    from ingest.clients.address import parse_address
    from ingest.clients.fetching import open_table

    open_table(parse_address(address), "neurons")


def h5py(place: Path) -> None:
    from ingest.recordings.whole_brain_hdf5 import read

    read(place / "recording.h5", {})


def pynwb(place: Path) -> None:
    from ingest.recordings.nwb import read

    read(place / "session.nwb", {})


def mutual_information(place: Path) -> None:
    from graphlab.activity.behavior.mutual_information import _information

    _information(np.zeros((1, 9), np.float32), np.arange(9.0))


def partial_correlation(place: Path) -> None:
    from graphlab.activity.wiring.functional_connectivity import _partial

    _partial(np.zeros((2, 9), np.float32), np.zeros(9, np.int64), 1.0)


def walk_communities(place: Path) -> None:
    from graphlab.circuits.communities.infomap import infomap
    from queries.snapshot import Snapshot

    infomap(Snapshot.from_edges(np.array([1, 2], np.uint64), [0], [1], [1.0]), np.random.default_rng(0))


NEEDS: list[tuple[str, str, Callable[[Path], None]]] = [
    ("torch", "torch", lambda place: engine("torch")),
    ("onnx", "onnx", lambda place: engine("onnxruntime")),
    ("onnxruntime", "onnxruntime", lambda place: engine("onnxruntime")),
    ("openvino", "openvino", lambda place: engine("openvino")),
    ("safetensors", "safetensors", safetensors),
    ("tensorflow", "tensorflow", tensorflow),
    ("polars", "polars", polars),
    ("deltalake", "deltalake", deltalake),
    ("caveclient", "caveclient", lambda place: live("cave://minnie65_public/synapses?version=1300")),
    ("neuprint", "neuprint-python", lambda place: live("neuprint://neuprint.janelia.org/hemibrain:v1.2.1")),
    ("h5py", "h5py", h5py),
    ("pynwb", "pynwb", pynwb),
    ("sklearn", "scikit-learn", mutual_information),
    ("sklearn", "scikit-learn", partial_correlation),
    ("infomap", "infomap", walk_communities),
]


@pytest.mark.parametrize(("module", "package", "use"), NEEDS)
def test_a_missing_library_is_named_with_the_command_that_brings_it(
    module: str, package: str, use: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = [name for name in sys.modules if name.startswith(f"{module}.")]
    for name in (module, *loaded):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as error:
        use(tmp_path)
    assert package in str(error.value).lower()
    command = re.search(r"pip install 'graphlab-connectome\[(\w+)\]'$", str(error.value))
    assert command is not None
    wanted = PROJECT["optional-dependencies"][command[1]]
    assert package in {re.split(r"[^\w-]", requirement)[0] for requirement in wanted}


def test_all_brings_every_extra_but_the_developers() -> None:
    """And but ``cave``: with caveclient, pip would take pandas back to 2 for everything else; and but ``communities``,
    whose licence is the GPL, which nobody should get unasked."""
    extras = PROJECT["optional-dependencies"]
    (every,) = extras["all"]
    apart = {"all", "dev", "docs", "cave", "communities"}
    assert set(every.partition("[")[2].rstrip("]").split(",")) == set(extras) - apart
