"""The network that is trained and what is exported: the same embeddings, Google's names, back again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gpu_embed.checkpoints.safetensors import Checkpoint, load_checkpoint, save_checkpoint  # noqa: E402
from gpu_embed.embedding_model import EmbeddingModel  # noqa: E402
from gpu_embed.encoder.architectures import Architecture  # noqa: E402
from gpu_embed.encoder.phantoms import phantom_crops  # noqa: E402
from gpu_embed.encoder.variables import variables  # noqa: E402
from gpu_embed.training.contrastive.network import checkpoint_of, fresh_network, network_of  # noqa: E402
from gpu_embed.training.optimizers import spared_names  # noqa: E402
from ingest.schema.errors import SchemaError  # noqa: E402

THEIRS = np.load(Path(__file__).parents[3] / "data" / "segclr_training.npz")
SMALL = Architecture("small", crop=33, width=2, outputs=8)


def trained(renormalised: bool = True) -> tuple[Checkpoint, torch.Tensor, torch.Tensor]:
    network = fresh_network(SMALL, 3, projected=4, renormalised=renormalised)
    crops = torch.from_numpy(phantom_crops(33, 6, 1))
    for _ in range(3):
        network.train()(crops.unsqueeze(1).float() / 255)
    with torch.no_grad():
        embeddings, projected = network.eval()(crops.unsqueeze(1).float() / 255)
    return checkpoint_of(network, "small", (32, 32, 40)), embeddings, projected


@pytest.mark.parametrize("renormalised", [True, False])
def test_exported_it_embeds_the_same_and_goes_on(renormalised: bool, tmp_path: Path) -> None:
    checkpoint, embeddings, projected = trained(renormalised)
    save_checkpoint(tmp_path / "small.safetensors", checkpoint)
    model = EmbeddingModel(tmp_path / "small.safetensors", 6, engine="torch")
    np.testing.assert_allclose(model.process(phantom_crops(33, 6, 1)), embeddings, rtol=1e-4, atol=1e-5)
    again = network_of(load_checkpoint(tmp_path / "small.safetensors"), renormalised=renormalised).eval()
    with torch.no_grad():
        back = again(torch.from_numpy(phantom_crops(33, 6, 1)).unsqueeze(1).float() / 255)
    assert torch.equal(back[0], embeddings)
    assert torch.equal(back[1], projected)


def test_every_variable_of_googles_loader_is_written() -> None:
    checkpoint, _, _ = trained()
    names = {v.theirs for v in variables(SMALL)} | set(checkpoint.training)
    assert names == set(THEIRS["network/names"].tolist())
    plain, _, _ = trained(renormalised=False)
    assert set(plain.training) == set(checkpoint.training)


def test_lars_and_decay_leave_out_what_google_leaves_out() -> None:
    """All but the kernels of layers: every gamma, beta and bias, whoever's class of norm holds it."""
    network = fresh_network(SMALL, 0)
    kinds = {f"encoder.{v.ours}": v.kind for v in variables(SMALL)}
    wanted = {name for name, kind in kinds.items() if kind in ("gamma", "beta", "bias")}
    wanted |= {name for name, _ in network.named_parameters() if name.startswith("projection") and ".norm." in name}
    assert len(wanted) > 60
    assert set(spared_names(network)) == wanted


def test_another_head_is_refused() -> None:
    checkpoint, _, _ = trained()
    with pytest.raises(SchemaError, match="no projection head"):
        network_of(replace(checkpoint, training={}))
    name = "projection_head_0_0/nl_1/dense/kernel"
    with pytest.raises(SchemaError, match="of another width"):
        network_of(replace(checkpoint, training={**checkpoint.training, name: np.zeros((3, 3), np.float32)}))
    without = {key: value for key, value in checkpoint.training.items() if key != name}
    with pytest.raises(SchemaError, match="nl_1/dense/kernel is missing"):
        network_of(replace(checkpoint, training=without))
