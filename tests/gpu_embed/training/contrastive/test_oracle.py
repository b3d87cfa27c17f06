"""Ours against Google's own code, run once: tests/data/make_segclr_training.py says which commit and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard  # noqa: E402
from gpu_embed.encoder.architectures import SEGCLR  # noqa: E402
from gpu_embed.encoder.variables import seeded_value, variables  # noqa: E402
from gpu_embed.training.contrastive import augment, losses  # noqa: E402
from gpu_embed.training.contrastive.network import checkpoint_of, network_of  # noqa: E402
from gpu_embed.training.optimizers import OptimizerSettings  # noqa: E402
from gpu_embed.training.schedules import SCHEDULES  # noqa: E402

THEIRS = np.load(Path(__file__).parents[3] / "data" / "segclr_training.npz")
SEED = 20220819


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("normalised", [True, False])
def test_losses(temperature: float, normalised: bool) -> None:
    key = f"loss/{temperature}/{normalised}"
    rows = torch.from_numpy(THEIRS["loss/hidden"]).requires_grad_()
    found = losses.nt_xent(rows, temperature, normalised=normalised)
    found.loss.backward()
    gathered = losses.unit(rows.detach()) if normalised else rows.detach()
    ours = [found.loss.item(), losses.correlation_penalty(gathered).item(), losses.entropy_penalty(gathered).item()]
    for source in ("tf1", "tf2"):
        np.testing.assert_allclose(ours, THEIRS[f"{key}/{source}"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(rows.grad, THEIRS[f"{key}/gradient"], rtol=1e-5, atol=1e-5)


def test_grey_values() -> None:
    contrast, brightness, gamma = torch.from_numpy(THEIRS["augment/grey draws"]).float().T
    em = torch.from_numpy(THEIRS["augment/pair"][0]).expand(len(gamma), -1, -1, -1, -1, -1)[:, 0]
    ours = augment.grey(em, 1 + contrast, brightness, 2**gamma)
    np.testing.assert_allclose(ours, THEIRS["augment/grey"][:, 0], atol=1e-5)
    numbers = augment.grey_numbers(torch.tensor([[0.0, 0.5, 1.0]]))
    assert [float(number) for number in numbers] == [0.75, 0.0, 2.0]


def test_flips_and_orders_of_axes() -> None:
    """Google's arrays are [1, x, y, z, 1], ours [z, y, x]; theirs flip x and y, never z."""
    pair, published = THEIRS["augment/pair"], augment.AUGMENTATIONS.get("published")
    ours = torch.from_numpy(pair[:, 0, :, :, :, 0]).permute(0, 3, 2, 1)
    orders = set()
    for seed in range(8):
        draws = np.random.RandomState(seed)
        for i in range(2):
            _, x, y = draws.rand(3)
            flipped = ours[i].flip(augment.flips(np.array([0.9, y, x], dtype=np.float32), published))
            np.testing.assert_array_equal(flipped.permute(2, 1, 0), THEIRS["augment/flips"][seed, i, 0, ..., 0])
        draws = np.random.RandomState(seed)
        for i in range(2):
            axes = np.arange(3)
            for turn in np.argsort(draws.rand(5, 3), axis=1):
                axes = axes[turn]
            orders.add(tuple(axes.tolist()))
            # Some three numbers give ours this order; the five of the source are one.
            wanted = [2 - axis for axis in axes[::-1]]
            turned = ours[i].permute(augment.order(np.argsort(wanted).astype(np.float32), (1, 1, 2), published))
            np.testing.assert_array_equal(turned.permute(2, 1, 0), THEIRS["augment/turns"][seed, i, 0, ..., 0])
    assert len(orders) >= 4


class _Replayed:
    """Hands out what NumPy's old generator handed to Google's code."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.RandomState(seed)

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._draws.rand(*shape)


def test_shifts() -> None:
    for seed in range(8):
        ours = augment.shifts(_Replayed(seed), 2, 20)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours, THEIRS["augment/shifts"][seed], rtol=1e-12)


@pytest.mark.parametrize(("number", "momentum", "decay"), [(0, 0.9, 1e-2), (1, 1e-4, 0.9)])
def test_lars(number: int, momentum: float, decay: float) -> None:
    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            conv, bias, gamma, zero = np.split(THEIRS["lars/start"], [12, 16, 20])
            self.conv = nn.Linear(4, 3)
            self.conv.weight = nn.Parameter(torch.tensor(conv).view(3, 4))
            self.conv.bias = nn.Parameter(torch.tensor(bias))
            self.norm = nn.BatchNorm1d(4)
            self.norm.weight = nn.Parameter(torch.tensor(gamma))
            self.norm.bias.requires_grad_(False)
            self.zero = nn.Linear(2, 2, bias=False)
            self.zero.weight = nn.Parameter(torch.tensor(zero).view(2, 2))

    network = Layers()
    optimizer = OptimizerSettings("lars", 0.5, momentum, decay).make(network)
    tensors = [network.conv.weight, network.conv.bias, network.norm.weight, network.zero.weight]
    for at, flat in enumerate(THEIRS["lars/gradients"]):
        for tensor, part in zip(tensors, np.split(flat, [12, 16, 20]), strict=True):
            tensor.grad = torch.tensor(part).view_as(tensor)
        for group in optimizer.param_groups:
            group["lr"] = 0.5 / (at + 1)
        optimizer.step()
        ours = np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])
        np.testing.assert_allclose(ours, THEIRS[f"lars/{number}"][at], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("warmup", [0, 100])
def test_schedule(warmup: int) -> None:
    for step, rate in THEIRS[f"schedule/{warmup}"]:
        assert 0.01 * SCHEDULES.get("cosine")(int(step), warmup, 1000) == pytest.approx(rate, abs=1e-8)


def _start_of(theirs: str, shape: tuple[int, ...]) -> np.ndarray:
    """As the script fills Google's variables."""
    leaf = theirs.rpartition("/")[2]
    kind = {"renorm_mean": "moving_mean", "moving_stddev": "moving_variance", "renorm_stddev": "moving_variance"}
    value = seeded_value(theirs, kind.get(leaf, leaf), shape, SEED)  # type: ignore[arg-type]
    return np.abs(value) if leaf == "gamma" else value


