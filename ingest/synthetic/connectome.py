"""A made connectome whose truth is known, from 200 neurons to 100 million synapses, streamed.

What is planted, and how to see it again:

- wiring hangs on cell types and distance, with reciprocity and log-normal weights (``synthetic_wiring``);
- feed-forward loops with known members, found by their weight (``planted``);
- embeddings carry the cell type, and a hidden trait of each neuron that the wiring does not (``synthetic_embeddings``);
- activity follows the wiring with known gains, behaviour follows known neurons (``synthetic_activity``);
- stimulated neurons move others by the same gains (``synthetic_responses``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import RootIds, ids_as_text
from ingest.schema.space import Resolution
from ingest.synthetic.activity import BEHAVIORS, FRAME_S, LEAK, TRAIT_GAIN, SyntheticActivity
from ingest.synthetic.embeddings import SyntheticEmbeddings
from ingest.synthetic.neurons import Seeds, make_neurons
from ingest.synthetic.responses import HELD_FRAMES, NOISE, VERDICT, Responses
from ingest.synthetic.wiring import LENGTH_NM, PLANTED_WEIGHT, SyntheticWiring

SYNAPSES_PER_NEURON = 100
FEWEST_NEURONS = 50
RESOLUTION = Resolution(4.0, 4.0, 40.0)
MODEL = "made-segclr"
VERSION = "1"
CAVE_NAMES = {"synapse_id": "id", "pre_root_id": "pre_pt_root_id", "post_root_id": "post_pt_root_id"}


class Synthetic:
    """A made connectome: same arguments, same rows, in whatever order they are asked for.

    Args:
        neurons: at least 50.
        synapses: expected number; 100 a neuron when absent.
        seed: a number, or a numpy Generator from which four words are drawn.
        types: cell types, a quarter sensory, half intrinsic, a fifth descending.
        reciprocity: chance that a connection is answered, beyond what chance and types give.
        planted: feed-forward loops to plant; one in 100 neurons and at least 5 when absent.
        width: numbers an embedding; 64 and 128 are SegCLR's.
        nodes: embedded nodes a neuron.
        recorded: neurons in the recording, at most; the ones nearest one point.
        frames: frames of the recording, half a second each.
        gain: of a neuron whose trait is 0; see ``synthetic_activity``.

    Raises:
        AnalysisError: numbers that no connectome has.
    """

    def __init__(
        self,
        neurons: int = 200,
        synapses: int | None = None,
        seed: int | np.random.Generator = 0,
        *,
        types: int = 12,
        reciprocity: float = 0.15,
        planted: int | None = None,
        width: int = 64,
        nodes: int = 6,
        recorded: int = 1_000,
        frames: int = 1_200,
        gain: float = 0.2,
    ) -> None:
        if neurons < FEWEST_NEURONS:
            raise AnalysisError(f"neurons: found {neurons}; wanted at least {FEWEST_NEURONS}")
        if not 3 <= types <= neurons // 4:
            raise AnalysisError(f"types: found {types} for {neurons:,} neurons; wanted 3 to {neurons // 4}")
        if not 0.0 <= reciprocity <= 1.0:
            raise AnalysisError(f"reciprocity: found {reciprocity}; wanted a chance from 0 to 1")
        instances = max(5, neurons // 100) if planted is None else planted
        if not 0 <= instances <= neurons // 3:
            raise AnalysisError(
                f"planted: found {planted}; wanted 0 to {neurons // 3}, three neurons of their own each"
            )
        for name, value, least in (("nodes", nodes, 1), ("recorded", recorded, 6), ("frames", frames, 1)):
            if value < least:
                raise AnalysisError(f"{name}: found {value}; wanted at least {least}")
        self.seeds = Seeds.of(seed)
        self.expected_synapses = SYNAPSES_PER_NEURON * neurons if synapses is None else synapses
        self.population = make_neurons(neurons, types, self.seeds)
        self.wiring = SyntheticWiring.of(self.population, self.expected_synapses, reciprocity, instances, self.seeds)
        self.vectors = SyntheticEmbeddings.of(self.population, width, nodes, self.seeds)
        self.recording = SyntheticActivity.of(self.wiring, recorded, frames, gain, self.seeds)
        self.stimulation = Responses(self.recording)

    def neurons(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``neurons``."""
        return self.population.batches()

    def synapses(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``synapses``, ids from 1, a batch a block of presynaptic neurons."""
        return self.wiring.synapses()

    def embeddings(self) -> Iterator[pa.RecordBatch]:
        """Rows of the table ``embeddings``, by root_id and node_id."""
        return self.vectors.batches()

    def activity(self) -> Iterator[pa.RecordBatch]:
        """time_s, root_id, activity: one row a frame and recorded neuron."""
        return self.recording.recordings()

    def behavior(self) -> Iterator[pa.RecordBatch]:
        """time_s and one column a behaviour: one row a frame."""
        return self.recording.behavior()

    def responses(self) -> Iterator[pa.RecordBatch]:
        """pre_root_id (stimulated), post_root_id, value, connected: one row an ordered pair of recorded neurons."""
        return self.stimulation.batches()

    @property
    def planted(self) -> RootIds:
        """``[instances, 3]`` root ids of the feed-forward loops a -> b, a -> c, b -> c."""
        return self.population.root_ids[self.wiring.planted]

    def truth(self) -> dict[str, Any]:
        """Everything that was planted, as JSON holds it: ids as text."""
        people, recording = self.population, self.recording
        return {
            "planted": {
                "motif": "030T",
                "edges": [[0, 1], [0, 2], [1, 2]],
                "min_weight": PLANTED_WEIGHT,
                "instances": [ids_as_text(row) for row in self.planted],
            },
            "wiring": {
                "rate": self.wiring.rate,
                "length_nm": LENGTH_NM,
                "reciprocity": self.wiring.reciprocity,
                "types": list(people.type_names),
                "affinity": people.affinity.tolist(),
                "out_propensity": people.out_propensity.tolist(),
            },
            "embeddings": {
                "model": MODEL,
                "segmentation_version": VERSION,
                "trait_axis": self.vectors.trait_axis.tolist(),
            },
            "root_ids": ids_as_text(people.root_ids),
            "trait": people.trait.tolist(),
            "activity": {
                "frame_s": FRAME_S,
                "leak": LEAK,
                "trait_gain": TRAIT_GAIN,
                "root_ids": ids_as_text(people.root_ids[recording.recorded]),
                "gains": recording.gains.tolist(),
            },
            "responses": {"held_frames": HELD_FRAMES, "noise": NOISE, "verdict": VERDICT},
            "behavior": {
                name: {
                    "root_ids": ids_as_text(people.root_ids[recording.recorded[recording.drivers[row]]]),
                    "coefficients": recording.coefficients[row].tolist(),
                }
                for row, name in enumerate(BEHAVIORS)
            },
        }


@dataclass(frozen=True, slots=True)
class SyntheticFiles:
    """The files of one made connectome, in the order in which a graph takes them."""

    neurons: Path
    """CSV in our words."""
    synapses: Path
    """Parquet in CAVE's words, positions in voxels of ``RESOLUTION``."""
    embeddings: Path
    """Folder of CSV-ZIP shards, positions in nm."""
    recordings: Path
    behavior: Path
    responses: Path
    truth: Path
    synapse_count: int


def make(
    folder: Path,
    *,
    neurons: int = 200,
    synapses: int | None = None,
    seed: int | np.random.Generator = 0,
    num_shards: int = 4,
    progress: Progress | None = None,
    **options: Any,
) -> SyntheticFiles:
    """Write a made connectome as files in public formats, as a lab would hand them over.

    Args:
        folder: made when missing; files of the same names are written over.
        num_shards: ZIP files of embeddings, filled by the hash of h01 and MICrONS m343.
        progress: told blocks of synapses written.
        options: of ``Synthetic``.

    Raises:
        AnalysisError: see ``Synthetic``.
    """
    from ingest.segclr.csv_zip import write_shards
    from ingest.segclr.sharding import Convention

    source = Synthetic(neurons, synapses, seed, **options)
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        name: folder / name
        for name in ("neurons.csv", "synapses.parquet", "recordings.parquet", "behavior.parquet", "responses.parquet")
    }
    _write_csv(files["neurons.csv"], source.neurons())
    counted = _counted(source.synapses(), source.wiring.blocks(), progress)
    count = _write_parquet(files["synapses.parquet"], (_as_cave(batch) for batch in counted))
    write_shards(folder / "embeddings", source.embeddings(), convention=Convention("made", 64, num_shards))
    _write_parquet(files["recordings.parquet"], source.activity())
    _write_parquet(files["behavior.parquet"], source.behavior())
    _write_parquet(files["responses.parquet"], source.responses())
    (folder / "truth.json").write_text(json.dumps(source.truth(), indent=1) + "\n", encoding="utf-8")
    return SyntheticFiles(
        files["neurons.csv"],
        files["synapses.parquet"],
        folder / "embeddings",
        files["recordings.parquet"],
        files["behavior.parquet"],
        files["responses.parquet"],
        folder / "truth.json",
        count,
    )


def _as_cave(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Synapses as CAVE's tables name them: voxel positions in three columns."""
    columns: dict[str, pa.Array] = {}
    for name in batch.schema.names:
        column = batch.column(name)
        if name in ("x_nm", "y_nm", "z_nm"):
            axis = "xyz".index(name[0])
            voxels = np.rint(column.to_numpy() / RESOLUTION.xyz[axis]).astype(np.int32)
            columns[f"ctr_pt_position_{name[0]}"] = pa.array(voxels)
        else:
            columns[CAVE_NAMES.get(name, name)] = column
    return pa.RecordBatch.from_pydict(columns)


def _counted(batches: Iterable[pa.RecordBatch], total: int, progress: Progress | None) -> Iterator[pa.RecordBatch]:
    for done, batch in enumerate(batches, start=1):
        yield batch
        if progress:
            progress(done, total)


def _write_parquet(path: Path, batches: Iterator[pa.RecordBatch]) -> int:
    import pyarrow.parquet as pq

    first = next(batches)
    rows: int = first.num_rows
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_csv(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    from pyarrow import csv

    first = next(batches)
    with csv.CSVWriter(path, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
