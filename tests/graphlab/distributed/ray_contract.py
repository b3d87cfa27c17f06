"""The contract of runners for tasks of Ray; run by ``ray_cluster``, beside a cluster."""

from __future__ import annotations

import os

from graphlab.distributed.ray_tasks import RayTasks
from graphlab.testing.task_runners import TaskRunnerContract


class TestRay(TaskRunnerContract):
    examples = 5

    def runner(self, workers: int) -> RayTasks:
        return RayTasks(workers, os.environ["GRAPHLAB_TEST_RAY"])
