"""Layers and networks equal Google's own, as stored by tests/data/make_sngp_parity.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graphlab.predict.learners.windows.network import (  # noqa: E402
    BoundedLinear,
    NetworkShape,
    RandomFeatureProcess,
    WindowNetwork,
    orthogonal_features,
)

DATA = Path(__file__).parents[4] / "data"
CLOSE = {"rtol": 0, "atol": 1e-4}
KINDS = {"plain": (0.0, 0), "sn": (0.95, 0), "gp": (0.0, 32), "sngp": (6.0, 32)}
"""(bound, features). Their SNGP was asked for .95 and has 6: its parent's constructor sets the default again."""


@pytest.fixture(scope="module")
def parity() -> dict[str, np.ndarray]:
    with np.load(DATA / "sngp_parity.npz") as stored:
        return dict(stored)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def network_of(parity: dict[str, np.ndarray], kind: str) -> WindowNetwork:
    bound, features = KINDS[kind]
    network = WindowNetwork(NetworkShape(8, 4, hidden=16, layers=2, bound=bound, features=features))
    w = {k.removeprefix(f"{kind}/weights/"): v for k, v in parity.items() if k.startswith(f"{kind}/weights/")}
    state = {"entry.weight": w["input/kernel"].T, "entry.bias": w["input/bias"]}
    for number in range(2):
        for ours, theirs in (("first", "1"), ("second", "2")):
            layer = f"{theirs}_{number}"
            state |= {f"{ours}.{number}.weight": w[f"{layer}/kernel"].T, f"{ours}.{number}.bias": w[f"{layer}/bias"]}
            if bound:
                state |= {f"{ours}.{number}.{k}": w[f"{layer}/{k}"].reshape(-1) for k in "uv"}
    if features:
        state |= {
            "last.norm.weight": w["norm/gamma"], "last.norm.bias": w["norm/beta"],
            "last.kernel": w["features/kernel"], "last.phase": w["features/bias"],
            "last.output.weight": w["output/kernel"].T, "last.bias": w["output/bias"],
            "last.precision": w["precision"],
        }  # fmt: skip
    else:
        state |= {"last.weight": w["output/kernel"].T, "last.bias": w["output/bias"]}
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    return network.eval()


@pytest.mark.parametrize("case", ["above", "below"])
def test_a_bounded_kernel_is_scaled_as_there(parity: dict[str, np.ndarray], case: str) -> None:
    stored = {k.removeprefix(f"spectral/{case}/"): v for k, v in parity.items() if k.startswith(f"spectral/{case}/")}
    layer = BoundedLinear(8, 16, float(stored["bound"]))
    with torch.no_grad():
        layer.weight.copy_(tensor(stored["start"].T))
        layer.u.copy_(tensor(stored["u"].reshape(-1)))
        layer.bias.zero_()
    for step in range(6):
        layer.train(step < 5)
        assert np.allclose(layer(tensor(parity["inputs"])).detach(), stored[f"output_{step}"], **CLOSE)
        assert np.allclose(layer.weight.detach().T, stored[f"kernel_{step}"], **CLOSE)
    assert (case == "below") == np.allclose(layer.weight.detach().T, stored["start"])


@pytest.mark.parametrize("kind", list(KINDS))
def test_logits_and_gradients_are_theirs(parity: dict[str, np.ndarray], kind: str) -> None:
    network = network_of(parity, kind)
    logits = network(tensor(parity["inputs"]))
    assert np.allclose(logits.detach(), parity[f"{kind}/logits"], **CLOSE)
    torch.nn.functional.cross_entropy(logits, torch.arange(12) % 4).backward()
    assert np.allclose(network.entry.weight.grad.T, parity[f"{kind}/gradient"], **CLOSE)


@pytest.mark.parametrize("kind", ["gp", "sngp"])
def test_variances_of_one_clean_pass_are_theirs(parity: dict[str, np.ndarray], kind: str) -> None:
    network = network_of(parity, kind)
    inputs = tensor(parity["inputs"])
    logits, variance = network.said(inputs)
    assert np.allclose(variance, parity[f"{kind}/variance"], **CLOSE)
    adjusted = torch.softmax(logits / torch.sqrt(1 + 3 / np.pi**2 * variance[:, None]), dim=1)
    assert np.allclose(adjusted, parity[f"{kind}/adjusted"], **CLOSE)
    # The precision that was stored is the sum over these rows: seen again from nothing, it is the same.
    assert isinstance(network.last, RandomFeatureProcess)
    network.last.forget()
    network.last.see(network.body(inputs))
    assert np.allclose(network.last.precision, parity[f"{kind}/weights/precision"], **CLOSE)


def test_variance_grows_from_what_was_seen_to_the_prior() -> None:
    torch.manual_seed(0)
    process = RandomFeatureProcess(6, 3, 64, 1e-3)
    x = torch.randn(40, 6)
    prior = process.variance(x)
    process.see(x[:30])
    assert (process.variance(x) < prior).all()
    assert process.variance(x[:30]).mean() < process.variance(x[30:]).mean()


def test_random_features_are_a_gaussian_kernel(parity: dict[str, np.ndarray]) -> None:
    torch.manual_seed(0)
    kernel, phase = orthogonal_features(8, 40_000), torch.rand(40_000) * 2 * np.pi
    x = 0.5 * torch.randn(20, 8)
    phi = np.sqrt(2 / 40_000) * torch.cos(x @ kernel + phase)
    wanted = torch.exp(-torch.cdist(x, x).square() / 2)
    assert np.allclose(phi @ phi.T, wanted, atol=0.03)
    # Theirs, too, are orthogonal in blocks of as many columns as there are rows.
    for block in (kernel[:, :8].numpy(), parity["orthogonal"][:, :8]):
        gram = block.T @ block
        assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-4
