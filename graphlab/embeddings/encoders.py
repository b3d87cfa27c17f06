"""What an encoder is trained on, opened: volumes, and pairs drawn from skeletons or read from files.

Tests: tests/graphlab/commands/training/test_encoders.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.schema.errors import AnalysisError, SchemaError
from ingest.volumes.volume import Volume, open_volume

if TYPE_CHECKING:
    from gpu_embed.training.pairs.table import Pairs

PAIRS = "pairs.parquet"


@dataclass(frozen=True)
class PairSource:
    """Skeletons to draw from, or a file of pairs.

    Args:
        draw: how many. distances: bounds of path distance in nm, with commas. unit_nm: of SWC files.
    """

    skeletons: Path | None
    pairs: str | None
    draw: int
    distances: str
    unit_nm: float | None
    seed: int

    def read(self, em: Volume, segmentation: Volume) -> Pairs:
        """The pairs; drawn with the seed, so that every process draws the same.

        Raises:
            AnalysisError: neither or both of skeletons and pairs; see ``sample_positives``. SchemaError: skeletons
                outside of the volumes; pairs of two neurons among those of a file.
        """
        import numpy as np

        from gpu_embed.training.pairs.sampling import sample_positives, usable_nodes
        from gpu_embed.training.pairs.table import Pairs, read_pairs
        from gpu_embed.training.pairs.tf_examples import read_examples
        from ingest.nodes import read_skeletons

        if (self.skeletons is None) == (self.pairs is None):
            raise AnalysisError("give either --skeletons, to draw pairs, or --pairs, to read them")
        if self.pairs is not None:
            ours = self.pairs.endswith(".parquet")
            read = read_pairs(Path(self.pairs)) if ours else read_examples(self.pairs, em.resolution)
            if not read.positive.all():
                raise SchemaError(
                    f"{self.pairs}: {int((~read.positive).sum()):,} pairs are of two neurons; leave them out"
                )
            return read
        assert self.skeletons is not None
        skeletons = list(read_skeletons(self.skeletons, self.unit_nm))
        usable, notes = usable_nodes(skeletons, em, segmentation)
        bounds = _numbers(self.distances)
        drawn = sample_positives(skeletons, self.draw, bounds, np.random.default_rng(self.seed), usable)
        return Pairs(drawn.root_ids, drawn.points_nm, drawn.path_nm, drawn.radii_nm, notes)

    def keep(self, folder: Path, pairs: Pairs) -> None:
        """Leave drawn pairs beside the checkpoint."""
        from gpu_embed.training.pairs.table import write_pairs

        if self.skeletons is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_pairs(folder / PAIRS, pairs)


def open_volumes(
    em: str,
    segmentation: str,
    resolution: str | None,
    segmentation_resolution: str | None,
    offset: Sequence[int] | None,
    segmentation_offset: Sequence[int] | None,
) -> tuple[Volume, Volume]:
    """EM, and the segmentation at the scale nearest to it."""
    grey = open_volume(em, resolution=resolution, offset=offset)
    ids = open_volume(
        segmentation,
        resolution=segmentation_resolution or resolution,
        offset=segmentation_offset,
        prefer=grey.resolution,
    )
    return grey, ids


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise AnalysisError(f"found {text!r}; wanted bounds of path distance in nm, like 0,2500,10000") from None
