"""Draw and count null samples in parallel, save them as they come, go on where a run was cut.

Sample i has its own child of the seed, so its bytes depend neither on the number of workers nor on where
an earlier run stopped. Threads do the work: the kernels hold no interpreter lock.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphlab.motifs.nulls.models import NullOptions, Sampler, sample_seed
from graphlab.store.files import checksums
from ingest.running import whole_files
from ingest.running.progress import Progress
from ingest.running.task_runners import TaskRunner, Threads, Workers, runner_of
from ingest.schema.errors import AnalysisError, InterruptedRun, ReadError
from queries.snapshot import Snapshot

Count = Callable[[Snapshot], npt.NDArray[np.int64]]
Stop = Callable[[npt.NDArray[np.int64]], bool]
"""Shown the counts of each sample once, in order; True ends the run there."""

FLUSH_SECONDS = 5.0


class InterruptedSamples(InterruptedRun):
    """Ctrl-C during sampling; ``samples`` holds the finished ones from the first on."""

    def __init__(self, message: str, samples: list[npt.NDArray[np.int64]]) -> None:
        super().__init__(message)
        self.samples = samples


class SamplesDrawnAgain(UserWarning):
    """Saved null samples were damaged; nothing is lost, since a seed gives the same ones."""


@dataclass(frozen=True)
class SampleFolder:
    """Saved samples of one recipe: Parquet parts of (sample, counts), each written whole or not at all."""

    path: Path

    @classmethod
    def of(cls, folder: Path, recipe: dict[str, object]) -> SampleFolder:
        """The folder of one recipe under ``folder``: other graphs, nulls, seeds or options have others."""
        text = json.dumps(recipe, sort_keys=True, default=str)
        path = folder / hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        path.mkdir(parents=True, exist_ok=True)
        whole_files.write_bytes(path / "recipe.json", f"{text}\n".encode())
        return cls(path)

    def load(self) -> dict[int, npt.NDArray[np.int64]]:
        """Every saved sample by its number; a damaged part goes, with a ``SamplesDrawnAgain`` warning."""
        samples: dict[int, npt.NDArray[np.int64]] = {}
        for part in sorted(self.path.glob("samples-*.parquet")):
            try:
                table = checksums.read_parquet(part, "the file of null samples", "its samples are drawn again")
            except ReadError as error:
                warnings.warn(str(error), SamplesDrawnAgain, stacklevel=2)
                whole_files.remove(part)
                continue
            rows = [np.array(row, dtype=np.int64) for row in table.column("counts").to_pylist()]
            samples.update(zip(table.column("sample").to_pylist(), rows, strict=True))
        return samples

    def save(self, samples: dict[int, npt.NDArray[np.int64]]) -> None:
        """Add one part; a crash leaves either the whole part or none of it."""
        import pyarrow as pa

        if not samples:
            return
        numbers = sorted(samples)
        start = np.cumsum([0, *(len(samples[k]) for k in numbers)])
        values = pa.array(np.concatenate([samples[k] for k in numbers]), pa.int64())
        rows = pa.LargeListArray.from_arrays(pa.array(start, pa.int64()), values)
        table = pa.table({"sample": pa.array(numbers, pa.int64()), "counts": rows})
        final = self.path / f"samples-{numbers[0]:07d}-{numbers[-1]:07d}-{len(numbers)}.parquet"
        with whole_files.write_atomically(final) as new:
            checksums.write_parquet(table, new)


def content_hash(snapshot: Snapshot) -> str:
    """A hash of the wiring and weights themselves."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (snapshot.root_ids, snapshot.out_start, snapshot.out_target, snapshot.weight):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def options_hash(options: NullOptions) -> str:
    """A hash of everything a null was given."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(vars(options).items()):
        digest.update(name.encode())
        if isinstance(value, tuple) or hasattr(value, "dtype"):
            for part in value if isinstance(value, tuple) else (value,):
                array = np.asarray(part)
                digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


def sample_counts(sampler: Sampler, count: Count, **settings: Any) -> npt.NDArray[np.int64]:
    """``sample_arrays`` of a census, whose rows are equally long, as int64 [used, classes]."""
    return np.array(sample_arrays(sampler, count, **settings), dtype=np.int64)


def sample_arrays(
    sampler: Sampler,
    count: Count,
    *,
    samples: int,
    seed: int,
    workers: Workers = 1,
    folder: SampleFolder | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> list[npt.NDArray[np.int64]]:
    """What ``count`` says of every null sample, in the order of their numbers.

    Args:
        sampler: draws graphs. count: the census of one graph; must hold no lock to gain from workers.
        samples: at most so many. seed: of the whole ensemble.
        workers: threads, or a runner; the result does not depend on it.
        folder: where finished samples are saved and looked for first.
        stop: shown each sample once, in order; True ends the run there, however many workers there are.

    Raises:
        InterruptedSamples: on Ctrl-C, with what is done; a rerun with the same folder continues.
    """
    if samples < 1:
        raise AnalysisError(f"{samples} samples asked; a null needs at least 1 (and 19 for p = .1, two-sided)")
    # One worker is a thread, too: Ctrl-C reaches the main thread, and a Numba kernel there would make it a SystemError.
    runner = Threads(1) if workers == 1 else runner_of(workers)
    done = {k: v for k, v in (folder.load() if folder else {}).items() if k < samples}
    fresh: dict[int, npt.NDArray[np.int64]] = {}
    flushed = time.monotonic()
    used, ended = _leading(done, 0, stop)
    try:
        with closing(_arrivals(sampler, count, samples, seed, runner, set(done), ended)) as arriving:
            for number, counts in arriving:
                fresh[number] = done[number] = counts
                if progress:
                    progress(len(done), samples)
                if folder and time.monotonic() - flushed > FLUSH_SECONDS:
                    folder.save(fresh)
                    fresh, flushed = {}, time.monotonic()
                used, ended = _leading(done, used, stop)
                if ended:
                    break
    except KeyboardInterrupt:
        _keep(folder, fresh)
        used, _ = _leading(done, used, None)
        place = f"are saved in {folder.path}; run again to continue" if folder else "were drawn; nothing was saved"
        raise InterruptedSamples(
            f"interrupted: {len(done)} of {samples} null samples {place}", [done[k] for k in range(used)]
        ) from None
    except BaseException:
        _keep(folder, fresh)
        raise
    _keep(folder, fresh)
    return [done[k] for k in range(used)]


def _keep(folder: SampleFolder | None, fresh: dict[int, npt.NDArray[np.int64]]) -> None:
    if folder:
        folder.save(fresh)


def _leading(done: dict[int, npt.NDArray[np.int64]], used: int, stop: Stop | None) -> tuple[int, bool]:
    """How many samples from the first on are there, and whether ``stop`` ended the run among them."""
    while used in done:
        used += 1
        if stop is not None and stop(done[used - 1]):
            return used, True
    return used, False


def _arrivals(
    sampler: Sampler, count: Count, samples: int, seed: int, runner: TaskRunner, have: set[int], ended: bool
) -> Generator[tuple[int, npt.NDArray[np.int64]], None, None]:
    """Missing samples as they finish; few are under way, so stopping wastes little."""
    missing = [k for k in range(samples) if k not in have and not ended]
    return runner.map_tasks(partial(_one, sampler, count, seed), missing, ahead=runner.workers + 1, in_order=False)


def _one(sampler: Sampler, count: Count, seed: int, number: int) -> tuple[int, npt.NDArray[np.int64]]:
    return number, np.asarray(count(sampler.draw(sample_seed(seed, number))), dtype=np.int64)
