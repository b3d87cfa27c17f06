"""torch's random state: a block's own, also beside other threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch")

from gpu_embed.training.random_state import own_random_state  # noqa: E402


def drawn(seed: int) -> list[float]:
    with own_random_state(seed):
        found = [float(torch.rand(())) for _ in range(200)]
        with own_random_state(0):
            torch.rand(3)
        return [*found, float(torch.rand(()))]


def test_threads_do_not_draw_from_each_other() -> None:
    alone = [drawn(seed) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(drawn, range(40))) == alone


def test_numbers_around_it_go_on() -> None:
    with own_random_state(5):
        wanted = torch.rand(2)
    with own_random_state(5):
        first = torch.rand(())
        drawn(1)
        assert [float(first), float(torch.rand(()))] == wanted.tolist()
