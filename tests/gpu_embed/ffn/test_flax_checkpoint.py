"""Against what Google's JAX network answers, from files that flax wrote (tests/data/ffn/google_jax.py)."""

from __future__ import annotations

from pathlib import Path

import msgpack
import numpy as np
import pytest
import torch

from gpu_embed.ffn.architecture import FfnArchitecture
from gpu_embed.ffn.checkpoint import open_ffn, read_flax_ffn
from gpu_embed.ffn.flax_checkpoint import flax_file, read_flax, weights_from_flax
from gpu_embed.ffn.network import network_of
from gpu_embed.ffn.settings import PUBLISHED, FfnSettings, Published
from ingest.schema.errors import ReadError, SchemaError

STORED = Path(__file__).parents[2] / "data" / "ffn" / "google_jax.npz"
NORMED = FfnArchitecture(depth=3, features=3, fov=(5, 7, 9), deltas=(1, 1, 1), layer_norm=True)
PLAIN = FfnArchitecture(depth=3, features=3, fov=(5, 7, 9), deltas=(1, 1, 1))


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(STORED, allow_pickle=False) as kept:
        return dict(kept)


@pytest.fixture(params=["norms", "plain"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def files(stored: dict[str, np.ndarray], kind: str, tmp_path: Path) -> Path:
    for name in ("alone", "both"):
        (tmp_path / f"{name}.flax").write_bytes(stored[f"{kind}/{name}"].tobytes())
    return tmp_path


def architecture(kind: str) -> FfnArchitecture:
    return NORMED if kind == "norms" else PLAIN


def test_the_network_answers_what_googles_does(kind: str, files: Path, stored: dict[str, np.ndarray]) -> None:
    a = architecture(kind)
    weights, where, aside = weights_from_flax(read_flax(files / "alone.flax"), a, "x")
    assert (where, aside) == ("params", ("opt_state", "step"))
    with torch.inference_mode():
        fields = torch.from_numpy(stored["fields"]).movedim(-1, 1)
        found = network_of(a, weights)(fields)[:, 0].numpy()
    assert np.ptp(stored[f"{kind}/updates"]) > 0.2
    np.testing.assert_allclose(found, stored[f"{kind}/updates"], rtol=0, atol=5e-5)


def test_one_of_several_is_named(kind: str, files: Path) -> None:
    a, tree = architecture(kind), read_flax(files / "both.flax")
    with pytest.raises(SchemaError, match=r"several sets of weights; name one: x:params, x:ema_params"):
        weights_from_flax(tree, a, "x")
    params, _, _ = weights_from_flax(tree, a, "x", "params")
    means, where, aside = weights_from_flax(tree, a, "x", "ema_params")  # bfloat16
    assert (where, aside) == ("ema_params", ("opt_state", "params", "step"))
    for name, value in params.items():
        np.testing.assert_allclose(means[name], value * 2, rtol=2**-8)
    with pytest.raises(SchemaError, match=r"no part 'ema_param'; did you mean 'ema_params'"):
        weights_from_flax(tree, a, "x", "ema_param")


def test_networks_that_are_not_the_settings(kind: str, files: Path) -> None:
    tree = read_flax(files / "alone.flax")
    other = PLAIN if kind == "norms" else NORMED
    with pytest.raises(SchemaError, match="do not fit a network of depth 3"):
        weights_from_flax(tree, other, "x")
    with pytest.raises(SchemaError, match="do not fit a network of depth 21.*They are of depth 3"):
        read_flax_ffn(files / "alone.flax", "liconn")
    layer = next(name for name in tree["params"] if name.endswith("pre_b"))
    for value, said in (
        (np.full_like(tree["params"][layer]["bias"], np.nan), "conv0_b.bias: 3 of 3 numbers are NaN"),
        (tree["params"][layer]["bias"].astype(np.float64), "pre_b/bias is float64, wanted one of float32"),
        (3.0, "pre_b/bias is float, wanted"),
    ):
        changed = {**tree["params"], layer: {**tree["params"][layer], "bias": value}}
        with pytest.raises(SchemaError, match=said):
            weights_from_flax({"params": changed}, architecture(kind), "x")
    with pytest.raises(SchemaError, match="no weights of Google's JAX network"):
        weights_from_flax({"opt_state": tree["params"], "x": [1]}, architecture(kind), "x")


def test_files_by_name(kind: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert flax_file(files / "alone") == (files / "alone.flax", None)
    assert flax_file(f"{files}/both.flax:ema_params") == (files / "both.flax", "ema_params")
    assert flax_file(files / "neither") is None
    made = Published(architecture(kind), FfnSettings(), (9.0, 9.0, 20.0), ("made",))
    monkeypatch.setitem(PUBLISHED._ours, "made", lambda: made)
    found = open_ffn(f"{files}/both:ema_params", "made")
    assert found.card.source == "both.flax:ema_params"
    assert found.card.architecture == architecture(kind)
    assert len(found.card.source_sha256) == 64
    with pytest.raises(SchemaError, match="does not say its field of view.*name settings: fib25, liconn"):
        open_ffn(files / "alone.flax")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\xc1", b"\x91" * 5000, msgpack.packb(msgpack.ExtType(9, b"x")),
        msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb(([2], "float32", b"123")))}),
        msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb(([1], "object", b"12345678")))}),
        msgpack.packb({"__msgpack_chunked_array__": True}),
    ],
)  # fmt: skip
def test_files_that_are_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.flax").write_bytes(content)
    with pytest.raises(ReadError, match=r"x.flax is no msgpack file of flax"):
        read_flax(tmp_path / "x.flax")


def test_orbax_is_named(tmp_path: Path) -> None:
    (tmp_path / "_CHECKPOINT_METADATA").write_text("{}")
    with pytest.raises(ReadError, match="is a checkpoint of orbax, which is not read here"):
        open_ffn(tmp_path, "liconn")
