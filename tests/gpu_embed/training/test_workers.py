"""Two real processes under torchrun train as one does on the whole batch: negatives, gradients, what norms remember."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from gpu_embed.training import trainer  # noqa: E402
from gpu_embed.training.contrastive.losses import nt_xent  # noqa: E402
from gpu_embed.training.contrastive.norms import TrainingNorm  # noqa: E402
from gpu_embed.training.optimizers import OptimizerSettings  # noqa: E402
from gpu_embed.training.trainer import Loss, TrainingSettings, train  # noqa: E402
from gpu_embed.training.workers import ALONE, Workers, started_workers  # noqa: E402

PAIRS, STEPS = 6, 4
CPU = torch.device("cpu")


class Halves:
    """The pairs of one process out of those that all see: first places, then second ones."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def from_step(self, step: int) -> Iterator[Tensor]:
        while True:
            rows = np.random.default_rng(step).normal(size=(2, PAIRS, 5)).astype(np.float32)
            yield torch.from_numpy(rows[:, self.workers.rank :: self.workers.world].reshape(-1, 5))
            step += 1


def contrast(workers: Workers) -> trainer.Objective[Tensor]:
    """NT-Xent with the rows of all processes as negatives: its gradient crosses between them."""

    def objective(network: nn.Module, batch: Tensor, generator: torch.Generator) -> Iterable[Loss]:
        del generator
        found = nt_xent(network(batch), 0.5, workers=workers, bodies=torch.arange(len(batch) // 2))
        yield Loss(found.loss, {"hits": found.hits, "false": found.false_negatives})

    return objective


def run(folder: Path, workers: Workers, shared_moments: bool) -> dict[str, Tensor]:
    torch.manual_seed(workers.rank)  # weights differ until the first process's are everybody's
    norm = nn.BatchNorm1d(4)
    middle = TrainingNorm(norm, True, workers) if shared_moments else norm
    network = nn.Sequential(nn.Linear(5, 4), middle, nn.Tanh(), nn.Linear(4, 3))
    settings = TrainingSettings(STEPS, OptimizerSettings("sgd", 0.5), precision="fp32")
    train(
        network, contrast(workers), Halves(workers), settings, folder=folder, device=CPU, workers=workers,
        journal_every=2, probe=lambda net, step: {"probed": 1.0}, probe_every=2,
    )  # fmt: skip
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def main(folder: Path) -> None:
    """What each process does."""
    with started_workers(CPU) as workers:
        assert workers.world == 2
        for shared in (False, True):
            weights = run(folder / f"two {shared}", workers, shared)
            flat = torch.cat([tensor.double().reshape(-1) for tensor in weights.values()])
            both = workers.gathered(flat[None])
            assert torch.equal(both[0], both[1])


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
    done = subprocess.run(
        [*command, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run(tmp_path / "one", ALONE, shared_moments=True)
    one, two = (load_file(tmp_path / name / trainer.CHECKPOINT) for name in ("one", "two True"))
    assert set(one) == set(two)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5)
    told = [(tmp_path / name / trainer.JOURNAL).read_text().count("\n") for name in ("one", "two True")]
    assert told == [4, 4]  # written by the first process only


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # Threads of libraries now and then abort a process that is ending; what it computed is compared all the same.
    os._exit(0)
