"""Processes that train one network together on a Ray cluster, as ``torchrun`` starts them on machines without one.

A process that is lost ends the others; all are started again, and go on from the last checkpoint.

Tests: tests/benchmarks/test_ray_training_bench.py.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphlab.distributed.ray_connect import RETRIES, ClusterError, checked, connect, line_of
from ingest.schema.errors import AnalysisError, GraphlabError, MissingExtraError

SAID = "said.txt"


def together(
    function: Callable[[], str],
    processes: int,
    address: str | None = None,
    *,
    gpus: bool = False,
    shared: Path,
    retries: int = RETRIES,
) -> str:
    """Call a function in several processes that are one group of PyTorch: gloo, or NCCL with a GPU each.

    Args:
        function: plain, so that it can be sent; ``gpu_embed.training.workers.started_workers`` in it finds the group.
        address: of a cluster; None starts one here.
        shared: where Ray Train keeps its own notes: a folder that all machines see.
        retries: times that all processes are started again.

    Returns:
        What the first process returned.

    Raises:
        MissingExtraError: Ray Train is not installed. ClusterError: no such cluster, or processes were lost too often.
        AnalysisError: no process asked.
        GraphlabError: what the function refused.
    """
    if processes < 1:
        raise AnalysisError(f"{processes} processes asked; give at least 1")
    connect(None if address is None else checked(address), processes)
    import ray

    kind, there = "GPU" if gpus else "CPU", ray.cluster_resources()
    if processes > there.get(kind, 0):
        raise ClusterError(f"{processes} processes asked; the cluster has {there.get(kind, 0):.0f} {kind}s")
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer
    except ImportError:
        raise MissingExtraError("Ray Train", "ray") from None
    with tempfile.TemporaryDirectory(prefix="ray-training-", dir=shared) as notes:
        config = RunConfig(storage_path=notes, failure_config=FailureConfig(max_failures=retries))
        scaling = ScalingConfig(num_workers=processes, use_gpu=gpus)
        asked = {"function": function, "folder": str(Path.cwd()), "notes": notes}
        trainer = TorchTrainer(_process, train_loop_config=asked, scaling_config=scaling, run_config=config)
        try:
            trainer.fit()
            return (Path(notes) / SAID).read_text(encoding="utf-8")
        except Exception as error:
            raise _meant(error) from None


def _process(config: dict[str, Any]) -> None:
    from ray import train

    with contextlib.suppress(OSError):
        os.chdir(config["folder"])
    said = config["function"]()
    if train.get_context().get_world_rank() == 0:
        (Path(config["notes"]) / SAID).write_text(said, encoding="utf-8")


def _meant(error: Exception) -> GraphlabError:
    failures = getattr(error, "worker_failures", {})
    causes = [getattr(one, "_base_exc", one) for _, one in sorted(failures.items())]
    for cause in causes:
        if isinstance(cause, GraphlabError):
            return cause
    said = [f"process {rank}: {line_of(getattr(one, '_base_exc', one))}" for rank, one in sorted(failures.items())]
    return ClusterError(
        f"the processes could not train together ({'; '.join(said) or line_of(error)}). What the last checkpoint "
        "holds is kept; the same command goes on from there"
    )