def published_start() -> Checkpoint:
    weights = {v.ours: v.from_theirs(_start_of(v.theirs, v.their_shape)) for v in variables(SEGCLR)}
    norms = {v.theirs.rpartition("/")[0]: v.shape for v in variables(SEGCLR) if v.kind == "moving_mean"}
    training = {}
    for name in THEIRS["network/names"].tolist():
        parent, _, leaf = name.rpartition("/")
        if leaf in ("renorm_mean", "renorm_stddev", "moving_stddev"):
            training[name] = _start_of(name, norms[parent])
        elif name.startswith("projection_head"):
            last = "nl_2" in name
            shape = {"kernel": (64, 16 if last else 64)}.get(leaf, (16 if last else 64,))
            training[name] = _start_of(name, shape)
    return Checkpoint(ModelCard("published", SEGCLR), weights, training)


def varied_crops() -> np.ndarray:
    """As the script makes them."""
    rng = np.random.default_rng(4)
    noise, contrast, slopes = rng.random((8, 33, 33, 33)), rng.random((8, 1, 1, 1)), rng.random((8, 3))
    slope = np.einsum("ba,azyx->bzyx", slopes, np.stack(np.meshgrid(*[np.linspace(-1, 1, 33)] * 3, indexing="ij")))
    return (0.35 + 0.2 * contrast + 0.2 * noise * (1 - contrast) + 0.1 * slope).astype(np.float32)


@pytest.mark.slow
def test_a_step_of_the_published_network() -> None:
    """Training mode with batch renorm, heads and loss: outputs, gradients of all weights, and what norms remember.

    What norms remember of the trunk is equal to 1e-5. Behind the heads, whose norms divide by the small deviation of
    eight rows that are nearly alike, the last bits of float32 are 2e-4: ours in float64 is as far from TensorFlow's.
    """
    start = published_start()
    network = network_of(start).train()
    crops = torch.from_numpy(varied_crops()).unsqueeze(1)
    _, projected = network(crops)
    found = losses.nt_xent(projected, 0.1)
    found.loss.backward()
    np.testing.assert_allclose(projected.detach(), THEIRS["network/projected"], rtol=1e-3, atol=5e-4)
    assert found.loss.item() == pytest.approx(float(THEIRS["network/loss"]), rel=1e-4)
    of = {v.theirs: v.ours for v in variables(SEGCLR)}
    sizes = []
    named = dict(network.encoder.named_parameters())
    heads = {}
    for i, layer in enumerate(network.projection):
        heads[f"projection_head_0_0/nl_{i}/dense/kernel"] = layer.linear.weight
        for ours, theirs in (("weight", "gamma"), ("bias", "beta")):
            heads[f"projection_head_0_0/nl_{i}/nl_{i}_bn/{theirs}"] = getattr(layer.norm, ours)
    for name in THEIRS["network/trained"].tolist():
        tensor = heads[name] if name in heads else named[of[name]]
        sizes.append(float(tensor.grad.double().norm()))
    largest = THEIRS["network/gradients"].max()
    np.testing.assert_allclose(
        sizes, THEIRS["network/gradients"], rtol=5e-3, atol=1e-5 * largest
    )  # biases before norms: 0
    after = checkpoint_of(network, "after", None)
    kept = {v.theirs: after.weights[v.ours] for v in variables(SEGCLR)} | dict(after.training)
    for name, total, first in zip(*(THEIRS[f"network/{k}"] for k in ("kept names", "kept", "kept first")), strict=True):
        assert kept[name].astype(np.float64).sum() == pytest.approx(total, rel=1e-5, abs=1e-4), name
        np.testing.assert_allclose(kept[name][:4], first, rtol=1e-5, atol=1e-6, err_msg=name)
    assert set(after.training) == set(start.training)
