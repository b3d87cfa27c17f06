"""Links that open neurons in Neuroglancer: the state as URL-encoded JSON, ids as text, dimensions in metres.

A segmentation layer appears only where its source is known (a published data set by name and version) or given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.schema.ids import as_root_ids
from ingest.schema.space import Resolution

VIEWER = "https://neuroglancer-demo.appspot.com/"
MAX_LINK = 60_000
"""Characters; browsers and the viewer take longer ones, mail programs and sheets do not."""


@dataclass(frozen=True)
class NeuroglancerDataset:
    """Where a link finds images and segments; positions are shown in voxels of ``resolution``."""

    segmentation: str | None = None
    image: str | None = None
    resolution: Resolution | None = None


KNOWN: dict[tuple[str, str | None], NeuroglancerDataset] = {
    ("flywire", "783"): NeuroglancerDataset("precomputed://gs://flywire_v141_m783", None, Resolution(4.0, 4.0, 40.0)),
    ("hemibrain", "1.2"): NeuroglancerDataset(
        "precomputed://gs://neuroglancer-janelia-flyem-hemibrain/v1.2/segmentation",
        "precomputed://gs://neuroglancer-janelia-flyem-hemibrain/emdata/clahe_yz/jpeg",
        Resolution(8.0, 8.0, 8.0),
    ),
    ("microns l2/3", "185"): NeuroglancerDataset(
        "precomputed://gs://microns_public_datasets/pinky100_v185/seg",
        "precomputed://gs://neuroglancer/pinky100_v0/son_of_alignment_v15_rechunked",
        Resolution(4.0, 4.0, 40.0),
    ),
    ("microns", "1300"): NeuroglancerDataset(
        "precomputed://gs://iarpa_microns/minnie/minnie65/seg_m1300",
        "precomputed://gs://iarpa_microns/minnie/minnie65/em",
        Resolution(4.0, 4.0, 40.0),
    ),
    ("male-cns", "0.9"): NeuroglancerDataset(
        "precomputed://gs://flyem-male-cns/v0.9/segmentation",
        "precomputed://gs://flyem-male-cns/em/em-clahe-jpeg",
        Resolution(8.0, 8.0, 8.0),
    ),
    ("h01", "c3"): NeuroglancerDataset(
        "precomputed://gs://h01-release/data/20210601/c3",
        "precomputed://gs://h01-release/data/20210601/4nm_raw",
        Resolution(4.0, 4.0, 33.0),
    ),
}
"""Published data sets: (name in small letters, segmentation version) -> sources."""


def dataset_of(
    name: str | None,
    version: str | None = None,
    segmentation: str | None = None,
    resolution: str | Sequence[float] | None = None,
) -> NeuroglancerDataset:
    """Sources of a data set: those given, else those of a published one of exactly this name and version."""
    known = KNOWN.get(
        ((name or "").strip().lower(), (version or "").strip().lower().removeprefix("v")), NeuroglancerDataset()
    )
    voxel = known.resolution
    if voxel is None and resolution is not None:
        voxel = Resolution.parse(resolution)
    return NeuroglancerDataset(segmentation or known.segmentation, known.image if not segmentation else None, voxel)


def state(
    root_ids: Sequence[int],
    points_nm: Sequence[tuple[float, float, float] | None] = (),
    labels: Sequence[str] = (),
    dataset: NeuroglancerDataset | None = None,
) -> dict[str, Any]:
    """A viewer state that shows some neurons.

    Args:
        root_ids: of the segments. points_nm: a place of each neuron, None where unknown. labels: of the points.

    Raises:
        AnalysisError: as many points or labels as neurons were wanted.
    """
    sources = dataset or NeuroglancerDataset()
    for name, given in (("points", points_nm), ("labels", labels)):
        if given and len(given) != len(root_ids):
            raise AnalysisError(f"{len(given)} {name} for {len(root_ids)} neurons; wanted one each")
    voxel = sources.resolution.xyz if sources.resolution else (1.0, 1.0, 1.0)
    dimensions = {axis: [size * 1e-9, "m"] for axis, size in zip("xyz", voxel, strict=True)}
    places = [
        (k, [value / size for value, size in zip(point, voxel, strict=True)])
        for k, point in enumerate(points_nm)
        if point is not None and all(math.isfinite(value) for value in point)
    ]
    layers: list[dict[str, Any]] = []
    if sources.image:
        layers.append({"type": "image", "source": sources.image, "name": "image"})
    ids = [str(int(root)) for root in root_ids]
    if sources.segmentation:
        layers.append({"type": "segmentation", "source": sources.segmentation, "segments": ids, "name": "neurons"})
    if places:
        layers.append(
            {
                "type": "annotation",
                "name": "places",
                "source": {"url": "local://annotations", "transform": {"outputDimensions": dimensions}},
                "annotations": [
                    {
                        "type": "point",
                        "id": str(k),
                        "point": point,
                        "description": f"{labels[k]} {ids[k]}" if labels else ids[k],
                    }
                    for k, point in places
                ],
            }
        )
    made: dict[str, Any] = {"dimensions": dimensions, "layers": layers, "layout": "3d", "showSlices": False}
    if places:
        made["position"] = [sum(p[axis] for _, p in places) / len(places) for axis in range(3)]
    return made


def link(viewer_state: dict[str, Any], viewer: str = VIEWER) -> str:
    """The address that opens a state.

    Raises:
        AnalysisError: a state too large for an address.
    """
    address = f"{viewer}#!{quote(json.dumps(viewer_state, separators=(',', ':'), allow_nan=False), safe='')}"
    if len(address) > MAX_LINK:
        raise AnalysisError(f"the link has {len(address):,} characters, more than {MAX_LINK:,}; show fewer neurons")
    return address


def segments(address: str, layer: str | None = None) -> list[int]:
    """The segments that an address shows, in order, each once; those that are chosen and hidden are left out.

    Args:
        address: with its state after ``#!``. layer: name of the segmentation layer, where several have segments.

    Raises:
        AnalysisError: no state in it, no segments, several layers with segments, a segment that is no id.
    """
    _, found, text = address.partition("#!")
    text = unquote(text.strip())
    if not found or not text:
        raise AnalysisError(f"{address[:80]!r} holds no state; wanted a Neuroglancer address with #! and the state")
    if not text.startswith("{"):
        raise AnalysisError(
            f"the state of this address lies on a server ({text[:80]}), which is not asked; open it, and copy the "
            "address with the whole state in it (in the viewer: the button that copies the URL, or {} for the JSON)"
        )
    try:
        viewer_state = json.loads(text)
    except ValueError as error:
        raise AnalysisError(f"the state of this address is no JSON: {error}. It may have been cut on the way") from None
    layers = viewer_state.get("layers", []) if isinstance(viewer_state, dict) else []
    shown = {
        str(one.get("name", number)): one["segments"]
        for number, one in enumerate(layers if isinstance(layers, list) else [])
        if isinstance(one, dict) and isinstance(one.get("segments"), list) and one["segments"]
    }
    if layer is not None and layer not in shown:
        raise UnknownNameError("layer with segments", layer, shown)
    if not shown or (len(shown) > 1 and layer is None):
        found_layers = f"segments in the layers {', '.join(shown)}; say which" if shown else "no layer with segments"
        raise AnalysisError(f"the state of this address has {found_layers}")
    chosen = shown[layer] if layer is not None else next(iter(shown.values()))
    visible = [str(one) for one in chosen if not str(one).startswith("!")]
    return list(dict.fromkeys(as_root_ids(visible, "segment").tolist()))


def instance_link(row: dict[str, Any], size: int, dataset: NeuroglancerDataset) -> str | None:
    """The link of one row of ``graph.motifs.instances``; None where there is neither a segmentation nor a position."""
    roles = range(size)
    points: list[tuple[float, float, float] | None] = [None] * size
    if "x_nm_0" in row:
        points = [(row[f"x_nm_{k}"], row[f"y_nm_{k}"], row[f"z_nm_{k}"]) for k in roles]
    labels = [str(row.get(f"type_{k}") or f"neuron {k}") for k in roles]
    made = state([row[f"neuron_{k}"] for k in roles], points, labels, dataset)
    return link(made) if made["layers"] else None
