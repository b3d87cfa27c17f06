"""The folder that the parts of one array job share: what run it is of, results by task, which parts are done.

::

    run.json                    what is computed: functions, arrays, versions, the number of parts
    <stage>/part-00003-*.parquet   results of part 3, each file whole and sealed; a stage is one function over its tasks
    <stage>/part-00003.json     part 3 is done, and which tasks were its own
    manifest.json               written by the one who gathers: every file with its SHA-256

Nothing is changed once it is written, and every file has one writer, so parts need no lock.

Tests: tests/graphlab/distributed/test_parts_folder.py.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphlab.store.files import checksums
from ingest.running import whole_files
from ingest.running.task_runners import TaskError
from ingest.schema.errors import GraphlabError, ReadError, VersionError

RUN, MANIFEST = "run.json", "manifest.json"
PART, DONE = "part-{:05d}-{}.parquet", "part-{:05d}.json"
_PART = re.compile(r"part-(\d{5,})-[0-9a-f]{12}\.parquet")
_DONE = re.compile(r"part-(\d{5,})\.json")
_BUCKET = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""A path makes one slash of the two of an address."""
_REMEDY = "remove it and run part {} again: its tasks are computed again"


class DamagedPart(UserWarning):
    """A file of results was damaged, and its tasks are computed again."""


class PartDone(GraphlabError):
    """Not a fault: the tasks of one part are done, and what is made of all tasks is for whoever gathers them.

    Attributes:
        part, parts: as in ``3/8``; None where each takes the next task that is free.
        tasks: of this part; None where every task, of whatever part, had a result already.
        computed: of them now; the others were there.
        folder: of the results.
    """

    def __init__(self, part: int | None, parts: int | None, tasks: int | None, computed: int, folder: Path) -> None:
        self.part, self.parts, self.tasks, self.computed, self.folder = part, parts, tasks, computed, folder
        if tasks is None:
            super().__init__(f"every task is done; results in {folder}. Gather them")
            return
        before = f", {tasks - computed:,} were there" if tasks > computed else ""
        super().__init__(
            f"part {part} of {parts} is done: {computed:,} tasks computed{before}; results in {folder}. "
            "When every part is done, gather them"
            if part is not None
            else f"every task is done: {computed:,} of {tasks:,} computed here; results in {folder}. Gather them"
        )


