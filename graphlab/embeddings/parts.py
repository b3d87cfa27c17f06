"""Embeddings as parts of an array job: which nodes are whose, a journal a part, and all parts put together.

A part has nodes that lie together, so that it reads its own blocks of the volumes; only blocks at the border of two
parts are read by both.

Tests: tests/graphlab/embeddings/test_parts.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphlab.distributed.array_parts import ANY, named_parts, part_of
from graphlab.distributed.content import digest
from graphlab.distributed.parts_folder import RUN, MissingParts, claim, not_written, open_folder, require_same
from graphlab.embeddings.planned_nodes import CELLS, PlannedNodes
from graphlab.store.files import checksums
from ingest.running import whole_files
from ingest.schema.errors import AnalysisError, ReadError

if TYPE_CHECKING:
    from gpu_embed.embed import Embedded
    from gpu_embed.journal import EmbeddingJournal

GATHER = "gather"
DONE, FAILURES = "done.json", "failures.parquet"


@dataclass(frozen=True)
class Gathered:
    """What all parts made."""

    rows: pa.Table | None
    """Sorted by root_id and node_id, in the words of EMBEDDINGS; None where every node failed."""
    failures: pa.Table
    computed: int
    reads: int
    bytes_read: int
    seconds: float
    """Of all parts together."""


@dataclass(frozen=True)
class PartPlace:
    """Where one part keeps its rows."""

    folder: Path
    part: int
    parts: int

    @property
    def path(self) -> Path:
        return self.folder / f"part-{self.part:05d}"

    @property
    def is_done(self) -> bool:
        """Whether every node of the part has a row or a failure."""
        return (self.path / DONE).is_file()

    def journal(self, identity: Mapping[str, Any]) -> EmbeddingJournal:
        """Its rows.

        Raises:
            VersionError: they are of another run. ReadError: the folder cannot be made or read.
        """
        from gpu_embed.journal import EmbeddingJournal

        return EmbeddingJournal(self.path, {**identity, "part": f"{self.part} of {self.parts}"})

    def finish(self, made: Embedded) -> None:
        """Write down that every node of this part has a row or a failure.

        Raises:
            ReadError: the disk is full or fails.
        """
        document = {
            "computed": made.computed + made.finished_before,
            "reads": made.reads,
            "bytes_read": made.bytes_read,
            "seconds": round(made.seconds, 3),
        }
        try:
            with whole_files.write_atomically(self.path / FAILURES) as new:
                checksums.write_parquet(made.failures, new)
            whole_files.write_bytes(self.path / DONE, json.dumps(document).encode())
        except OSError as error:
            raise not_written(self.path, error) from None


class EmbeddingParts:
    """One part, or all of them, of a run that shares a folder.

    Args:
        text: ``3/8``, or ``gather``.

    Raises:
        AnalysisError: no such part. ReadError: the folder cannot be made.
    """

    def __init__(self, text: str, shared: str | Path) -> None:
        if text == ANY:
            raise AnalysisError(f"nodes are divided into parts that read their own blocks; give I/N instead of {ANY}")
        self.gathers = text == GATHER
        self.part, self.parts = (0, 0) if self.gathers else part_of(text)
        self.folder = open_folder(shared).resolve()

    @property
    def own_place(self) -> PartPlace:
        """Of this part."""
        return PartPlace(self.folder, self.part, self.parts)

    def own(self, nodes: pa.Table | PlannedNodes, cell_nm: float, keep: bool) -> pa.Table:
        """The nodes of this part; all of them where it gathers. Unless it shall keep nothing, their order is kept."""
        if isinstance(nodes, PlannedNodes):
            return nodes.of_part(self.part, self.parts, keep)
        return nodes if self.gathers else nodes_of_part(nodes, self.part, self.parts, cell_nm)

    def journal(self, identity: Mapping[str, Any], nodes: pa.Table | PlannedNodes) -> EmbeddingJournal:
        """Where this part keeps its rows.

        Args:
            identity: what the rows depend on. nodes: of all parts.

        Raises:
            VersionError: the folder is of another run. ReadError: it cannot be written.
        """
        claim(self.folder, {**_identity(identity, nodes), "parts": self.parts})
        return self.own_place.journal(identity)

    def places(self, identity: Mapping[str, Any], nodes: pa.Table, parts: int) -> list[PartPlace]:
        """Every part of a run that one process hands out; a folder of such a run has as many parts as it began with.

        Raises:
            VersionError: the folder is of another run. ReadError: it cannot be written.
        """
        if (self.folder / RUN).is_file():
            parts = int(require_same(self.folder, {"work": "embed"})["parts"])
        claim(self.folder, {**_identity(identity, nodes), "parts": parts})
        return self._places(parts)

    def _places(self, parts: int) -> list[PartPlace]:
        return [PartPlace(self.folder, part, parts) for part in range(1, parts + 1)]

    def remove(self) -> None:
        """Forget the run: its rows are elsewhere now. What others have in the folder stays."""
        for place in self._places(int(require_same(self.folder, {"work": "embed"})["parts"])):
            shutil.rmtree(place.path, ignore_errors=True)
        (self.folder / RUN).unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's files are there, too
            self.folder.rmdir()

    def gather(self, identity: Mapping[str, Any], nodes: pa.Table | PlannedNodes) -> Gathered:
        """Rows and failures of all parts: every node is in one of them.

        Raises:
            MissingParts: naming the parts to run. VersionError: parts of another run.
            ReadError: damaged files, a node without a row, two rows of one node that differ.
        """
        from gpu_embed.embed import embeddings_of

        places = self._places(int(require_same(self.folder, _identity(identity, nodes))["parts"]))
        lacking = [place.part for place in places if not place.is_done]
        if lacking:
            error = MissingParts(named_parts(lacking, len(places), f"not every node of {self.folder} is done"))
            error.parts = tuple(lacking)
            raise error
        tables, failures = [], []
        totals = dict.fromkeys(("computed", "reads", "bytes_read", "seconds"), 0)
        for place in places:
            journal = place.journal(identity)
            if journal.rows() is not None:
                tables.append(embeddings_of(journal))
            remedy = f"remove it and run part {place.part} again"
            failures.append(checksums.read_parquet(place.path / FAILURES, "the file of failures", remedy))
            said = json.loads((place.path / DONE).read_text(encoding="utf-8"))
            totals = {name: total + said[name] for name, total in totals.items()}
        failed = pa.concat_tables(failures)
        rows = _sorted_once(pa.concat_tables(tables), self.folder) if tables else None
        nodes = nodes.all() if isinstance(nodes, PlannedNodes) else nodes
        _require_all(nodes, [failed, *([] if rows is None else [rows])], self.folder)
        return Gathered(rows, failed, int(totals["computed"]), int(totals["reads"]), int(totals["bytes_read"]),
                        float(totals["seconds"]))  # fmt: skip


def nodes_of_part(nodes: pa.Table, part: int, parts: int, cell_nm: float) -> pa.Table:
    """As many nodes as the other parts have, or one more or less."""
    low, high = ((part - at) * nodes.num_rows // parts for at in (1, 0))
    return nodes.take(pa.array(together(nodes, cell_nm)[low:high]))


def together(nodes: pa.Table, cell_nm: float) -> npt.NDArray[np.int64]:
    """Rows of nodes in an order in which neighbours in space follow each other: cells along a Z curve (Morton 1966)."""
    points = np.stack([nodes.column(f"{axis}_nm").to_numpy() for axis in "zyx"], axis=1)
    cells = np.floor((points - points.min(axis=0, initial=np.inf)) / cell_nm) if len(points) else points
    code = np.zeros(len(points), dtype=np.uint64)
    for axis, along in enumerate(np.minimum(cells, CELLS - 1).astype(np.uint64).T):
        for bit in range(16):
            code |= (along >> np.uint64(bit) & np.uint64(1)) << np.uint64(3 * bit + axis)
    keys = [nodes.column(name).to_numpy() for name in ("node_id", "root_id")]
    return np.lexsort([*keys, code])


def _identity(identity: Mapping[str, Any], nodes: pa.Table | PlannedNodes) -> dict[str, Any]:
    from graphlab import __version__

    if isinstance(nodes, PlannedNodes):
        content = nodes.content
    else:
        columns = [nodes.column(name).to_numpy() for name in ("root_id", "node_id", "x_nm", "y_nm", "z_nm")]
        content = digest(columns, "the nodes")
    return {"work": "embed", "content": content, "graphlab": __version__, **identity}


def _sorted_once(rows: pa.Table, folder: Path) -> pa.Table:
    """Rows in order; one that a part wrote twice, since it was run twice at once, counts once if both are the same."""
    keys = [rows.column(name).to_numpy() for name in ("node_id", "root_id")]
    rows = rows.take(pa.array(np.lexsort(keys))).combine_chunks()
    keys = [rows.column(name).to_numpy() for name in ("root_id", "node_id")]
    again = np.flatnonzero((keys[0][1:] == keys[0][:-1]) & (keys[1][1:] == keys[1][:-1])) + 1
    for at in again.tolist():
        if not rows.slice(at - 1, 1).equals(rows.slice(at, 1)):
            raise ReadError(
                f"{folder}: node {keys[1][at]} of {keys[0][at]} was computed twice with different results; remove the "
                "folder of its part and run that part again, once"
            )
    return rows.take(pa.array(np.delete(np.arange(len(rows)), again)))


def _require_all(nodes: pa.Table, found: list[pa.Table], folder: Path) -> None:
    names = ("root_id", "node_id")
    there = {key for table in found for key in zip(*(table.column(name).to_pylist() for name in names), strict=True)}
    wanted = set(zip(*(nodes.column(name).to_pylist() for name in names), strict=True))
    if there != wanted:
        root_id, node_id = min(there ^ wanted)
        raise ReadError(
            f"{folder}: {len(wanted - there):,} of {len(wanted):,} nodes have neither an embedding nor a failure, such "
            f"as node {node_id} of {root_id}; run the parts again"
        )