class MissingParts(TaskError):
    """Some tasks have no result yet; ``parts`` says which parts are to be run."""

    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One function over its tasks."""

    folder: Path

    def load(self, recompute: int | None = None) -> dict[str, bytes]:
        """Every result there is, encoded, by the hash of its task.

        Args:
            recompute: a part whose damaged files go, with a ``DamagedPart`` warning; those of others do not count.
                None refuses them.

        Raises:
            ReadError: a damaged file, two results of one task that differ.
        """
        found: dict[str, bytes] = {}
        for path in sorted(self.folder.glob("part-*.parquet")):
            match = _PART.fullmatch(path.name)
            if match is None:
                continue
            part = int(match[1])
            try:
                table = checksums.read_parquet(path, "the file of results", _REMEDY.format(part))
            except ReadError as error:
                if recompute is None:
                    raise
                if part == recompute:
                    warnings.warn(str(error), DamagedPart, stacklevel=2)
                    whole_files.remove(path)
                continue
            for key, result in zip(table["task"].to_pylist(), table["result"].to_pylist(), strict=True):
                if found.setdefault(key, result) != result:
                    raise ReadError(
                        f"{path}: task {key} was computed twice with different results, so the work does not repeat "
                        "itself (another machine, other library versions). Remove the folder and run on one kind of "
                        "machine"
                    )
        return found

    def keep(self, part: int, results: Mapping[str, bytes]) -> None:
        """Write results, on disk when it returns.

        Raises:
            ReadError: the disk is full or fails; what was kept before is there.
        """
        import pyarrow as pa

        if not results:
            return
        columns = [pa.array(list(results), pa.string()), pa.array(list(results.values()), pa.large_binary())]
        table = pa.table(columns, names=["task", "result"])
        path = self.folder / PART.format(part, uuid.uuid4().hex[:12])
        try:
            self.folder.mkdir(exist_ok=True)
            with whole_files.write_atomically(path) as new:
                checksums.write_parquet(table, new)
        except OSError as error:
            raise not_written(self.folder, error) from None

    def finish(self, part: int, tasks: Iterable[str], seconds: float) -> None:
        """Write down that every task of a part has its result.

        Raises:
            ReadError: the disk is full or fails.
        """
        document = {"part": part, "seconds": round(seconds, 3), "tasks": list(tasks)}
        try:
            self.folder.mkdir(exist_ok=True)
            whole_files.create(self.folder / DONE.format(part), json.dumps(document, indent=1).encode())
        except OSError as error:
            raise not_written(self.folder, error) from None

    def done(self) -> dict[int, dict[str, Any]]:
        """Part -> what it wrote down when it was done."""
        found = {}
        for path in sorted(self.folder.glob("part-*.json")):
            match = _DONE.fullmatch(path.name)
            if match is not None:
                found[int(match[1])] = _document(path)
        return found


def open_folder(path: str | Path) -> Path:
    """The folder, made if there is none.

    Raises:
        ReadError: a bucket, or a place that cannot be written.
    """
    if _BUCKET.match(str(path)):
        raise ReadError(
            f"{path} is a bucket; parts share a folder that every machine has mounted (NFS, Lustre, GPFS), since a "
            "file is made by one writer alone there"
        )
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None
    return folder


def claim(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the folder that of one run, or find that it is; of several parts that begin at once, the first writes it.

    Raises:
        VersionError: it is of another run, or holds something else. ReadError: it cannot be written.
    """
    path = folder / RUN
    try:
        if not path.is_file():
            strange = sorted(one.name for one in folder.iterdir() if not one.name.startswith(".") and one != path)
            if strange and not path.is_file():
                raise VersionError(
                    f"{folder} holds {', '.join(strange[:3])} and no {RUN}, so it is no folder of parts; give a new one"
                )
            whole_files.create(path, json.dumps(dict(identity), indent=2, sort_keys=True).encode())
    except OSError as error:
        raise not_written(folder, error) from None
    require_same(folder, identity)


def require_same(folder: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity of the run in a folder, which has to hold at least everything of ``identity``.

    Raises:
        VersionError: another run. ReadError: no run at all.
    """
    path = folder / RUN
    if not path.is_file():
        raise ReadError(f"{folder} has no {RUN}: no part has been run there. Run the parts first: --part 1/N ... N/N")
    there = _document(path)
    other = sorted(name for name, value in identity.items() if there.get(name) != value)
    if other:
        words = {name: _WORDS.get(name, f"{name} is") for name in other}
        said = "; ".join(f"{words[name]} {there.get(name)!r} there, {identity[name]!r} now" for name in other)
        raise VersionError(
            f"{folder} holds parts of another run ({said}). Give the same settings and data as those parts had, or "
            "another folder"
        )
    return there


_WORDS = {"work": "the work is", "content": "the hash of data and settings is", "parts": "the number of parts is"}


def write_manifest(folder: Path) -> None:
    """Every file of a run with its SHA-256, and what each part took.

    Raises:
        ReadError: the disk is full or fails.
    """
    stages = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        done = Stage(place).done()
        stages[place.name] = {
            "parts": {str(part): {"tasks": len(one["tasks"]), "seconds": one["seconds"]} for part, one in done.items()},
            "files": {path.name: _sha256(path) for path in sorted(place.glob("part-*"))},
        }
    document = {"run": _document(folder / RUN), "stages": stages}
    try:
        whole_files.write_bytes(folder / MANIFEST, (json.dumps(document, indent=2) + "\n").encode())
    except OSError as error:
        raise not_written(folder, error) from None


def not_written(folder: Path, error: OSError) -> ReadError:
    return ReadError(
        f"cannot write {folder}: {error.strerror or error}; what is finished is kept. Free some space, or take a "
        "folder that can be written and has hard links, and run the part again"
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path} is damaged ({error}); remove its folder: what it holds is computed again") from None
    if not isinstance(found, dict):
        raise ReadError(f"{path} is damaged; remove its folder: what it holds is computed again")
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
